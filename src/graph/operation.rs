//! What an operation must tell the graph.

use std::fmt::Debug;

use super::{Recorder, TensorId};
use crate::shape::Shape;

/// An operation is its geometry; it records dispatches and keeps no state.
pub trait Operation: Debug {
    /// Shape of the output.
    fn output_shape(&self) -> Shape;

    /// Whether the output is the first input under another shape.
    fn is_view(&self) -> bool {
        false
    }

    /// Whether the gradient of each input is that of the output, so that nothing need be recorded.
    fn passes_gradient(&self) -> bool {
        false
    }

    /// Records the dispatches that write `output`.
    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], output: TensorId);

    /// Records the dispatches that write the gradient of each input into `gradients`, `None` where nobody asks.
    /// `dy` is the gradient of the output; a loss, which ends a graph, gets its own output.
    fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &[TensorId],
        output: TensorId,
        dy: TensorId,
        gradients: &[Option<TensorId>],
    );

    /// Whether the output is a relu's, so that its gradient is 0 wherever it is 0.
    fn ends_in_relu(&self) -> bool {
        false
    }

    /// Whether the node is a loss: it needs no gradient from above.
    fn is_loss(&self) -> bool {
        false
    }
}
