//! What a user can do about an error of the library, in the words of the command line.

use wgrad::Error;
use wgrad::train::TrainError;

/// The message of an error, with its remedy.
pub fn message(error: &anyhow::Error) -> String {
    format!("{error}{}", suffix(error))
}

/// What follows the message of an error: its remedy, after a semicolon.
pub fn suffix(error: &anyhow::Error) -> String {
    let cause = error.chain().find_map(|cause| match cause.downcast_ref() {
        Some(Error::Train(error)) => Some(error),
        Some(_) => None,
        None => cause.downcast_ref(),
    });
    match cause.map(of) {
        Some(remedy) if !remedy.is_empty() => format!("; {remedy}"),
        _ => String::new(),
    }
}

/// The remedy of an error; no text where its message says all.
pub fn of(error: &TrainError) -> String {
    match error {
        TrainError::NotFinite { .. } => "try a smaller --learning-rate".into(),
        TrainError::EvaluationNotFinite { .. } => "train again with a smaller --learning-rate".into(),
        TrainError::Write { .. } => {
            "check its permissions and the free space, or name another directory with --out".into()
        }
        TrainError::WriteEvents { .. } => {
            "check its permissions and the free space, or name another directory with --tensorboard".into()
        }
        TrainError::InUse { .. } => "wait until it ends, or name another directory with --out".into(),
        TrainError::NoCheckpoint { .. } => "name the directory of a run, or train without --resume".into(),
        TrainError::Unfinished { path, .. } => format!(
            "`wgrad train --resume {}` resumes it, --overwrite begins anew, and --out names another directory",
            path.display()
        ),
        TrainError::Checkpoint { .. } => "put a copy of it in its place, or begin anew with --overwrite".into(),
        TrainError::TuningCache { .. } => "`wgrad tune` writes it anew".into(),
        TrainError::TooFar { .. } => String::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_follows_the_message() {
        let error = || TrainError::InUse { path: "runs/a".into() };
        let expected = "runs/a is in use by another wgrad; wait until it ends, or name another directory with --out";
        assert_eq!(message(&error().into()), expected);
        assert_eq!(message(&Error::from(error()).into()), expected);
        assert_eq!(message(&anyhow::anyhow!("other")), "other");
    }
}
