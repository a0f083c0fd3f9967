//! The largest value of each channel.

use serde::{Deserialize, Serialize};

use super::{Inferred, Kind, image};
use crate::graph::TensorId;
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::shape::Shape;

/// Largest value of each channel: `[h, w, c]` to `[c]`, or to `[1, 1, c]` with `keepdims`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GlobalMaxPooling2d {
    /// Whether the output has height and width of 1.
    #[serde(default)]
    pub keepdims: bool,
}

impl Kind for GlobalMaxPooling2d {
    fn infer(&self, _: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let [_, _, c] = image(inputs)?;
        Ok(if self.keepdims { Inferred::shape([1, 1, c]) } else { Inferred::shape([c]) })
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[TensorId], _: &[TensorId]) -> Result<TensorId, ModelError> {
        Ok(lowering.graph.global_max_pool2d(lowering.name, self.keepdims, inputs[0])?)
    }
}
