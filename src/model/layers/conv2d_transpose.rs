//! Transposed convolution.

use serde::{Deserialize, Serialize};

use super::options::{ones, pair, some_pair, yes};
use super::{Function, Inferred, Kind, check_regularizer, image, positive, product, regularized};
use crate::graph::{Initializer, Regularizer, TensorId};
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::ops::{self, Padding, Parametric, ParametricFunction};
use crate::shape::Shape;

/// What a convolution does to its gradient: `[h, w, c]` to `[oh, ow, filters]`, where windows of the kernel, a stride apart, in
/// the output are as many as pixels in the input.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Conv2dTranspose {
    /// Output channels.
    pub filters: usize,
    /// `[kh, kw]`
    #[serde(deserialize_with = "pair")]
    pub kernel_size: [usize; 2],
    /// `[sy, sx]`
    #[serde(default = "ones", deserialize_with = "pair")]
    pub strides: [usize; 2],
    /// Whether windows may reach past the output.
    #[serde(default)]
    pub padding: Padding,
    /// Pixels of the output `[y, x]` beside those that a kernel without a border reaches, less than the strides. Without it,
    /// the output is as large as is usual: the strides times the input with padding.
    #[serde(default, deserialize_with = "some_pair", skip_serializing_if = "Option::is_none")]
    pub output_padding: Option<[usize; 2]>,
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

impl Conv2dTranspose {
    /// A transposed convolution by a square kernel, with Keras's defaults.
    pub fn new(filters: usize, kernel_size: usize) -> Self {
        Self {
            filters,
            kernel_size: [kernel_size; 2],
            strides: ones(),
            padding: Padding::Valid,
            output_padding: None,
            use_bias: true,
            activation: Function::Linear,
            kernel_regularizer: Regularizer::default(),
        }
    }

    /// Pixels of the output along an axis, of which the input has `size`: as Keras computes them.
    fn extent(&self, axis: usize, size: usize) -> usize {
        let (kernel, stride) = (self.kernel_size[axis], self.strides[axis]);
        let between = size.saturating_sub(1).saturating_mul(stride);
        match (self.output_padding, self.padding) {
            (None, Padding::Same) => size.saturating_mul(stride),
            (None, Padding::Valid) => between.saturating_add(kernel.max(stride)),
            (Some(more), Padding::Same) => between.saturating_add(kernel % 2 + more[axis]),
            (Some(more), Padding::Valid) => between.saturating_add(kernel.saturating_add(more[axis])),
        }
    }

    /// The operation on `n` images `[h, w, c]`.
    fn operation(&self, n: usize, [h, w, c]: [usize; 3]) -> ops::Conv2dTranspose {
        ops::Conv2dTranspose {
            input: [n, h, w, c],
            filters: self.filters,
            output: [self.extent(0, h), self.extent(1, w)],
            kernel: self.kernel_size,
            stride: self.strides,
            padding: self.padding,
        }
    }
}

impl Kind for Conv2dTranspose {
    fn infer(&self, name: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let [h, w, c] = image(inputs)?;
        check_regularizer("kernel_regularizer", self.kernel_regularizer)?;
        positive(&[&[self.filters][..], &self.kernel_size, &self.strides].concat())?;
        let operation = self.operation(1, [h, w, c]);
        let windows = |axis: usize, size| self.padding.windows(operation.output[axis], self.kernel_size[axis], self.strides[axis]) == size;
        let padding = self.output_padding.unwrap_or_default();
        if !windows(0, h) || !windows(1, w) || padding.iter().zip(self.strides).any(|(more, stride)| *more >= stride) {
            return Err(LayerError::OutputPadding(padding));
        }
        let kernel = regularized(operation.variables(name), self.kernel_regularizer);
        let bias = self.use_bias.then(|| Parametric::variable(name, "bias", vec![self.filters], Initializer::Zeros));
        let multiply_adds = product(self.kernel_size.into_iter().chain([self.filters, h, w, c]));
        let [oh, ow] = operation.output;
        let inferred = Inferred::with_variables([oh, ow, self.filters], vec![kernel, bias.into_iter().collect()]);
        Ok(Inferred { multiply_adds, ..inferred })
    }

    fn lower(
        &self,
        lowering: &mut Lowering<'_>,
        inputs: &[TensorId],
        weights: &[TensorId],
    ) -> Result<TensorId, ModelError> {
        let operation = self.operation(lowering.batch, lowering.image(inputs[0]));
        let mut y = lowering.graph.conv2d_transpose(lowering.name, operation, inputs[0], weights[0])?;
        if let Some(bias) = weights.get(1) {
            let offset = ParametricFunction::Offset;
            y = lowering.graph.parametric(lowering.name, offset, &[self.filters], [y, *bias])?;
        }
        lowering.activate(self.activation, y)
    }

    activation_option!();

    fn set_kernel_regularizer(&mut self, regularizer: Regularizer) {
        self.kernel_regularizer = regularizer;
    }
}
