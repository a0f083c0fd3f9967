//! What a user can do about an error of the library, in the words of the command line.

use wgrad::exec::ExecError;
use wgrad::gpu::GpuError;
use wgrad::train::TrainError;

use super::cause::innermost;

/// The message of an error, with its remedy.
pub fn message(error: &anyhow::Error) -> String {
    format!("{error}{}", suffix(error))
}

/// What follows the message of an error: its remedy, after a semicolon.
pub fn suffix(error: &anyhow::Error) -> String {
    error.chain().map(innermost).find_map(of).map_or_else(String::new, |remedy| format!("; {remedy}"))
}

/// The remedy of an error; none where its message says all.
fn of(error: &(dyn std::error::Error + 'static)) -> Option<String> {
    if let Some(error) = error.downcast_ref() {
        return of_training(error);
    }
    if let Some(error) = error.downcast_ref() {
        return of_device(error).map(str::to_owned);
    }
    let too_large = matches!(error.downcast_ref(), Some(ExecError::BatchSize { largest: 0, .. }));
    too_large.then(|| "take a smaller network, or another adapter with --adapter".into())
}

fn of_device(error: &GpuError) -> Option<&'static str> {
    Some(match error {
        GpuError::Open { .. } => "choose another with --adapter (see `wgrad devices`)",
        GpuError::Lost(_) => "try again, with a smaller --batch-size or another --adapter",
        GpuError::OutOfMemory(_) | GpuError::TooLarge { .. } => "use a smaller --batch-size",
        GpuError::Device(_) => "please report it with the output of `wgrad devices`",
        GpuError::MicroKernel { .. } => "leave --kernel out to get one that can",
        _ => return None,
    })
}

fn of_training(error: &TrainError) -> Option<String> {
    Some(match error {
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
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_remedy_follows_the_message() {
        let error = || TrainError::InUse { path: "runs/a".into() };
        let expected = "runs/a is in use by another wgrad; wait until it ends, or name another directory with --out";
        assert_eq!(message(&error().into()), expected);
        assert_eq!(
            message(&anyhow::Error::from(error()).context("in short")),
            "in short; wait until it ends, or name another directory with --out"
        );
        assert_eq!(message(&anyhow::anyhow!("other")), "other");
        let full = TrainError::from(ExecError::from(GpuError::OutOfMemory("full".into())));
        assert_eq!(message(&full.into()), "the device is out of memory: full; use a smaller --batch-size");
    }
}
