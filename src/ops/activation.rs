//! Smooth activations, element by element. Relu is an operation of its own, since its gradient needs only its output.

use crate::graph::{Graph, GraphError, Inputs, Operation, Recorder, Sink, TensorId};
use crate::kernel::{Wgsl, wgsl};
use crate::shape::Shape;

/// A smooth function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Smooth {
    /// `x Phi(x)`, where Phi is the cumulative distribution function of the standard normal distribution (Hendrycks &
    /// Gimpel 2016).
    Gelu,
    /// Hyperbolic tangent.
    Tanh,
    /// `1 / (1 + exp(-x))`
    Sigmoid,
}

impl Smooth {
    fn source(self) -> Wgsl {
        match self {
            Self::Gelu => wgsl!("activation/gelu"),
            Self::Tanh => wgsl!("activation/tanh"),
            Self::Sigmoid => wgsl!("activation/sigmoid"),
        }
    }
}

/// `y = function(x)`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activation {
    /// The function.
    pub function: Smooth,
    /// Shape of `x` and `y`: any.
    pub shape: Shape,
}

impl Graph {
    /// Adds `function` of `x`, element by element: the shape of `x`.
    ///
    /// # Errors
    /// A tensor of another graph.
    pub fn activation(&mut self, name: &str, function: Smooth, x: TensorId) -> Result<TensorId, GraphError> {
        let shape = self.inputs(name, &[x])?.tensors()[0].shape.clone();
        self.add_own_node(name, Activation { function, shape }, &[x])
    }
}

impl Operation for Activation {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.count(1)?;
        inputs.shape(0, self.shape.clone())
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![self.shape.clone()]
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        let name = recorder.graph().tensor(outputs[0]).name.clone();
        recorder
            .dispatch(name)
            .a(inputs[0])
            .c(outputs[0])
            .shared(self.function.source())
            .source(wgsl!("activation/forward"))
            .size("COLUMNS", self.shape.columns())
            .size("STRIDE", self.shape.padded_columns())
            .elementwise(&self.shape, 10)
            .record();
    }

    fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &[TensorId],
        _outputs: &[TensorId],
        dy: TensorId,
        sinks: &[Option<Sink>],
    ) {
        let Some(sink) = &sinks[0] else { return };
        recorder.store(sink, |recorder, dx| {
            let name = recorder.graph().tensor(dx).name.clone();
            recorder
                .dispatch(name)
                .a(dy)
                .b(inputs[0])
                .c(dx)
                .shared(self.function.source())
                .source(wgsl!("activation/dx"))
                .elementwise(&self.shape, 10)
                .record();
        });
    }
}
