//! Fully connected layer with bias.

use serde::{Deserialize, Serialize};

use super::{Function, Inferred, Kind, only, positive, product};
use crate::graph::TensorId;
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lower::Lowering;
use crate::ops;
use crate::shape::Shape;

/// Fully connected layer of `[features]` to `[units]`, with bias.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dense {
    /// Outputs.
    pub units: usize,
    /// Applied to the output.
    #[serde(default, skip_serializing_if = "Function::is_linear")]
    pub activation: Function,
}

impl Dense {
    /// A dense layer with Keras's defaults.
    pub fn new(units: usize) -> Self {
        Self { units, activation: Function::Linear }
    }

    /// The operation on `n` rows of `features`.
    pub(in crate::model) fn operation(&self, n: usize, features: usize) -> ops::Dense {
        ops::Dense { input: [n, features], units: self.units, bias: true, relu: false }
    }
}

impl Kind for Dense {
    fn infer(&self, name: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let [features] = *only(inputs)?.dims() else {
            return Err(LayerError::Input("rows [features] (put `flatten` before it)"));
        };
        positive(&[self.units])?;
        let variables = self.operation(1, features).variables(name);
        Ok(Inferred { shape: [self.units].into(), variables, multiply_adds: product([features, self.units]) })
    }

    fn lower(
        &self,
        lowering: &mut Lowering<'_>,
        inputs: &[TensorId],
        weights: &[TensorId],
    ) -> Result<TensorId, ModelError> {
        let features = lowering.graph.tensor(inputs[0]).shape.columns();
        let operation = self.operation(lowering.batch, features);
        let y = lowering.graph.dense(lowering.name, operation, inputs[0], weights[0])?;
        lowering.activate(self.activation, y)
    }

    fn activation(&self) -> Function {
        self.activation
    }

    fn set_activation(&mut self, activation: Function) {
        self.activation = activation;
    }
}
