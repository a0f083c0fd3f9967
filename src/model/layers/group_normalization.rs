//! Group normalization.

use serde::{Deserialize, Serialize};

use super::options::yes;
use super::{Inferred, Kind, NORMAL, only};
use crate::graph::TensorId;
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::ops::GroupNorm;
use crate::shape::Shape;

/// Brings each group of neighbouring channels of an image to mean 0 and variance 1, then multiplies by gamma and adds beta
/// (Wu & He 2018). The shape of its input stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupNormalization {
    /// Number of groups, which divides the number of channels. With -1, each channel is a group.
    #[serde(default = "groups")]
    pub groups: i64,
    /// Added to the variance.
    #[serde(default = "epsilon")]
    pub epsilon: f64,
    /// Whether there is a beta.
    #[serde(default = "yes")]
    pub center: bool,
    /// Whether there is a gamma.
    #[serde(default = "yes")]
    pub scale: bool,
}

fn groups() -> i64 {
    32
}

fn epsilon() -> f64 {
    1e-3
}

impl Default for GroupNormalization {
    fn default() -> Self {
        Self { groups: groups(), epsilon: epsilon(), center: true, scale: true }
    }
}

impl GroupNormalization {
    fn operation(&self, input: Shape) -> GroupNorm {
        let Self { groups, epsilon, center, scale } = *self;
        let groups = usize::try_from(groups).unwrap_or(input.columns());
        GroupNorm { input, groups, epsilon, scale, center }
    }
}

impl Kind for GroupNormalization {
    fn infer(&self, name: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let shape = only(inputs)?;
        if !(self.epsilon as f32).is_normal() || self.epsilon < 0.0 {
            return Err(LayerError::Number { option: "epsilon", number: self.epsilon, allowed: NORMAL });
        }
        let operation = self.operation(shape.clone());
        if self.groups < -1 || operation.groups == 0 || !shape.columns().is_multiple_of(operation.groups) {
            return Err(LayerError::Groups(self.groups));
        }
        let variables = operation.variables(name);
        Ok(Inferred::with_variables(shape.clone(), vec![variables]))
    }

    fn lower(
        &self,
        lowering: &mut Lowering<'_>,
        inputs: &[TensorId],
        weights: &[TensorId],
    ) -> Result<TensorId, ModelError> {
        let operation = self.operation(lowering.graph.tensor(inputs[0]).shape.clone());
        Ok(lowering.graph.group_norm(lowering.name, operation, inputs[0], weights.first().copied())?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_divide_the_channels() {
        let infer = |groups, channels| {
            let layer = GroupNormalization { groups, ..GroupNormalization::default() };
            layer.infer("norm", &[[4, 4, channels].into()])
        };
        for (groups, channels) in [(32, 64), (1, 3), (3, 3), (-1, 7)] {
            let Inferred { shape, variables, .. } = infer(groups, channels).unwrap();
            let shapes: Vec<_> = variables.into_iter().flatten().map(|v| (v.name, v.shape)).collect();
            let expected = ["norm/gamma", "norm/beta"].map(|name| (name.to_owned(), vec![channels]));
            assert_eq!((shape, &shapes[..]), ([4, 4, channels].into(), &expected[..]));
        }
        for (groups, channels) in [(32, 16), (0, 4), (-2, 4), (5, 12), (i64::MAX, 4), (i64::MIN, 4)] {
            assert_eq!(infer(groups, channels), Err(LayerError::Groups(groups)));
        }
    }
}
