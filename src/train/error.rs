//! What can go wrong while training, and with its files.

use std::{io, path::PathBuf};

use super::Divergence;

/// Failure of a run, or of reading and writing its files.
///
/// Every message is one line: what is wrong, where, and what to do next.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The loss of a training step is NaN or infinite, so the weights are of no use any more.
    #[error(
        "the loss is {loss} in epoch {epoch}, step {step}: {divergence}; these weights are not written, try a smaller \
         --learning-rate"
    )]
    NotFinite {
        /// What was measured.
        loss: f64,
        /// Epoch, counted from 1.
        epoch: usize,
        /// Step in the epoch, counted from 1.
        step: usize,
        /// What weights and gradients show by now.
        divergence: Divergence,
    },
    /// The loss of an evaluation step is NaN or infinite.
    #[error("the loss is {loss} in step {step} of the evaluation; train again with a smaller --learning-rate")]
    EvaluationNotFinite {
        /// What was measured.
        loss: f64,
        /// Step of the pass, counted from 1.
        step: usize,
    },
    /// A directory or file of results can't be written.
    #[error(
        "cannot write {}: {source}; check its permissions and the free space, or name another directory with --out",
        path.display()
    )]
    Write {
        /// The directory or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// TensorBoard's files can't be written.
    #[error(
        "cannot write {}: {source}; check its permissions and the free space, or name another directory with \
         --tensorboard",
        path.display()
    )]
    WriteEvents {
        /// The directory or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process works in the directory of a run.
    #[error("{} is in use by another wgrad; wait for it, or name another directory with --out", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// A run's directory has no checkpoint.
    #[error("{} has no checkpoint; name the directory of a run, or train without --resume", path.display())]
    NoCheckpoint {
        /// The directory.
        path: PathBuf,
    },
    /// A run's directory has a run that is not finished.
    #[error(
        "{} has a run that was stopped in epoch {epoch}, step {step}; `wgrad train --resume {}` goes on with it, --overwrite \
         begins anew, and --out names another directory",
        path.display(),
        path.display()
    )]
    Unfinished {
        /// The directory.
        path: PathBuf,
        /// Epoch, counted from 1.
        epoch: usize,
        /// Steps of it that were done.
        step: usize,
    },
    /// A checkpoint can't be read.
    #[error("checkpoint {} can't be used: {reason}; put a copy of it in its place, or begin anew with --overwrite", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A checkpoint stands further in its epoch than the epoch is long.
    #[error(
        "the checkpoint stands after step {step} of an epoch of {steps}; name the data that it was begun with, or begin anew"
    )]
    TooFar {
        /// Step in the epoch, counted from 1.
        step: usize,
        /// Steps of an epoch.
        steps: usize,
    },
    /// The file of measured choices can't be used.
    #[error("{} is ignored: {reason}; `wgrad tune` writes it anew", path.display())]
    TuningCache {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}
