//! The elements of an image under another shape.

use serde::{Deserialize, Serialize};

use super::{Inferred, Kind, only};
use crate::graph::TensorId;
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::shape::Shape;

/// The same elements in the same order, as `target_shape`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reshape {
    /// The sizes of an image, without the batch. One of them may be -1: then it is what is left.
    pub target_shape: Vec<i64>,
}

impl Reshape {
    /// The shape of `elements` elements; none where they don't fit.
    fn shape(&self, elements: usize) -> Option<Vec<usize>> {
        let known = self.target_shape.iter().filter(|size| **size != -1).map(|size| usize::try_from(*size).ok());
        let known = known.into_iter().try_fold(1_usize, |product, size| product.checked_mul(size?))?;
        let rest = elements.checked_div(known)?;
        let sizes = self.target_shape.iter().map(|size| usize::try_from(*size).unwrap_or(rest));
        let sizes: Vec<usize> = sizes.collect();
        let product = sizes.iter().try_fold(1_usize, |product, size| product.checked_mul(*size))?;
        (!sizes.is_empty() && product == elements).then_some(sizes)
    }
}

impl Kind for Reshape {
    fn infer(&self, _: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let elements = only(inputs)?.elements();
        self.shape(elements).map(Inferred::shape).ok_or_else(|| LayerError::Reshape(self.target_shape.clone()))
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[TensorId], _: &[TensorId]) -> Result<TensorId, ModelError> {
        let image = &lowering.graph.tensor(inputs[0]).shape.dims()[1..];
        let sizes = self.shape(image.iter().product()).unwrap_or_default();
        let shape: Vec<usize> = std::iter::once(lowering.batch).chain(sizes).collect();
        Ok(lowering.graph.reshape(lowering.name, shape, inputs[0])?)
    }

    fn passes_on(&self) -> bool {
        true
    }
}
