//! The library's error.

use thiserror::Error;

use crate::data::DataError;
use crate::exchange::ExchangeError;
use crate::exec::ProgramError;
use crate::gpu::GpuError;
use crate::graph::{GraphError, PlanError};
use crate::minibatch::MinibatchError;
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
    /// A node of a graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// What a program was asked for.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// The schedule.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// A minibatch too large for the adapter.
    #[error("{source}: {}", advice(*largest))]
    BatchSize {
        /// What does not fit.
        source: Box<Error>,
        /// Most images that fit; 0 if one is too many.
        largest: usize,
    },
    /// Labels or pixels that do not fit the network.
    #[error(transparent)]
    Minibatch(#[from] MinibatchError),
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

impl Error {
    /// Whether a smaller minibatch may help.
    pub(crate) fn is_too_large(&self) -> bool {
        match self {
            Self::Gpu(error) => matches!(error, GpuError::TooLarge { .. }),
            Self::Graph(error) | Self::Model(ModelError::Graph(error)) => matches!(error, GraphError::TooLarge { .. }),
            Self::Plan(error) => matches!(error, PlanError::Loop { .. } | PlanError::Grid { .. }),
            _ => false,
        }
    }
}

fn advice(largest: usize) -> String {
    match largest {
        0 => "not even 1 image fits; take a smaller network, or another adapter with --adapter".into(),
        _ => format!("the largest batch that fits is {largest}"),
    }
}

/// A message without line breaks: those of libraries have some, and so have names in files.
pub(crate) fn one_line(message: &str) -> String {
    message.split_whitespace().collect::<Vec<_>>().join(" ")
}
