//! Convolution of each channel by itself.

use serde::{Deserialize, Serialize};

use super::convolution::Window;
use super::options::{are_ones, one, ones, pair, yes};
use super::{Function, Inferred, Kind, check_regularizer, image, positive, regularized, within};
use crate::graph::{Regularizer, TensorId, VariableSpec};
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
    /// From one cell of the kernel to the next, `[y, x]`. Either this or the strides are 1.
    #[serde(default = "ones", deserialize_with = "pair", skip_serializing_if = "are_ones")]
    pub dilation_rate: [usize; 2],
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
            dilation_rate: ones(),
            depth_multiplier: 1,
            use_bias: true,
            activation: Function::Linear,
            depthwise_regularizer: Regularizer::default(),
        }
    }

    /// The operation on `n` images `[h, w, c]`.
    fn operation(&self, n: usize, [h, w, c]: [usize; 3]) -> ops::GroupedConv2d {
        ops::GroupedConv2d {
            input: [n, h, w, c],
            filters: c.saturating_mul(self.depth_multiplier),
            kernel: self.kernel_size,
            stride: within(self.strides, [h, w]),
            dilation: self.dilation_rate,
            groups: c,
            padding: self.padding,
            bias: self.use_bias,
        }
    }
}

/// The variables of an operation of which each channel is a group, with a kernel `[kh, kw, c, multiplier]`.
pub(super) fn variables(operation: &ops::GroupedConv2d, layer: &str) -> Vec<VariableSpec> {
    let mut variables = operation.variables(layer);
    if let Some(kernel) = variables.first_mut() {
        let ([kh, kw], groups) = (operation.kernel, operation.groups);
        kernel.shape = vec![kh, kw, groups, operation.filters / groups.max(1)];
    }
    variables
}

impl Kind for DepthwiseConv2d {
    fn infer(&self, name: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let operation = self.operation(1, image(inputs)?);
        check_regularizer("depthwise_regularizer", self.depthwise_regularizer)?;
        positive(&[self.depth_multiplier])?;
        let variables = || vec![regularized(variables(&operation, name), self.depthwise_regularizer)];
        let window = Window { size: self.kernel_size, strides: self.strides, dilation: self.dilation_rate };
        window.infer(|| operation.output(), variables)
    }

    fn lower(
        &self,
        lowering: &mut Lowering<'_>,
        inputs: &[TensorId],
        weights: &[TensorId],
    ) -> Result<TensorId, ModelError> {
        let operation = self.operation(lowering.batch, lowering.image(inputs[0]));
        let y = lowering.graph.grouped_conv2d(lowering.name, operation, inputs[0], weights[0])?;
        lowering.activate(self.activation, y)
    }

    activation_option!();
    kernel_of_channels!("kernel");

    fn set_kernel_regularizer(&mut self, regularizer: Regularizer) {
        self.depthwise_regularizer = regularizer;
    }
}
