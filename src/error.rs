//! The library's error.

use thiserror::Error;

use crate::data::DataError;
use crate::gpu::GpuError;
use crate::graph::PlanError;
use crate::model::ModelError;

/// Anything that wgrad's library can fail with.
#[derive(Debug, Error)]
pub enum Error {
    /// The adapter or the device.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// The data set.
    #[error(transparent)]
    Data(#[from] DataError),
    /// The network.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The schedule.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Weights that don't fit the network.
    #[error("weights: {0}")]
    Weights(String),
    /// A file of results.
    #[error("can't {action} {path}: {source}")]
    File {
        /// What was tried.
        action: &'static str,
        /// The file.
        path: String,
        /// Why it failed.
        source: std::io::Error,
    },
}
