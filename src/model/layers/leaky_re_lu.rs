//! Leaky relu.

use serde::{Deserialize, Serialize};

use super::{Inferred, Kind, NOT_NEGATIVE, only};
use crate::graph::TensorId;
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::ops::ActivationFunction;
use crate::shape::Shape;

/// `x` where it is positive, else `negative_slope * x` (Maas et al. 2013).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LeakyRelu {
    /// The slope at 0 and below.
    #[serde(default = "slope")]
    pub negative_slope: f64,
}

fn slope() -> f64 {
    0.3
}

impl Default for LeakyRelu {
    fn default() -> Self {
        Self { negative_slope: slope() }
    }
}

impl Kind for LeakyRelu {
    fn infer(&self, _: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        match (self.negative_slope as f32).is_finite() && self.negative_slope >= 0.0 {
            true => Ok(Inferred::shape(only(inputs)?.clone())),
            false => Err(LayerError::Number {
                option: "negative_slope",
                number: self.negative_slope,
                allowed: NOT_NEGATIVE,
            }),
        }
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[TensorId], _: &[TensorId]) -> Result<TensorId, ModelError> {
        let function = ActivationFunction::leaky_relu(self.negative_slope);
        Ok(lowering.graph.activation(lowering.name, function, inputs[0])?)
    }
}
