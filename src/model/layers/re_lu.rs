//! Relu with options.

use serde::{Deserialize, Serialize};

use super::{Inferred, Kind, NOT_NEGATIVE, only};
use crate::graph::TensorId;
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::ops::ActivationFunction;
use crate::shape::Shape;

/// `x` above the threshold, but at most `max_value`; else `negative_slope * (x - threshold)`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Relu {
    /// The largest value, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_value: Option<f64>,
    /// The slope at the threshold and below.
    #[serde(default)]
    pub negative_slope: f64,
    /// Where the identity begins.
    #[serde(default)]
    pub threshold: f64,
}

impl Kind for Relu {
    fn infer(&self, _: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let options = [
            ("max_value", self.max_value.unwrap_or(0.0)),
            ("negative_slope", self.negative_slope),
            ("threshold", self.threshold),
        ];
        match options.into_iter().find(|(_, number)| !(*number as f32).is_finite() || *number < 0.0) {
            Some((option, number)) => Err(LayerError::Number { option, number, allowed: NOT_NEGATIVE }),
            None => Ok(Inferred::shape(only(inputs)?.clone())),
        }
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[TensorId], _: &[TensorId]) -> Result<TensorId, ModelError> {
        let Self { max_value, negative_slope, threshold } = *self;
        if *self == Self::default() {
            return Ok(lowering.graph.relu(lowering.name, inputs[0])?);
        }
        let function = ActivationFunction::Relu { negative_slope, threshold, max_value };
        Ok(lowering.graph.activation(lowering.name, function, inputs[0])?)
    }
}
