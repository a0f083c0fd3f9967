//! Random zeros in training.

use serde::{Deserialize, Serialize};

use super::{Inferred, Kind, only};
use crate::graph::TensorId;
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::shape::Shape;

/// Sets a random share of the elements to 0 in training, and scales the others up so that their expected sum stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropout {
    /// The share, at least 0 and less than 1.
    pub rate: f64,
}

impl Kind for Dropout {
    fn infer(&self, _: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let shape = only(inputs)?.clone();
        if !(0.0..1.0).contains(&self.rate) {
            return Err(LayerError::Rate(self.rate));
        }
        Ok(Inferred::shape(shape))
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[TensorId], _: &[TensorId]) -> Result<TensorId, ModelError> {
        Ok(lowering.graph.dropout(lowering.name, self.rate, inputs[0], lowering.minibatch)?)
    }

    fn passes_on(&self) -> bool {
        true
    }
}
