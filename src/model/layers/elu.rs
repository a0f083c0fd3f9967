//! Elu with an option.

use serde::{Deserialize, Serialize};

use super::{FINITE, Inferred, Kind, only};
use crate::graph::TensorId;
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::ops::ActivationFunction;
use crate::shape::Shape;

/// `x` where it is positive, else `alpha * (exp(x) - 1)` (Clevert et al. 2015).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Elu {
    /// What it goes to as `x` falls, but for the sign.
    #[serde(default = "alpha")]
    pub alpha: f64,
}

fn alpha() -> f64 {
    1.0
}

impl Default for Elu {
    fn default() -> Self {
        Self { alpha: alpha() }
    }
}

impl Kind for Elu {
    fn infer(&self, _: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        match (self.alpha as f32).is_finite() {
            true => Ok(Inferred::shape(only(inputs)?.clone())),
            false => Err(LayerError::Number { option: "alpha", number: self.alpha, allowed: FINITE }),
        }
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[TensorId], _: &[TensorId]) -> Result<TensorId, ModelError> {
        let function = ActivationFunction::Elu { alpha: self.alpha };
        Ok(lowering.graph.activation(lowering.name, function, inputs[0])?)
    }
}
