//! Random zeros in training.

use serde::{Deserialize, Serialize};

use super::{Inferred, Kind, only};
use crate::graph::TensorId;
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::shape::Shape;

/// Sets a random share of the elements to 0 in training, and scales the others up so that their expected sum stays. The shape
/// of its input stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropout {
    /// The share, at least 0 and less than 1.
    pub rate: f64,
    /// Nothing, or a 1 for each size of an image, which then is kept or dropped as a whole: Keras's `(None, 1, 1, 1)` without
    /// the minibatch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise_shape: Option<Vec<usize>>,
}

impl Dropout {
    /// Dropout of single elements.
    pub fn new(rate: f64) -> Self {
        Self { rate, noise_shape: None }
    }
}

impl Kind for Dropout {
    fn infer(&self, _: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let shape = only(inputs)?.clone();
        if !(0.0..1.0).contains(&self.rate) {
            return Err(LayerError::Rate(self.rate));
        }
        if let Some(noise) = self.noise_shape.as_ref().filter(|noise| **noise != vec![1; shape.dims().len()]) {
            return Err(LayerError::Noise(noise.clone()));
        }
        Ok(Inferred::shape(shape))
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[TensorId], _: &[TensorId]) -> Result<TensorId, ModelError> {
        let (graph, minibatch) = (&mut *lowering.graph, lowering.minibatch);
        Ok(match self.noise_shape {
            None => graph.dropout(lowering.name, self.rate, inputs[0], minibatch)?,
            Some(_) => graph.dropout_of_images(lowering.name, self.rate, inputs[0], minibatch)?,
        })
    }

    fn passes_on(&self) -> bool {
        true
    }
}
