//! Random channels of zeros in training.

use serde::{Deserialize, Serialize};

use super::{Inferred, Kind, image};
use crate::graph::TensorId;
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::ops::Noise;
use crate::shape::Shape;

/// Dropout of whole channels of an image (Tompson et al. 2014). The shape of its input stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpatialDropout2d {
    /// The share of channels that are 0 in training, at least 0 and less than 1. The others are scaled up so that their
    /// expected sum stays.
    pub rate: f64,
}

impl Kind for SpatialDropout2d {
    fn infer(&self, _: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let image = image(inputs)?;
        match (0.0..1.0).contains(&self.rate) {
            true => Ok(Inferred::shape(image)),
            false => Err(LayerError::Rate(self.rate)),
        }
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[TensorId], _: &[TensorId]) -> Result<TensorId, ModelError> {
        lowering.drop(self.rate, Noise::Channels, inputs[0])
    }

    fn passes_on(&self) -> bool {
        true
    }
}
