//! Sum of two tensors of one shape.

use crate::graph::{Graph, Operation, Recorder, TensorId};
use crate::shape::Shape;

/// `y = a + b`, element by element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Add {
    /// Any shape, that of both inputs.
    pub shape: Shape,
}

impl Graph {
    /// Adds the sum of `a` and `b`, of their shape.
    pub fn add(&mut self, name: &str, a: TensorId, b: TensorId) -> TensorId {
        let shape = self.tensor(a).shape.clone();
        self.add_node(name, Add { shape }, &[a, b])
    }
}

impl Operation for Add {
    fn output_shape(&self) -> Shape {
        self.shape.clone()
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], output: TensorId) {
        recorder.add(inputs[0], inputs[1], output);
    }

    fn passes_gradient(&self) -> bool {
        true
    }

    fn backward(&self, _: &mut Recorder, _: &[TensorId], _: TensorId, _: TensorId, _: &[Option<TensorId>]) {}
}
