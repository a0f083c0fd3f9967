//! Sum of tensors of one shape.

use crate::graph::{Graph, GraphError, Inputs, Operation, Recorder, Sink, TensorId};
use crate::shape::Shape;

/// `y = a + b`, element by element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Add {
    /// Shape of both inputs and of the output: any.
    pub shape: Shape,
}

impl Graph {
    /// Adds the sum of `a` and `b`, which have one shape; the sum has it too.
    ///
    /// # Errors
    /// Shapes that differ, or tensors of another graph.
    pub fn add(&mut self, name: &str, a: TensorId, b: TensorId) -> Result<TensorId, GraphError> {
        let shape = self.inputs(name, &[a])?.tensors()[0].shape.clone();
        self.add_own_node(name, Add { shape }, &[a, b])
    }

    /// Adds the sum of two or more tensors, which have one shape; the sum has it too. Sums are formed from the first to the
    /// last.
    ///
    /// # Errors
    /// Fewer than two tensors, shapes that differ, or tensors of another graph.
    pub fn add_all(&mut self, name: &str, tensors: &[TensorId]) -> Result<TensorId, GraphError> {
        let inputs = self.inputs(name, tensors)?;
        let [first, between @ .., last] = tensors else {
            return Err(inputs.refuse("it needs at least two tensors"));
        };
        for input in 0..tensors.len() {
            inputs.shape(input, inputs.tensors()[0].shape.clone())?;
        }
        let mut sum = *first;
        for (i, tensor) in between.iter().enumerate() {
            sum = self.add(&format!("{name}, first {}", i + 2), sum, *tensor)?;
        }
        self.add(name, sum, *last)
    }
}

impl Operation for Add {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.count(2)?;
        inputs.shape(0, self.shape.clone())?;
        inputs.shape(1, self.shape.clone())
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![self.shape.clone()]
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        recorder.add(inputs[0], inputs[1], outputs[0]);
    }

    fn passes_gradient(&self, _input: usize) -> bool {
        true
    }

    fn backward(&self, _: &mut Recorder, _: &[TensorId], _: &[TensorId], _: TensorId, _: &[Option<Sink>]) {}
}
