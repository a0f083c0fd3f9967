//! What can go wrong while training, and with its files.

use std::{io, path::PathBuf};

use super::divergence::Divergence;
use crate::data::DataError;
use crate::exchange::ExchangeError;
use crate::exec::ExecError;

/// Failure of a run, or of reading and writing its files.
///
/// Every message is one line that says what is wrong, and where.
#[derive(Debug, thiserror::Error)]
pub enum TrainError {
    /// The data.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The network on its device.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// Files of weights.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// The loss of a training step is NaN or infinite, so the weights are useless.
    #[error("the loss is {loss} in epoch {epoch}, step {step}: {divergence}; these weights are not written")]
    NotFinite {
        /// The loss that was measured.
        loss: f64,
        /// The epoch, counted from 1.
        epoch: usize,
        /// The step in the epoch, counted from 1.
        step: usize,
        /// What the weights and gradients show when the loss arrives.
        divergence: Divergence,
    },
    /// The loss of an evaluation step is NaN or infinite.
    #[error("the loss is {loss} in step {step} of the evaluation")]
    EvaluationNotFinite {
        /// The loss that was measured.
        loss: f64,
        /// The step of the pass, counted from 1.
        step: usize,
    },
    /// A directory or file of results can't be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The directory or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// TensorBoard's files can't be written.
    #[error("cannot write {}: {source}", path.display())]
    WriteEvents {
        /// The directory or file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another process works in the directory of a run.
    #[error("{} is in use by another wgrad", path.display())]
    InUse {
        /// The directory.
        path: PathBuf,
    },
    /// The directory of a run has no checkpoint.
    #[error("{} has no checkpoint", path.display())]
    NoCheckpoint {
        /// The directory.
        path: PathBuf,
    },
    /// The directory of a run has a run that is not finished.
    #[error("{} has a run that was stopped in epoch {epoch}, step {step}", path.display())]
    Unfinished {
        /// The directory.
        path: PathBuf,
        /// The epoch, counted from 1.
        epoch: usize,
        /// Steps of the epoch that were done.
        step: usize,
    },
    /// A checkpoint can't be read.
    #[error("checkpoint {} can't be used: {reason}", path.display())]
    Checkpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A checkpoint stands behind the end of an epoch.
    #[error(
        "the checkpoint stands after step {step}, but an epoch has {steps}; name the data that the run was begun with"
    )]
    TooFar {
        /// The step in the epoch, counted from 1.
        step: usize,
        /// Steps of an epoch.
        steps: usize,
    },
    /// The file of measured choices can't be used.
    #[error("{} is ignored: {reason}", path.display())]
    TuningCache {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}
