//! Random zeros in training.

use serde::{Deserialize, Serialize};

use super::{Inferred, Kind, only};
use crate::graph::TensorId;
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::ops::Noise;
use crate::shape::Shape;

/// Sets a random share of the elements to 0 in training, and scales the others up so that their expected sum stays. The shape
/// of its input stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dropout {
    /// The share, at least 0 and less than 1.
    pub rate: f64,
    /// Nothing, or a 1 for each size of an image, which then is kept or dropped as a whole: Keras's `(None, 1, 1, 1)` without
    /// the minibatch. With the number of channels as the last size, a channel is kept or dropped as a whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise_shape: Option<Vec<usize>>,
}

impl Dropout {
    /// Dropout of single elements.
    pub fn new(rate: f64) -> Self {
        Self { rate, noise_shape: None }
    }

    /// What is kept or dropped as a whole in an image of this shape; none if the option does not fit it.
    fn noise(&self, image: &Shape) -> Option<Noise> {
        let Some(noise) = &self.noise_shape else { return Some(Noise::Elements) };
        let ones = vec![1; image.dims().len()];
        let (_, outer) = ones.split_last()?;
        match noise {
            noise if *noise == ones => Some(Noise::Images),
            noise if *noise == [outer, &[image.columns()]].concat() => Some(Noise::Channels),
            _ => None,
        }
    }
}

impl Kind for Dropout {
    fn infer(&self, _: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let shape = only(inputs)?.clone();
        if !(0.0..1.0).contains(&self.rate) {
            return Err(LayerError::Rate(self.rate));
        }
        match self.noise(&shape) {
            Some(_) => Ok(Inferred::shape(shape)),
            None => Err(LayerError::Noise(self.noise_shape.clone().unwrap_or_default())),
        }
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[TensorId], _: &[TensorId]) -> Result<TensorId, ModelError> {
        let shape = &lowering.graph.tensor(inputs[0]).shape;
        let image = Shape::from(shape.dims().get(1..).unwrap_or_default().to_vec());
        lowering.drop(self.rate, self.noise(&image).unwrap_or(Noise::Elements), inputs[0])
    }

    fn passes_on(&self) -> bool {
        true
    }
}
