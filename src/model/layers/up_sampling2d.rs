//! Images made larger.

use serde::{Deserialize, Serialize};

use super::options::pair;
use super::{Inferred, Kind, image, positive};
use crate::graph::TensorId;
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::ops::{self, Interpolation};
use crate::shape::Shape;

/// `[h, w, c]` made larger by whole factors: `[h * fy, w * fx, c]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UpSampling2d {
    /// `[fy, fx]`; 2 if left out.
    #[serde(default = "twice", deserialize_with = "pair")]
    pub size: [usize; 2],
    /// What the new pixels are made of.
    #[serde(default)]
    pub interpolation: Interpolation,
}

fn twice() -> [usize; 2] {
    [2; 2]
}

impl Default for UpSampling2d {
    fn default() -> Self {
        Self { size: twice(), interpolation: Interpolation::default() }
    }
}

impl Kind for UpSampling2d {
    fn infer(&self, _: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let [h, w, c] = image(inputs)?;
        positive(&self.size)?;
        if let Some(size) = self.size.iter().find(|size| **size > ops::UpSampling2d::MOST) {
            return Err(LayerError::Number { option: "size", number: *size as f64, allowed: "from 1 to 64" });
        }
        Ok(Inferred::shape([h.saturating_mul(self.size[0]), w.saturating_mul(self.size[1]), c]))
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[TensorId], _: &[TensorId]) -> Result<TensorId, ModelError> {
        Ok(lowering.graph.up_sampling2d(lowering.name, self.size, self.interpolation, inputs[0])?)
    }
}
