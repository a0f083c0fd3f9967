//! Layer normalization.

use serde::{Deserialize, Serialize};

use super::options::yes;
use super::{Inferred, Kind, NORMAL, only};
use crate::graph::TensorId;
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::ops::LayerNorm;
use crate::shape::Shape;

/// Brings the channels of each pixel to mean 0 and variance 1, then multiplies by gamma and adds beta (Ba et al. 2016). The
/// shape of its input stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerNormalization {
    /// Added to the variance.
    #[serde(default = "epsilon")]
    pub epsilon: f64,
    /// Whether there is a beta.
    #[serde(default = "yes")]
    pub center: bool,
    /// Whether there is a gamma.
    #[serde(default = "yes")]
    pub scale: bool,
}

fn epsilon() -> f64 {
    1e-3
}

impl Default for LayerNormalization {
    fn default() -> Self {
        Self { epsilon: epsilon(), center: true, scale: true }
    }
}

impl LayerNormalization {
    fn operation(&self, input: Shape) -> LayerNorm {
        let Self { epsilon, center, scale } = *self;
        LayerNorm { input, epsilon, scale, center }
    }
}

impl Kind for LayerNormalization {
    fn infer(&self, name: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let shape = only(inputs)?;
        if !(self.epsilon as f32).is_normal() || self.epsilon < 0.0 {
            return Err(LayerError::Number { option: "epsilon", number: self.epsilon, allowed: NORMAL });
        }
        let variables = self.operation(shape.clone()).variables(name);
        Ok(Inferred::with_variables(shape.clone(), vec![variables]))
    }

    fn lower(
        &self,
        lowering: &mut Lowering<'_>,
        inputs: &[TensorId],
        weights: &[TensorId],
    ) -> Result<TensorId, ModelError> {
        let operation = self.operation(lowering.graph.tensor(inputs[0]).shape.clone());
        Ok(lowering.graph.layer_norm(lowering.name, operation, inputs[0], weights.first().copied())?)
    }
}
