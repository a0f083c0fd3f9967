//! What can be wrong with a node when it is added to a graph.

use thiserror::Error;

use crate::shape::Shape;

/// A node or a tensor that a graph can't have.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum GraphError {
    /// A tensor of another graph.
    #[error("`{node}` names a tensor that this graph does not have")]
    UnknownTensor {
        /// The node.
        node: String,
    },
    /// An input is missing, or there are too many.
    #[error("`{node}` has {found} inputs, but its operation takes {wanted}")]
    Inputs {
        /// The node.
        node: String,
        /// Inputs it was given.
        found: usize,
        /// Inputs of the operation.
        wanted: usize,
    },
    /// A tensor has another shape than the operation was made for.
    #[error("`{node}` is made for `{tensor}` of shape {wanted}, but it has shape {found}")]
    Shape {
        /// The node.
        node: String,
        /// The tensor.
        tensor: String,
        /// Its shape.
        found: Shape,
        /// The shape that the operation needs.
        wanted: Shape,
    },
    /// A setting that makes no sense.
    #[error("`{node}`: {wrong}")]
    Value {
        /// The node.
        node: String,
        /// The setting, and which values it may have.
        wrong: String,
    },
    /// A tensor that is not computed, since the node that made it became one with the node that reads it.
    #[error("`{tensor}` is not computed, since it was fused away; keep it, or do without fusion")]
    FusedAway {
        /// The tensor.
        tensor: String,
    },
    /// A tensor that no shader can index.
    #[error("`{tensor}` of shape {shape} has more than 2^31 elements")]
    TooLarge {
        /// The tensor.
        tensor: String,
        /// Its shape.
        shape: Shape,
    },
}
