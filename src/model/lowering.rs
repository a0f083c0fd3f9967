//! What a layer adds its operations to.

use super::{Activation, ModelError};
use crate::graph::{Graph, TensorId, VariableSpec};
use crate::ops::{ActivationFunction, Noise};

/// The place in a graph where a layer adds its operations.
pub(super) struct Lowering<'a> {
    pub graph: &'a mut Graph,
    /// Name of the layer, which its operations have too.
    pub name: &'a str,
    /// Images of a minibatch.
    pub batch: usize,
    pub minibatch: TensorId,
    /// Whether training changes the layer.
    pub trainable: bool,
    /// Which of the layers that use its variables it is, and how many there are.
    pub call: (usize, usize),
}

impl Lowering<'_> {
    /// `[h, w, c]` of `x` `[n, h, w, c]`. Operations refuse the zeros that stand for any other shape.
    pub fn image(&self, x: TensorId) -> [usize; 3] {
        match *self.graph.tensor(x).shape.dims() {
            [_, h, w, c] => [h, w, c],
            _ => [0; 3],
        }
    }

    /// Adds `activation` of `x`.
    pub fn activate(&mut self, activation: Activation, x: TensorId) -> Result<TensorId, ModelError> {
        let function = match activation {
            Activation::Relu => return Ok(self.graph.relu(self.name, x)?),
            Activation::Gelu => ActivationFunction::Gelu,
            Activation::Tanh => ActivationFunction::Tanh,
            Activation::Sigmoid => ActivationFunction::Sigmoid,
            Activation::Relu6 => ActivationFunction::RELU6,
            Activation::LeakyRelu => ActivationFunction::leaky_relu(0.2),
            Activation::Silu => ActivationFunction::Silu,
            Activation::HardSigmoid => ActivationFunction::HardSigmoid,
            Activation::HardSilu => ActivationFunction::HardSilu,
            Activation::Elu => ActivationFunction::Elu { alpha: 1.0 },
            Activation::Selu => ActivationFunction::Selu,
            Activation::Softplus => ActivationFunction::Softplus,
            Activation::Mish => ActivationFunction::Mish,
            Activation::Exponential => ActivationFunction::Exponential,
            Activation::Softmax => return Ok(self.graph.softmax(self.name, x)?),
            Activation::Linear => return Ok(x),
        };
        Ok(self.graph.activation(self.name, function, x)?)
    }

    /// Adds dropout of `x`.
    pub fn drop(&mut self, rate: f64, noise: Noise, x: TensorId) -> Result<TensorId, ModelError> {
        let drop = match noise {
            Noise::Elements => Graph::dropout,
            Noise::Channels => Graph::dropout_of_channels,
            Noise::Images => Graph::dropout_of_images,
        };
        Ok(drop(self.graph, self.name, rate, x, self.minibatch)?)
    }

    /// Adds the tensors of variables of the layer.
    pub fn weights(&mut self, tensors: &[Vec<VariableSpec>]) -> Result<Vec<TensorId>, ModelError> {
        tensors.iter().map(|variables| Ok(self.graph.add_weights(self.name, variables.clone())?)).collect()
    }
}
