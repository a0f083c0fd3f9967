//! A trained factor of each channel.

use serde::{Deserialize, Serialize};

use super::{FINITE, Inferred, Kind, channels_of};
use crate::graph::{Initializer, TensorId};
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::ops::{Parametric, ParametricFunction};
use crate::shape::Shape;

/// `x * gamma`, with a trained gamma for each channel that begins near 0, so that a block of a deep network begins near the
/// identity (Touvron et al. 2021). The shape of its input stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LayerScale {
    /// The first value of gamma.
    #[serde(default = "small")]
    pub init_values: f64,
}

fn small() -> f64 {
    1e-6
}

impl Default for LayerScale {
    fn default() -> Self {
        Self { init_values: small() }
    }
}

impl Kind for LayerScale {
    fn infer(&self, name: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let (shape, channels) = channels_of(inputs)?;
        let value = self.init_values as f32;
        if !value.is_finite() {
            return Err(LayerError::Number { option: "init_values", number: self.init_values, allowed: FINITE });
        }
        let gamma = Parametric::variable(name, "gamma", vec![channels], Initializer::Constant(value));
        Ok(Inferred::with_variables(shape.clone(), vec![vec![gamma]]))
    }

    fn lower(
        &self,
        lowering: &mut Lowering<'_>,
        inputs: &[TensorId],
        weights: &[TensorId],
    ) -> Result<TensorId, ModelError> {
        let channels = lowering.graph.tensor(inputs[0]).shape.columns();
        let tensors = [inputs[0], weights[0]];
        Ok(lowering.graph.parametric(lowering.name, ParametricFunction::Scale, &[channels], tensors)?)
    }
}
