//! The elements of an image as a row.

use serde::{Deserialize, Serialize};

use super::{Inferred, Kind, only};
use crate::graph::TensorId;
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::shape::Shape;

/// `[h, w, c]` as `[h * w * c]`, in that order.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Flatten {}

impl Kind for Flatten {
    fn infer(&self, _: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        Ok(Inferred::shape([only(inputs)?.elements()]))
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[TensorId], _: &[TensorId]) -> Result<TensorId, ModelError> {
        Ok(lowering.graph.flatten(lowering.name, inputs[0])?)
    }

    fn passes_on(&self) -> bool {
        true
    }
}
