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
    /// The file of measured choices can't be used.
    #[error("{} is ignored: {reason}; `wgrad tune` writes it anew", path.display())]
    TuningCache {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
}
