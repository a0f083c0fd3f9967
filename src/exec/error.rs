//! What a program can't do that it is asked for.

use thiserror::Error;

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
