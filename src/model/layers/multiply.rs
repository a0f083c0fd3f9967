//! The product of several inputs.

use serde::{Deserialize, Serialize};

use super::{Inferred, Kind};
use crate::graph::TensorId;
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::shape::Shape;

/// Product of at least two inputs, element by element. They have one shape, or they are images `[h, w, c]` and factors
/// `[1, 1, c]` of their channels.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Multiply {}

/// The shape of the product of two inputs.
fn of_two(a: &Shape, b: &Shape) -> Option<Shape> {
    let factors = |shape: &Shape, of: &Shape| {
        matches!((shape.dims(), of.dims()), ([1, 1, c], [_, _, channels]) if c == channels)
    };
    match (a, b) {
        (a, b) if a == b || factors(b, a) => Some(a.clone()),
        (a, b) if factors(a, b) => Some(b.clone()),
        _ => None,
    }
}

impl Kind for Multiply {
    fn infer(&self, _: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let [first, rest @ ..] = inputs else { return Err(LayerError::Several) };
        if rest.is_empty() {
            return Err(LayerError::Several);
        }
        let shape = rest.iter().try_fold(first.clone(), |product, input| of_two(&product, input));
        shape.map(Inferred::shape).ok_or(LayerError::Differ("shapes"))
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[TensorId], _: &[TensorId]) -> Result<TensorId, ModelError> {
        let mut product = inputs[0];
        for input in &inputs[1..] {
            product = lowering.graph.multiply(lowering.name, product, *input)?;
        }
        Ok(product)
    }
}
