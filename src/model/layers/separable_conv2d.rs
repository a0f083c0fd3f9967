//! Convolution of each channel by itself, then of all channels of a pixel.

use serde::{Deserialize, Serialize};

use super::convolution::Window;
use super::depthwise_conv2d::variables as depthwise_variables;
use super::options::{are_ones, one, ones, pair, yes};
use super::{Function, Inferred, Kind, check_regularizer, image, positive, regularized, within};
use crate::graph::{Regularizer, TensorId, VariableSpec};
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::ops::{self, Padding};
use crate::shape::Shape;

/// A depthwise convolution without bias, then a convolution by one cell: `[h, w, c]` to `[oh, ow, c * depth_multiplier]` to
/// `[oh, ow, filters]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SeparableConv2d {
    /// Output channels.
    pub filters: usize,
    /// `[kh, kw]` of the depthwise kernel.
    #[serde(deserialize_with = "pair")]
    pub kernel_size: [usize; 2],
    /// `[sy, sx]`
    #[serde(default = "ones", deserialize_with = "pair")]
    pub strides: [usize; 2],
    /// Whether the image is padded with zeros.
    #[serde(default)]
    pub padding: Padding,
    /// From one cell of the depthwise kernel to the next, `[y, x]`. Either this or the strides are 1.
    #[serde(default = "ones", deserialize_with = "pair", skip_serializing_if = "are_ones")]
    pub dilation_rate: [usize; 2],
    /// Channels that the depthwise convolution makes of each input channel.
    #[serde(default = "one")]
    pub depth_multiplier: usize,
    /// Whether a bias is added to the output.
    #[serde(default = "yes")]
    pub use_bias: bool,
    /// Applied to the output.
    #[serde(default, skip_serializing_if = "Function::is_linear")]
    pub activation: Function,
    /// The penalty of the depthwise kernel.
    #[serde(default, skip_serializing_if = "Regularizer::is_none")]
    pub depthwise_regularizer: Regularizer,
    /// The penalty of the pointwise kernel.
    #[serde(default, skip_serializing_if = "Regularizer::is_none")]
    pub pointwise_regularizer: Regularizer,
}

impl SeparableConv2d {
    /// A convolution by a square depthwise kernel, with Keras's defaults.
    pub fn new(filters: usize, kernel_size: usize) -> Self {
        Self {
            filters,
            kernel_size: [kernel_size; 2],
            strides: ones(),
            padding: Padding::Valid,
            dilation_rate: ones(),
            depth_multiplier: 1,
            use_bias: true,
            activation: Function::Linear,
            depthwise_regularizer: Regularizer::default(),
            pointwise_regularizer: Regularizer::default(),
        }
    }

    fn depthwise(&self, n: usize, [h, w, c]: [usize; 3]) -> ops::GroupedConv2d {
        ops::GroupedConv2d {
            input: [n, h, w, c],
            filters: c.saturating_mul(self.depth_multiplier),
            kernel: self.kernel_size,
            stride: within(self.strides, [h, w]),
            dilation: self.dilation_rate,
            groups: c,
            padding: self.padding,
            bias: false,
        }
    }

    fn pointwise(&self, input: [usize; 4]) -> ops::Conv2d {
        ops::Conv2d {
            input,
            filters: self.filters,
            kernel: [1; 2],
            stride: [1; 2],
            padding: Padding::Valid,
            bias: self.use_bias,
            relu: false,
        }
    }
}

/// The variables of an operation, whose kernel gets this name and penalty.
fn named(layer: &str, kernel: &str, mut variables: Vec<VariableSpec>, regularizer: Regularizer) -> Vec<VariableSpec> {
    if let Some(first) = variables.first_mut() {
        first.name = format!("{layer}/{kernel}");
    }
    regularized(variables, regularizer)
}

impl Kind for SeparableConv2d {
    fn infer(&self, name: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let depthwise = self.depthwise(1, image(inputs)?);
        check_regularizer("depthwise_regularizer", self.depthwise_regularizer)?;
        check_regularizer("pointwise_regularizer", self.pointwise_regularizer)?;
        positive(&[self.filters, self.depth_multiplier])?;
        let pointwise = || self.pointwise(depthwise.output());
        let variables = || {
            vec![
                named(name, "depthwise_kernel", depthwise_variables(&depthwise, name), self.depthwise_regularizer),
                named(name, "pointwise_kernel", pointwise().variables(name), self.pointwise_regularizer),
            ]
        };
        let window = Window { size: self.kernel_size, strides: self.strides, dilation: self.dilation_rate };
        window.infer(|| pointwise().output(), variables)
    }

    fn lower(
        &self,
        lowering: &mut Lowering<'_>,
        inputs: &[TensorId],
        weights: &[TensorId],
    ) -> Result<TensorId, ModelError> {
        let depthwise = self.depthwise(lowering.batch, lowering.image(inputs[0]));
        let name = format!("{} depthwise", lowering.name);
        let x = lowering.graph.grouped_conv2d(&name, depthwise, inputs[0], weights[0])?;
        let y = lowering.graph.conv2d(lowering.name, self.pointwise(depthwise.output()), x, weights[1])?;
        lowering.activate(self.activation, y)
    }

    activation_option!();
    kernel_of_channels!("pointwise_kernel");
}
