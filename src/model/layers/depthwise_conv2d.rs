//! Convolution of each channel by itself.

use serde::{Deserialize, Serialize};

use super::options::{one, ones, pair, yes};
use super::{Function, Inferred, Kind, check_regularizer, convolution, image, regularized, within};
use crate::graph::{Regularizer, TensorId};
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
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
    /// The penalty of the kernel.
    #[serde(default, skip_serializing_if = "Regularizer::is_none")]
    pub depthwise_regularizer: Regularizer,
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
            depthwise_regularizer: Regularizer::default(),
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
        check_regularizer("depthwise_regularizer", self.depthwise_regularizer)?;
        let sizes = [self.depth_multiplier, self.strides[0], self.strides[1]];
        let variables = || vec![regularized(operation.variables(name), self.depthwise_regularizer)];
        convolution::infer(self.kernel_size, &sizes, || operation.output(), variables)
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

    activation_option!();
    kernel_of_channels!("kernel");

    fn set_kernel_regularizer(&mut self, regularizer: Regularizer) {
        self.depthwise_regularizer = regularizer;
    }
}
