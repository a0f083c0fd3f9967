//! Several inputs side by side.

use serde::{Deserialize, Serialize};

use super::{Inferred, Kind};
use crate::graph::TensorId;
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::shape::Shape;

/// At least two inputs `[.., c1]`, `[.., c2]` and so on as one along the last axis: `[.., c1 + c2 + ..]`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Concatenate {}

impl Kind for Concatenate {
    fn infer(&self, _: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let [first, _, ..] = inputs else { return Err(LayerError::Several) };
        let outer = |shape: &Shape| shape.dims().split_last().map(|(_, outer)| outer.to_vec());
        if inputs.iter().any(|input| outer(input) != outer(first)) {
            return Err(LayerError::Differ("sizes before the last axis"));
        }
        let channels = inputs.iter().fold(0_usize, |sum, input| sum.saturating_add(input.columns()));
        let outer = outer(first).unwrap_or_default();
        Ok(Inferred::shape([outer, vec![channels]].concat()))
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[TensorId], _: &[TensorId]) -> Result<TensorId, ModelError> {
        Ok(lowering.graph.concatenate(lowering.name, inputs)?)
    }
}
