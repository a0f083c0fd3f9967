//! A part of an image.

use serde::{Deserialize, Serialize};

use super::options::sides;
use super::{Inferred, Kind, image};
use crate::graph::TensorId;
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::shape::Shape;

/// `[h, w, c]` without a border: `[h - top - bottom, w - left - right, c]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Cropping2d {
    /// `[[top, bottom], [left, right]]`. A model file may give one number for all sides, or `[y, x]`.
    #[serde(deserialize_with = "sides")]
    pub cropping: [[usize; 2]; 2],
}

impl Kind for Cropping2d {
    fn infer(&self, _: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let [h, w, c] = image(inputs)?;
        let [h, w] = [(h, self.cropping[0]), (w, self.cropping[1])]
            .map(|(size, [before, after])| size.saturating_sub(before).saturating_sub(after));
        match h > 0 && w > 0 {
            true => Ok(Inferred::shape([h, w, c])),
            false => Err(LayerError::Cropped(self.cropping)),
        }
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[TensorId], _: &[TensorId]) -> Result<TensorId, ModelError> {
        Ok(lowering.graph.cropping2d(lowering.name, self.cropping, inputs[0])?)
    }
}
