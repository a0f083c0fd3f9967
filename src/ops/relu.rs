//! Rectified linear unit.

use crate::graph::{Epilogue, Graph, GraphError, Inputs, Operation, Recorder, Sink, TensorId};
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

impl Operation for Relu {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.count(1)?;
        inputs.shape(0, self.shape.clone())
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![self.shape.clone()]
    }

    fn passes_gradient(&self, _input: usize) -> bool {
        true
    }

    fn epilogue(&self, _recorder: &Recorder, outputs: &[TensorId], _needed: &[bool]) -> Epilogue {
        Epilogue::Gate(outputs[0])
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        let name = recorder.graph().tensor(outputs[0]).name.clone();
        recorder
            .dispatch(name)
            .a(inputs[0])
            .c(outputs[0])
            .source(wgsl!("relu/forward"))
            .elementwise(&self.shape, 1)
            .record();
    }

    fn backward(&self, _: &mut Recorder, _: &[TensorId], _: &[TensorId], _: TensorId, _: &[Option<Sink>]) {}
}
