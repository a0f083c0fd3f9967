//! The checkpoints in a run's directory.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Instant;

use super::{Checkpoint, CheckpointInterval, OutputDir, RunRecord, TrainError};
use crate::file;

/// Beginning and end of the files' names; the number of updates stands between them.
const START: &str = "checkpoint-";
const END: &str = ".safetensors";

/// Writes checkpoints into a run's directory. The checkpoint before the newest stays, because a disk may lose a file
/// that it has reported as written.
#[derive(Debug)]
pub struct Checkpoints<'a> {
    out: &'a OutputDir,
    interval: CheckpointInterval,
    run: RunRecord,
    before: Option<PathBuf>,
    written: Instant,
    steps: usize,
}

impl<'a> Checkpoints<'a> {
    /// Writes a checkpoint into `out` whenever `interval` has passed. Each checkpoint holds `run`.
    pub fn new(out: &'a OutputDir, interval: CheckpointInterval, run: RunRecord) -> Self {
        Self { out, interval, run, before: None, written: Instant::now(), steps: 0 }
    }

    /// The run that the checkpoints belong to.
    pub fn run(&self) -> &RunRecord {
        &self.run
    }

    /// Counts a step, and returns whether a checkpoint is due after it.
    pub(super) fn is_due(&mut self) -> bool {
        self.steps += 1;
        self.interval.has_passed(self.steps, self.written.elapsed())
    }

    /// Writes `checkpoint`, and deletes all others but the one written before it.
    ///
    /// # Errors
    /// [`TrainError::Write`]; the checkpoints before stay.
    pub(super) fn write(&mut self, checkpoint: &Checkpoint) -> Result<(), TrainError> {
        let name = format!("{START}{:09}{END}", checkpoint.state.updates);
        let path = self.out.path().join(&name);
        let failed = |reason: String| TrainError::Write { path: path.clone(), source: io::Error::other(reason) };
        let bytes = checkpoint.to_bytes().map_err(failed)?;
        self.out.write(&[(&name, &bytes)])?;
        for other in files(self.out.path()) {
            if other != path && Some(&other) != self.before.as_ref() {
                // A file that can't be deleted does no harm: the newest checkpoint is read.
                let _ = fs::remove_file(other);
            }
        }
        self.before = Some(path);
        (self.written, self.steps) = (Instant::now(), 0);
        Ok(())
    }

    /// The newest checkpoint in `directory` that can be read, and what is wrong with newer ones. There is none if the
    /// directory has no checkpoints at all.
    ///
    /// # Errors
    /// [`TrainError::Checkpoint`] if the directory has checkpoints and none can be read.
    pub fn newest(directory: &Path) -> Result<(Option<Checkpoint>, Vec<TrainError>), TrainError> {
        let mut wrong = Vec::new();
        for path in files(directory).into_iter().rev() {
            let read = file::read(&path, u64::MAX).map_err(|error| error.to_string());
            match read.and_then(|bytes| Checkpoint::from_bytes(&bytes)) {
                Ok(checkpoint) => return Ok((Some(checkpoint), wrong)),
                Err(reason) => wrong.push(TrainError::Checkpoint { path, reason }),
            }
        }
        if wrong.is_empty() { Ok((None, wrong)) } else { Err(wrong.swap_remove(0)) }
    }

    /// Deletes all checkpoints in `directory`.
    ///
    /// # Errors
    /// [`TrainError::Write`]
    pub fn delete(directory: &OutputDir) -> Result<(), TrainError> {
        for path in files(directory.path()) {
            fs::remove_file(&path).map_err(|source| TrainError::Write { path, source })?;
        }
        Ok(())
    }
}

/// The checkpoints in a directory, oldest first.
fn files(directory: &Path) -> Vec<PathBuf> {
    let updates = |path: &Path| -> Option<u64> {
        path.file_name()?.to_str()?.strip_prefix(START)?.strip_suffix(END)?.parse().ok()
    };
    let entries = fs::read_dir(directory).into_iter().flatten().flatten();
    let mut files: Vec<_> = entries.filter_map(|entry| Some((updates(&entry.path())?, entry.path()))).collect();
    files.sort();
    files.into_iter().map(|(_, path)| path).collect()
}
