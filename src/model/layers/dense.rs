//! Fully connected layer.

use serde::{Deserialize, Serialize};

use super::options::yes;
use super::{Function, Inferred, Kind, check_regularizer, only, positive, product, regularized};
use crate::graph::{Regularizer, TensorId};
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::ops;
use crate::shape::Shape;

/// Fully connected layer of the last axis: `[features]` to `[units]`, or `[h, w, features]` to `[h, w, units]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dense {
    /// Outputs.
    pub units: usize,
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

impl Dense {
    /// A dense layer with Keras's defaults.
    pub fn new(units: usize) -> Self {
        Self {
            units,
            use_bias: true,
            activation: Function::Linear,
            kernel_regularizer: Regularizer::default(),
        }
    }

    /// The operation on `n` rows of `features`, which are all pixels of a minibatch of images.
    pub(in crate::model) fn operation(&self, n: usize, features: usize) -> ops::Dense {
        ops::Dense { input: [n, features], units: self.units, bias: self.use_bias, relu: false }
    }
}

impl Kind for Dense {
    fn infer(&self, name: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let input = only(inputs)?;
        positive(&[self.units])?;
        check_regularizer("kernel_regularizer", self.kernel_regularizer)?;
        let outer = input.dims().split_last().map_or(&[][..], |(_, outer)| outer);
        let shape = [outer, &[self.units]].concat();
        let variables = self.operation(1, input.columns()).variables(name);
        let variables = vec![regularized(variables, self.kernel_regularizer)];
        Ok(Inferred { shape: shape.into(), variables, multiply_adds: product([input.elements(), self.units]) })
    }

    fn lower(
        &self,
        lowering: &mut Lowering<'_>,
        inputs: &[TensorId],
        weights: &[TensorId],
    ) -> Result<TensorId, ModelError> {
        let shape = &lowering.graph.tensor(inputs[0]).shape;
        let operation = self.operation(shape.rows(), shape.columns());
        let y = lowering.graph.dense(lowering.name, operation, inputs[0], weights[0])?;
        lowering.activate(self.activation, y)
    }

    activation_option!();
    kernel_of_channels!("kernel");

    fn set_kernel_regularizer(&mut self, regularizer: Regularizer) {
        self.kernel_regularizer = regularizer;
    }
}
