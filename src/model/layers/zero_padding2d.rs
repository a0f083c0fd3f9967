//! A border of zeros.

use serde::{Deserialize, Deserializer, Serialize};

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

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a whole number, [y, x] or [[top, bottom], [left, right]]")]
enum Sides {
    One(usize),
    Two([usize; 2]),
    Four([[usize; 2]; 2]),
}

fn sides<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[[usize; 2]; 2], D::Error> {
    Ok(match Sides::deserialize(deserializer)? {
        Sides::One(size) => [[size; 2]; 2],
        Sides::Two(sizes) => sizes.map(|size| [size; 2]),
        Sides::Four(sizes) => sizes,
    })
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
