//! Rectified linear unit.

use crate::graph::{Graph, GraphError, Inputs, Operation, Recorder, TensorId};
use crate::kernel::wgsl;
use crate::shape::Shape;

/// `y = max(x, 0)`, element by element; the gradient at 0 is 0.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relu {
    /// Shape of `x` and `y`: any.
    pub shape: Shape,
}

impl Graph {
    /// Adds a relu of `x`, element by element: the shape of `x`.
    ///
    /// # Errors
    /// A tensor of another graph.
    pub fn relu(&mut self, name: &str, x: TensorId) -> Result<TensorId, GraphError> {
        let shape = self.inputs(name, &[x])?.tensors()[0].shape.clone();
        self.add_own_node(name, Relu { shape }, &[x])
    }
}

impl Recorder<'_> {
    /// Records the gradient of a fused relu with the output `y`, and returns the gradient of its input. That is `dy`
    /// itself, with nothing recorded, if `dy` is already 0 wherever `y` is.
    pub(super) fn relu_gradient(&mut self, dy: TensorId, y: TensorId) -> TensorId {
        if self.is_stopped_by_relu(dy) {
            return dy;
        }
        let tensor = self.graph().tensor(y);
        let (name, shape) = (format!("d {} before relu", tensor.name), tensor.shape.clone());
        let dx = self.temporary(name, shape);
        self.record_relu_gradient(dy, y, dx);
        dx
    }

    fn record_relu_gradient(&mut self, dy: TensorId, y: TensorId, dx: TensorId) {
        let name = self.graph().tensor(dx).name.clone();
        let shape = self.graph().tensor(dx).shape.clone();
        self.dispatch(name).a(dy).b(y).c(dx).source(wgsl!("relu/dx")).elementwise(&shape, 1).record();
    }
}

impl Operation for Relu {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.count(1)?;
        inputs.shape(0, self.shape.clone())
    }

    fn output_shape(&self) -> Shape {
        self.shape.clone()
    }

    fn ends_in_relu(&self) -> bool {
        true
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], output: TensorId) {
        let name = recorder.graph().tensor(output).name.clone();
        recorder
            .dispatch(name)
            .a(inputs[0])
            .c(output)
            .source(wgsl!("relu/forward"))
            .elementwise(&self.shape, 1)
            .record();
    }

    fn backward(
        &self,
        recorder: &mut Recorder,
        _inputs: &[TensorId],
        output: TensorId,
        dy: TensorId,
        gradients: &[Option<TensorId>],
    ) {
        if let Some(dx) = gradients[0] {
            recorder.record_relu_gradient(dy, output, dx);
        }
    }
}
