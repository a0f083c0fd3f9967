//! The mean of each channel.

use serde::{Deserialize, Serialize};

use super::{Inferred, Kind, image};
use crate::graph::TensorId;
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lower::Lowering;
use crate::shape::Shape;

/// Mean of each channel: `[h, w, c]` to `[c]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GlobalAveragePooling2d {}

impl Kind for GlobalAveragePooling2d {
    fn infer(&self, _: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let [_, _, c] = image(inputs)?;
        Ok(Inferred::shape([c]))
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[TensorId], _: &[TensorId]) -> Result<TensorId, ModelError> {
        Ok(lowering.graph.global_average_pool2d(lowering.name, false, inputs[0])?)
    }
}
