//! What can go wrong while a network is put on a device and computed there.

use thiserror::Error;

use crate::gpu::GpuError;
use crate::graph::{GraphError, PlanError};
use crate::minibatch::MinibatchError;
use crate::model::ModelError;

/// Failure to schedule a network, or to compute on a device.
#[derive(Debug, Error)]
pub enum ExecError {
    /// The device.
    #[error(transparent)]
    Gpu(#[from] GpuError),
    /// The network.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// A node of a graph.
    #[error(transparent)]
    Graph(#[from] GraphError),
    /// The schedule.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// What a program was asked for.
    #[error(transparent)]
    Program(#[from] ProgramError),
    /// A minibatch too large for the adapter.
    #[error("{source}: {}", fitting(*largest))]
    BatchSize {
        /// What does not fit.
        source: Box<ExecError>,
        /// Most images that fit; 0 if one is too many.
        largest: usize,
    },
    /// Labels or pixels that do not fit the network.
    #[error(transparent)]
    Minibatch(#[from] MinibatchError),
    /// Weights that don't fit the network.
    #[error("weights: {0}")]
    Weights(String),
}

impl ExecError {
    /// Whether a smaller minibatch may help.
    pub(super) fn is_too_large(&self) -> bool {
        match self {
            Self::Gpu(error) => matches!(error, GpuError::TooLarge { .. }),
            Self::Graph(error) | Self::Model(ModelError::Graph(error)) => matches!(error, GraphError::TooLarge { .. }),
            Self::Plan(error) => matches!(error, PlanError::Loop { .. } | PlanError::Grid { .. }),
            _ => false,
        }
    }
}

fn fitting(largest: usize) -> String {
    match largest {
        0 => "not even 1 image fits".into(),
        _ => format!("the largest batch that fits is {largest}"),
    }
}

/// A request that does not fit a [`Program`](super::Program).
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum ProgramError {
    /// A plan of another graph.
    #[error("the plan belongs to another graph than the program")]
    OtherGraph,
    /// No such plan.
    #[error("there is no plan {plan}: the program has {plans}, counted from 0")]
    NoPlan {
        /// Its number.
        plan: usize,
        /// How many there are.
        plans: usize,
    },
    /// No such dispatch in a plan.
    #[error("there is no dispatch {step}: the plan has {steps}, counted from 0")]
    NoDispatch {
        /// Its number.
        step: usize,
        /// How many there are.
        steps: usize,
    },
    /// A tensor that no plan of the program uses.
    #[error("`{0}` has no memory, because no plan of the program uses it")]
    NoMemory(String),
    /// More values than a tensor has elements.
    #[error("`{tensor}` has {elements} elements, but is given {values} values")]
    Length {
        /// The tensor.
        tensor: String,
        /// Its elements.
        elements: usize,
        /// The values.
        values: usize,
    },
}
