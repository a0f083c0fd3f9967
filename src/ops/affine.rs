//! A scale and an offset for each channel: a depthwise convolution by one cell.

use crate::graph::{Graph, GraphError, Inputs, Operation, Recorder, Sink, TensorId};
use crate::ops::depthwise_conv2d::DepthwiseConv2d;
use crate::ops::padding::Padding;
use crate::shape::Shape;

/// `y = x scale + offset`, with a scale and an offset for each column of the last axis.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Affine {
    /// Shape of `x` and `y`: any with at least one size.
    pub shape: Shape,
}

impl Graph {
    /// Adds `x scale + offset` for `x` `[.., c]`: the shape of `x`. The weights `w` are a scale `[c]` and an offset `[c]`, each a
    /// row.
    ///
    /// # Errors
    /// Weights that do not fit `x`, or tensors of another graph.
    pub fn affine(&mut self, name: &str, x: TensorId, w: TensorId) -> Result<TensorId, GraphError> {
        let shape = self.inputs(name, &[x])?.tensors()[0].shape.clone();
        self.add_own_node(name, Affine { shape }, &[x, w])
    }
}

impl Affine {
    /// The scale is a kernel of one cell, the offset a bias.
    fn convolution(&self) -> DepthwiseConv2d {
        let input = match *self.shape.dims() {
            [n, h, w, c] => [n, h, w, c],
            _ => [1, 1, self.shape.rows(), self.shape.columns()],
        };
        DepthwiseConv2d { input, multiplier: 1, kernel: [1, 1], stride: [1, 1], padding: Padding::Valid, bias: true }
    }
}

impl Operation for Affine {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.count(2)?;
        inputs.shape(0, self.shape.clone())?;
        self.convolution().check_weights(inputs)
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![self.shape.clone()]
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        self.convolution().forward(recorder, inputs, outputs);
    }

    fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &[TensorId],
        outputs: &[TensorId],
        dy: TensorId,
        sinks: &[Option<Sink>],
    ) {
        self.convolution().backward(recorder, inputs, outputs, dy, sinks);
    }
}
