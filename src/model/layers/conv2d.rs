//! Convolution.

use serde::{Deserialize, Serialize};

use super::options::{ones, pair, yes};
use super::{Function, Inferred, Kind, image, positive, product, within};
use crate::graph::TensorId;
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lower::Lowering;
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
        positive(&[self.filters, self.kernel_size[0], self.kernel_size[1], self.strides[0], self.strides[1]])?;
        let [oh, ow] = operation.output_size();
        if oh == 0 || ow == 0 {
            return Err(LayerError::Window(self.kernel_size));
        }
        let multiply_adds = product(operation.kernel_shape().into_iter().chain([oh, ow]));
        Ok(Inferred { shape: [oh, ow, self.filters].into(), variables: operation.variables(name), multiply_adds })
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

    fn activation(&self) -> Function {
        self.activation
    }

    fn set_activation(&mut self, activation: Function) {
        self.activation = activation;
    }
}
