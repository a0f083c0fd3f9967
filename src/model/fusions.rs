//! Layers that become one operation together.

use super::lower::Lowering;
use super::{Activation, Layer, ModelError, Network};
use crate::graph::TensorId;
use crate::ops::DenseSoftmaxCrossEntropy;

/// The patterns of a network.
pub(super) struct Fusions<'a> {
    network: &'a Network,
    readers: Vec<Vec<usize>>,
}

impl<'a> Fusions<'a> {
    /// The patterns of `network`.
    pub fn of(network: &'a Network) -> Self {
        Self { network, readers: network.readers() }
    }

    /// Adds the last dense layer, which stands at `place`, and the loss as one operation, if there is such an operation;
    /// returns logits and loss.
    pub fn with_loss(
        &self,
        lowering: &mut Lowering<'_>,
        place: usize,
        inputs: &[TensorId],
        weights: &[TensorId],
        smoothing: f64,
    ) -> Result<Option<[TensorId; 2]>, ModelError> {
        let Layer::Dense(dense) = &self.network.nodes()[place].layer else { return Ok(None) };
        let mut last = place;
        while let [reader] = self.readers[last][..] {
            // What is left of a softmax as a layer of its own.
            if !matches!(&self.network.nodes()[reader].layer, Layer::Activation(layer) if layer.activation == Activation::Linear)
            {
                return Ok(None);
            }
            last = reader;
        }
        let operation = dense.operation(lowering.batch, lowering.graph.tensor(inputs[0]).shape.columns());
        if dense.activation != Activation::Linear
            || last + 1 != self.network.nodes().len()
            || !DenseSoftmaxCrossEntropy::takes(&operation)
        {
            return Ok(None);
        }
        let (graph, name) = (&mut *lowering.graph, lowering.name);
        let minibatch = lowering.minibatch;
        Ok(Some(graph.dense_softmax_cross_entropy(name, operation, inputs[0], weights[0], minibatch, smoothing)?))
    }

    /// Adds the convolution at `place` and the pooling of 2 x 2 cells that alone reads it as one operation, if they are
    /// such layers; returns the place of the pooling and its output.
    pub fn with_pooling(
        &self,
        lowering: &mut Lowering<'_>,
        place: usize,
        inputs: &[TensorId],
        weights: &[TensorId],
    ) -> Result<Option<(usize, TensorId)>, ModelError> {
        let nodes = self.network.nodes();
        let (Layer::Conv2d(convolution), [reader]) = (&nodes[place].layer, &self.readers[place][..]) else {
            return Ok(None);
        };
        let Layer::MaxPooling2d(pooling) = &nodes[*reader].layer else { return Ok(None) };
        let pooling = pooling.pooling();
        let operation = convolution.operation(lowering.batch, lowering.image(inputs[0]));
        if !matches!(convolution.activation, Activation::Linear | Activation::Relu)
            || pooling.window != [2, 2]
            || pooling.stride != [2, 2]
            || operation.output_size().iter().any(|size| *size < 2)
        {
            return Ok(None);
        }
        let name = format!("{} + {}", lowering.name, nodes[*reader].name);
        Ok(Some((*reader, lowering.graph.conv2d_max_pool2d(&name, operation, inputs[0], weights[0])?)))
    }
}
