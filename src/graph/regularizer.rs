//! Penalties of large weights.

use serde::{Deserialize, Serialize};

/// A penalty of the elements `w` of a variable, which the loss gets besides: `l1 * sum(|w|) + l2 * sum(w^2)`, as Keras's `L1L2` has
/// it. The gradient gets `l1 * sign(w) + 2 * l2 * w`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Regularizer {
    /// Factor of the absolute values.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub l1: f64,
    /// Factor of the squares.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub l2: f64,
}

fn is_zero(number: &f64) -> bool {
    *number == 0.0
}

impl Regularizer {
    /// A penalty of the absolute values.
    pub fn l1(l1: f64) -> Self {
        Self { l1, l2: 0.0 }
    }

    /// A penalty of the squares.
    pub fn l2(l2: f64) -> Self {
        Self { l1: 0.0, l2 }
    }

    /// Whether it changes nothing.
    pub fn is_none(&self) -> bool {
        *self == Self::default()
    }

    /// The factor that makes no sense as float32, if there is one.
    pub fn wrong(&self) -> Option<f64> {
        [self.l1, self.l2].into_iter().find(|factor| !(0.0..=f64::from(f32::MAX)).contains(factor))
    }
}
