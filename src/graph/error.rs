//! What can be wrong with a node when it is added to a graph, or with a schedule that is planned.

use thiserror::Error;

use crate::kernel::MAX_WORKGROUPS;
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

/// llvmpipe lets one invocation run this many loop iterations, and then ends its loops silently (Mesa's
/// `LP_MAX_TGSI_LOOP_ITERATIONS`).
pub(super) const MAX_LOOP_TRIPS: u64 = 65_535;

/// A schedule that can't be run.
#[derive(Debug, Error, PartialEq)]
pub enum PlanError {
    /// A dispatch was recorded for another graph.
    #[error("dispatch `{dispatch}` was recorded for another graph than the plan is made for")]
    OtherGraph {
        /// The dispatch.
        dispatch: String,
    },
    /// A tensor is read before anything wrote it.
    #[error("dispatch `{dispatch}` reads `{tensor}` before anything writes it")]
    ReadBeforeWrite {
        /// The reader.
        dispatch: String,
        /// What it reads.
        tensor: String,
    },
    /// One dispatch reads and writes one buffer through two bindings.
    #[error("dispatch `{dispatch}` binds the buffer of `{tensor}` twice and writes it")]
    Alias {
        /// The dispatch.
        dispatch: String,
        /// A tensor in the buffer.
        tensor: String,
    },
    /// A shader declares a tensor that is kept in 16 bits itself.
    #[error(
        "dispatch `{dispatch}` declares `{tensor}` itself, which is kept in 16 bits; bind it as an operand or a result"
    )]
    Precision {
        /// The dispatch.
        dispatch: String,
        /// The tensor.
        tensor: String,
    },
    /// A loop has more iterations than llvmpipe runs.
    #[error(
        "dispatch `{dispatch}` loops {trips} times in one invocation, more than {MAX_LOOP_TRIPS}; use a smaller batch"
    )]
    Loop {
        /// The dispatch.
        dispatch: String,
        /// Iterations of one invocation.
        trips: u64,
    },
    /// A grid wider than WebGPU allows.
    #[error(
        "dispatch `{dispatch}` needs {workgroups} workgroups in a dimension, more than {MAX_WORKGROUPS}; use a smaller \
         batch"
    )]
    Grid {
        /// The dispatch.
        dispatch: String,
        /// Workgroups in the widest dimension.
        workgroups: u32,
    },
}
