//! The library's error.

use thiserror::Error;

use crate::data::DataError;
use crate::exchange::ExchangeError;
use crate::gpu::GpuError;
use crate::graph::PlanError;
use crate::model::ModelError;
use crate::report::ReportError;
use crate::train::TrainError;

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
    /// Files of weights.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// Training, or its files.
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The report.
    #[error(transparent)]
    Report(#[from] ReportError),
}
