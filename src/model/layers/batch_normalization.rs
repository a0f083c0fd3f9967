//! Batch normalization.

use serde::{Deserialize, Serialize};

use super::options::yes;
use super::{Inferred, Kind, NORMAL, only};
use crate::graph::TensorId;
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::ops::{BatchNorm, BatchNormInputs, NormCall};
use crate::shape::Shape;

/// Brings each channel to mean 0 and variance 1 over the minibatch, then multiplies by gamma and adds beta (Ioffe & Szegedy
/// 2015). Inference uses moving averages of mean and variance, and so does the training of a frozen layer. The shape of its
/// input, `[h, w, c]` or `[c]`, stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BatchNormalization {
    /// Share of the moving averages that a step keeps.
    #[serde(default = "momentum")]
    pub momentum: f64,
    /// Added to the variance.
    #[serde(default = "epsilon")]
    pub epsilon: f64,
    /// Whether there is a beta.
    #[serde(default = "yes")]
    pub center: bool,
    /// Whether there is a gamma.
    #[serde(default = "yes")]
    pub scale: bool,
    /// Whether the moving variance averages `squares / (n - 1)`, as in PyTorch, instead of `squares / n`, as in Keras.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub unbiased_variance: bool,
}

fn momentum() -> f64 {
    0.99
}

fn epsilon() -> f64 {
    1e-3
}

impl Default for BatchNormalization {
    fn default() -> Self {
        Self { momentum: momentum(), epsilon: epsilon(), center: true, scale: true, unbiased_variance: false }
    }
}

impl BatchNormalization {
    fn operation(&self, input: Shape, frozen: bool) -> BatchNorm {
        let Self { epsilon, center, scale, unbiased_variance: unbiased, .. } = *self;
        BatchNorm { epsilon, scale, center, unbiased, frozen, ..BatchNorm::new(input) }
    }
}

impl Kind for BatchNormalization {
    fn infer(&self, name: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let shape = only(inputs)?;
        if !matches!(shape.dims().len(), 1 | 3) {
            return Err(LayerError::Input("images [h, w, c] or rows [c]"));
        }
        let number = |option, number, allowed| Err(LayerError::Number { option, number, allowed });
        if !(0.0..=1.0).contains(&self.momentum) {
            return number("momentum", self.momentum, "at least 0 and at most 1");
        }
        if !(self.epsilon as f32).is_normal() || self.epsilon < 0.0 {
            return number("epsilon", self.epsilon, NORMAL);
        }
        let operation = self.operation(shape.clone(), false);
        let variables = vec![operation.variables(name), operation.moving_variables(name, self.momentum)];
        Ok(Inferred::with_variables(shape.clone(), variables))
    }

    fn lower(
        &self,
        lowering: &mut Lowering<'_>,
        inputs: &[TensorId],
        weights: &[TensorId],
    ) -> Result<TensorId, ModelError> {
        let x = inputs[0];
        let mut operation = self.operation(lowering.graph.tensor(x).shape.clone(), !lowering.trainable);
        let (number, count) = lowering.call;
        operation.call = (count > 1).then(|| NormCall::new(number, count, self.momentum));
        // The averages come after gamma and beta, if there are any.
        let (moving, weights) = match *weights {
            [weights, moving] => (moving, Some(weights)),
            _ => (weights[0], None),
        };
        let inputs = BatchNormInputs { x, minibatch: lowering.minibatch, moving, weights, added: None };
        Ok(lowering.graph.batch_norm(lowering.name, operation, inputs)?)
    }
}
