//! Convolution of each channel by itself.

use serde::{Deserialize, Serialize};

use super::options::{one, ones, pair, yes};
use super::{Function, Inferred, Kind, image, positive, product, within};
use crate::graph::{Initializer, Layout, TensorId, VariableSpec};
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lower::Lowering;
use crate::ops::{self, Padding};
use crate::shape::Shape;

/// Convolution of each channel of `[h, w, c]` by kernels of its own: `[oh, ow, c * depth_multiplier]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DepthwiseConv2d {
    /// `[kh, kw]`
    #[serde(deserialize_with = "pair")]
    pub kernel_size: [usize; 2],
    /// `[sy, sx]`
    #[serde(default = "ones", deserialize_with = "pair")]
    pub strides: [usize; 2],
    /// Whether the image is padded with zeros.
    #[serde(default)]
    pub padding: Padding,
    /// Output channels of each input channel.
    #[serde(default = "one")]
    pub depth_multiplier: usize,
    /// Whether a bias is added.
    #[serde(default = "yes")]
    pub use_bias: bool,
    /// Applied to the output.
    #[serde(default, skip_serializing_if = "Function::is_linear")]
    pub activation: Function,
}

impl DepthwiseConv2d {
    /// A convolution by square kernels, with Keras's defaults.
    pub fn new(kernel_size: usize) -> Self {
        Self {
            kernel_size: [kernel_size; 2],
            strides: ones(),
            padding: Padding::Valid,
            depth_multiplier: 1,
            use_bias: true,
            activation: Function::Linear,
        }
    }

    fn operation(&self, n: usize, [h, w, c]: [usize; 3]) -> ops::DepthwiseConv2d {
        ops::DepthwiseConv2d {
            input: [n, h, w, c],
            multiplier: self.depth_multiplier,
            kernel: self.kernel_size,
            stride: within(self.strides, [h, w]),
            padding: self.padding,
            bias: self.use_bias,
        }
    }
}

impl Kind for DepthwiseConv2d {
    fn infer(&self, name: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let operation = self.operation(1, image(inputs)?);
        positive(&[&[self.depth_multiplier], &self.kernel_size[..], &self.strides[..]].concat())?;
        let [_, oh, ow, filters] = operation.output();
        if oh == 0 || ow == 0 {
            return Err(LayerError::Window(self.kernel_size));
        }
        let multiply_adds = product(operation.kernel_shape().into_iter().chain([oh, ow]));
        let kernel = VariableSpec::kernel(name, operation.kernel_shape());
        let mut variables = vec![VariableSpec { layout: Layout::Rows { columns: filters }, ..kernel }];
        if self.use_bias {
            variables.push(VariableSpec::vector(name, "bias", filters, Initializer::Zeros));
        }
        Ok(Inferred { shape: [oh, ow, filters].into(), variables, multiply_adds })
    }

    fn lower(
        &self,
        lowering: &mut Lowering<'_>,
        inputs: &[TensorId],
        weights: &[TensorId],
    ) -> Result<TensorId, ModelError> {
        let operation = self.operation(lowering.batch, lowering.image(inputs[0]));
        let y = lowering.graph.depthwise_conv2d(lowering.name, operation, inputs[0], weights[0])?;
        lowering.activate(self.activation, y)
    }

    fn activation(&self) -> Function {
        self.activation
    }

    fn set_activation(&mut self, activation: Function) {
        self.activation = activation;
    }
}
