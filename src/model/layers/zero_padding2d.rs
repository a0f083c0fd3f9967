//! A border of zeros.

use serde::{Deserialize, Serialize};

use super::options::sides;
use super::{Inferred, Kind, image};
use crate::graph::TensorId;
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::shape::Shape;

/// Zeros around `[h, w, c]`: `[top + h + bottom, left + w + right, c]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ZeroPadding2d {
    /// `[[top, bottom], [left, right]]`. A model file may give one number for all sides, or `[y, x]`; 1 if left out.
    #[serde(default = "one", deserialize_with = "sides")]
    pub padding: [[usize; 2]; 2],
}

fn one() -> [[usize; 2]; 2] {
    [[1; 2]; 2]
}

impl Kind for ZeroPadding2d {
    fn infer(&self, _: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let [h, w, c] = image(inputs)?;
        let [h, w] = [(h, self.padding[0]), (w, self.padding[1])]
            .map(|(size, [before, after])| size.saturating_add(before).saturating_add(after));
        Ok(Inferred::shape([h, w, c]))
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[TensorId], _: &[TensorId]) -> Result<TensorId, ModelError> {
        Ok(lowering.graph.zero_padding2d(lowering.name, self.padding, inputs[0])?)
    }
}
