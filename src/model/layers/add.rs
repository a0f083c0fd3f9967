//! The sum of several inputs.

use serde::{Deserialize, Serialize};

use super::{Inferred, Kind, same};
use crate::graph::TensorId;
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::shape::Shape;

/// Sum of at least two inputs of one shape, element by element.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Add {}

impl Kind for Add {
    fn infer(&self, _: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        Ok(Inferred::shape(same(inputs)?.clone()))
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[TensorId], _: &[TensorId]) -> Result<TensorId, ModelError> {
        let mut sum = inputs[0];
        for input in &inputs[1..] {
            sum = lowering.graph.add(lowering.name, sum, *input)?;
        }
        Ok(sum)
    }
}
