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
    /// `min(max(x, 0), 6)`
    Relu6,
    /// `x` where it is positive, else `0.2 x`.
    LeakyRelu,
    /// `x / (1 + exp(-x))`, also called swish.
    #[serde(alias = "swish")]
    Silu,
    /// `relu6(x + 3) / 6`
    HardSigmoid,
    /// `x relu6(x + 3) / 6`, also called hard swish.
    #[serde(alias = "hard_swish")]
    HardSilu,
    /// `x` where it is positive, else `exp(x) - 1`.
    Elu,
    /// Elu with the slope and the limit that keep mean 0 and variance 1.
    Selu,
    /// `ln(1 + exp(x))`
    Softplus,
    /// `x tanh(softplus(x))`
    Mish,
    /// `exp(x)`
    Exponential,
    /// Makes numbers along the last axis that sum to 1. At the end of a network it makes probabilities of the classes; the
    /// loss is computed from the values before it, so training leaves it out there.
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
            Self::Relu6 => "relu6",
            Self::LeakyRelu => "leaky_relu",
            Self::Silu => "silu",
            Self::HardSigmoid => "hard_sigmoid",
            Self::HardSilu => "hard_silu",
            Self::Elu => "elu",
            Self::Selu => "selu",
            Self::Softplus => "softplus",
            Self::Mish => "mish",
            Self::Exponential => "exponential",
            Self::Softmax => "softmax",
        }
    }

    pub(super) fn is_linear(&self) -> bool {
        *self == Self::Linear
    }
}
