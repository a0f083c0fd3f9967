//! What a batch normalization reads.

use crate::graph::TensorId;

/// The tensors of a batch normalization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BatchNormInputs {
    /// What is normalized.
    pub x: TensorId,
    /// The minibatch that says how many images count.
    pub minibatch: TensorId,
    /// Moving mean and moving variance, `[c]` each. They get no gradient. In training the statistics of the batch are
    /// written to the place of their gradient.
    pub moving: TensorId,
    /// Gamma and beta, `[c]` each: those that there are, gamma first.
    pub weights: Option<TensorId>,
    /// What is added.
    pub added: Option<TensorId>,
}
