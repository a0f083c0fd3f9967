//! Activation functions.

use serde::{Deserialize, Serialize};

/// The function that a layer applies to its outputs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Activation {
    /// `x`: nothing is applied.
    #[default]
    Linear,
    /// `max(x, 0)`
    Relu,
    /// `x Phi(x)`, where `Phi` is the distribution function of the standard normal distribution. This is the exact form,
    /// which is Keras's default.
    Gelu,
    /// Hyperbolic tangent.
    Tanh,
    /// `1 / (1 + exp(-x))`
    Sigmoid,
    /// Makes probabilities of the classes. It may stand only at the end of the network. The loss is computed from the
    /// values before it, so training leaves it out.
    Softmax,
}

impl Activation {
    /// Keras's name.
    pub fn keras_name(self) -> &'static str {
        match self {
            Self::Linear => "linear",
            Self::Relu => "relu",
            Self::Gelu => "gelu",
            Self::Tanh => "tanh",
            Self::Sigmoid => "sigmoid",
            Self::Softmax => "softmax",
        }
    }

    pub(super) fn is_linear(&self) -> bool {
        *self == Self::Linear
    }
}
