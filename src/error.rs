//! The error of the whole library. No module imports it: each has its own.

use thiserror::Error;

#[cfg(feature = "host")]
use crate::data::DataError;
use crate::exchange::ExchangeError;
use crate::exec::{ExecError, ProgramError};
use crate::gpu::GpuError;
use crate::graph::{GraphError, PlanError};
use crate::minibatch::MinibatchError;
use crate::model::ModelError;
#[cfg(feature = "host")]
use crate::report::ReportError;
#[cfg(feature = "host")]
use crate::train::TrainError;

/// Anything that wgrad's library can fail with, for programs that use several of its modules.
#[derive(Debug, Error)]
pub enum Error {
    /// The adapter or the device.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// The data set.
    #[cfg(feature = "host")]
    #[error(transparent)]
    Data(#[from] DataError),
    /// The network.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A node of a graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The schedule.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// Labels or pixels that do not fit the network.
    #[error(transparent)]
    Minibatch(#[from] MinibatchError),
    /// What a program was asked for.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// A network on a device.
    #[error(transparent)]
    Exec(#[from] ExecError),
    /// Files of weights.
    #[error(transparent)]
    Exchange(#[from] ExchangeError),
    /// Training, or its files.
    #[cfg(feature = "host")]
    #[error(transparent)]
    Train(#[from] TrainError),
    /// The report.
    #[cfg(feature = "host")]
    #[error(transparent)]
    Report(#[from] ReportError),
}
