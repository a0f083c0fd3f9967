//! Convolution.

use serde::{Deserialize, Serialize};

use super::options::{ones, pair, yes};
use super::{Function, Inferred, Kind, check_regularizer, convolution, image, regularized, within};
use crate::graph::{Regularizer, TensorId};
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::ops::{self, Padding};
use crate::shape::Shape;

/// Convolution of `[h, w, c]` to `[oh, ow, filters]`. As in Keras, the kernel is not flipped.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conv2d {
    /// Output channels.
    pub filters: usize,
    /// `[kh, kw]`
    #[serde(deserialize_with = "pair")]
    pub kernel_size: [usize; 2],
    /// `[sy, sx]`
    #[serde(default = "ones", deserialize_with = "pair")]
    pub strides: [usize; 2],
    /// Whether the image is padded with zeros.
    #[serde(default)]
    pub padding: Padding,
    /// Whether a bias is added.
    #[serde(default = "yes")]
    pub use_bias: bool,
    /// Applied to the output.
    #[serde(default, skip_serializing_if = "Function::is_linear")]
    pub activation: Function,
    /// The penalty of the kernel.
    #[serde(default, skip_serializing_if = "Regularizer::is_none")]
    pub kernel_regularizer: Regularizer,
}

impl Conv2d {
    /// A convolution by a square kernel, with Keras's defaults.
    pub fn new(filters: usize, kernel_size: usize) -> Self {
        Self {
            filters,
            kernel_size: [kernel_size; 2],
            strides: ones(),
            padding: Padding::Valid,
            use_bias: true,
            activation: Function::Linear,
            kernel_regularizer: Regularizer::default(),
        }
    }

    /// The operation on `n` images `[h, w, c]`.
    pub(in crate::model) fn operation(&self, n: usize, [h, w, c]: [usize; 3]) -> ops::Conv2d {
        ops::Conv2d {
            input: [n, h, w, c],
            filters: self.filters,
            kernel: self.kernel_size,
            stride: within(self.strides, [h, w]),
            padding: self.padding,
            bias: self.use_bias,
            relu: false,
        }
    }
}

impl Kind for Conv2d {
    fn infer(&self, name: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let operation = self.operation(1, image(inputs)?);
        check_regularizer("kernel_regularizer", self.kernel_regularizer)?;
        let sizes = [self.filters, self.strides[0], self.strides[1]];
        let variables = || vec![regularized(operation.variables(name), self.kernel_regularizer)];
        convolution::infer(self.kernel_size, &sizes, || operation.output(), variables)
    }

    fn lower(
        &self,
        lowering: &mut Lowering<'_>,
        inputs: &[TensorId],
        weights: &[TensorId],
    ) -> Result<TensorId, ModelError> {
        let operation = self.operation(lowering.batch, lowering.image(inputs[0]));
        let y = lowering.graph.conv2d(lowering.name, operation, inputs[0], weights[0])?;
        lowering.activate(self.activation, y)
    }

    activation_option!();
    kernel_of_channels!("kernel");

    fn set_kernel_regularizer(&mut self, regularizer: Regularizer) {
        self.kernel_regularizer = regularizer;
    }
}
