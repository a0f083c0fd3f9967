//! Convolution.

use serde::{Deserialize, Serialize};

use super::convolution::Window;
use super::options::{are_ones, is_one, one, ones, pair, yes};
use super::{Function, Inferred, Kind, check_regularizer, image, positive, regularized, within};
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
    /// From one cell of the kernel to the next, `[y, x]`. Either this or the strides are 1.
    #[serde(default = "ones", deserialize_with = "pair", skip_serializing_if = "are_ones")]
    pub dilation_rate: [usize; 2],
    /// Groups of neighbouring channels, each of which makes its share of the filters. They divide both.
    #[serde(default = "one", skip_serializing_if = "is_one")]
    pub groups: usize,
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
            dilation_rate: ones(),
            groups: 1,
            use_bias: true,
            activation: Function::Linear,
            kernel_regularizer: Regularizer::default(),
        }
    }

    /// The operation on `n` images `[h, w, c]`.
    fn operation(&self, n: usize, [h, w, c]: [usize; 3]) -> ops::GroupedConv2d {
        ops::GroupedConv2d {
            input: [n, h, w, c],
            filters: self.filters,
            kernel: self.kernel_size,
            stride: within(self.strides, [h, w]),
            dilation: self.dilation_rate,
            groups: self.groups,
            padding: self.padding,
            bias: self.use_bias,
        }
    }
}

/// The same operation where it has one group and a dense kernel, for which there are faster kernels.
fn plain(operation: &ops::GroupedConv2d) -> Option<ops::Conv2d> {
    let ops::GroupedConv2d { input, filters, kernel, stride, dilation, groups, padding, bias } = *operation;
    let fits = groups == 1 && dilation == ones();
    fits.then_some(ops::Conv2d { input, filters, kernel, stride, padding, bias, relu: false })
}

impl Kind for Conv2d {
    fn infer(&self, name: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let image = image(inputs)?;
        check_regularizer("kernel_regularizer", self.kernel_regularizer)?;
        let (filters, groups) = (self.filters, self.groups);
        positive(&[filters, groups])?;
        if !filters.is_multiple_of(groups) || !image[2].is_multiple_of(groups) {
            return Err(LayerError::FilterGroups { groups, filters });
        }
        let operation = self.operation(1, image);
        let variables = || match plain(&operation) {
            Some(plain) => plain.variables(name),
            None => operation.variables(name),
        };
        let variables = || vec![regularized(variables(), self.kernel_regularizer)];
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
        let (graph, name) = (&mut *lowering.graph, lowering.name);
        let y = match plain(&operation) {
            Some(plain) => graph.conv2d(name, plain, inputs[0], weights[0])?,
            None => graph.grouped_conv2d(name, operation, inputs[0], weights[0])?,
        };
        lowering.activate(self.activation, y)
    }

    activation_option!();
    kernel_of_channels!("kernel");

    fn set_kernel_regularizer(&mut self, regularizer: Regularizer) {
        self.kernel_regularizer = regularizer;
    }
}
