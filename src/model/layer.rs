//! A layer as the user describes it, with Keras's kinds and options.

use serde::{Deserialize, Deserializer, Serialize};

use crate::ops::Padding;

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

    fn is_linear(&self) -> bool {
        *self == Self::Linear
    }
}

/// Whether a layer may have this name. Tables are as wide as the longest name, and tensors are called `layer/variable`.
pub(crate) fn is_layer_name(name: &str) -> bool {
    (1..=255).contains(&name.len()) && !name.contains(|c: char| c == '/' || c.is_control())
}

/// A layer with its options. Sizes of two axes are `[y, x]`; a model file may give one number for both.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", deny_unknown_fields)]
pub enum Layer {
    /// Convolution of `[h, w, c]` to `[oh, ow, filters]`, with bias.
    #[serde(rename = "conv2d")]
    Conv2d {
        /// Output channels.
        filters: usize,
        /// `[kh, kw]`
        #[serde(deserialize_with = "pair")]
        kernel_size: [usize; 2],
        /// `[sy, sx]`
        #[serde(default = "ones", deserialize_with = "pair")]
        strides: [usize; 2],
        /// Whether the image is padded with zeros.
        #[serde(default)]
        padding: Padding,
        /// Applied to the output.
        #[serde(default, skip_serializing_if = "Activation::is_linear")]
        activation: Activation,
    },
    /// Largest value of each window, without padding.
    #[serde(rename = "max_pooling2d")]
    MaxPooling2d {
        /// `[h, w]` of the window.
        #[serde(deserialize_with = "pair")]
        pool_size: [usize; 2],
        /// `[sy, sx]`; the window's size if left out.
        #[serde(default, deserialize_with = "some_pair")]
        strides: Option<[usize; 2]>,
    },
    /// Mean of each window, without padding.
    #[serde(rename = "average_pooling2d")]
    AveragePooling2d {
        /// `[h, w]` of the window.
        #[serde(deserialize_with = "pair")]
        pool_size: [usize; 2],
        /// `[sy, sx]`; the window's size if left out.
        #[serde(default, deserialize_with = "some_pair")]
        strides: Option<[usize; 2]>,
    },
    /// Mean of each channel: `[h, w, c]` to `[c]`.
    #[serde(rename = "global_average_pooling2d")]
    GlobalAveragePooling2d {},
    /// `[h, w, c]` as `[h * w * c]`, in that order.
    #[serde(rename = "flatten")]
    Flatten {},
    /// Fully connected layer of `[features]` to `[units]`, with bias.
    #[serde(rename = "dense")]
    Dense {
        /// Outputs.
        units: usize,
        /// Applied to the output.
        #[serde(default, skip_serializing_if = "Activation::is_linear")]
        activation: Activation,
    },
    /// Sets a random share of the elements to 0 in training, and scales the others up so that their expected sum stays.
    #[serde(rename = "dropout")]
    Dropout {
        /// The share, at least 0 and less than 1.
        rate: f64,
    },
    /// An activation as a layer of its own.
    #[serde(rename = "activation")]
    Activation {
        /// The activation.
        activation: Activation,
    },
}

impl Layer {
    /// Keras's name of the kind, as it stands in names of layers, and Keras's class.
    pub fn keras_names(&self) -> [&'static str; 2] {
        match self {
            Self::Conv2d { .. } => ["conv2d", "Conv2D"],
            Self::MaxPooling2d { .. } => ["max_pooling2d", "MaxPooling2D"],
            Self::AveragePooling2d { .. } => ["average_pooling2d", "AveragePooling2D"],
            Self::GlobalAveragePooling2d {} => ["global_average_pooling2d", "GlobalAveragePooling2D"],
            Self::Flatten {} => ["flatten", "Flatten"],
            Self::Dense { .. } => ["dense", "Dense"],
            Self::Dropout { .. } => ["dropout", "Dropout"],
            Self::Activation { .. } => ["activation", "Activation"],
        }
    }

    /// The activation of its output.
    pub fn activation(&self) -> Activation {
        match self {
            Self::Conv2d { activation, .. } | Self::Dense { activation, .. } | Self::Activation { activation } => {
                *activation
            }
            _ => Activation::Linear,
        }
    }

    /// Whether it has parameters.
    pub fn has_parameters(&self) -> bool {
        matches!(self, Self::Conv2d { .. } | Self::Dense { .. })
    }
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a whole number, or two of them as [y, x]")]
enum OneOrTwo {
    One(usize),
    Two([usize; 2]),
}

fn pair<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[usize; 2], D::Error> {
    Ok(match OneOrTwo::deserialize(deserializer)? {
        OneOrTwo::One(size) => [size; 2],
        OneOrTwo::Two(sizes) => sizes,
    })
}

fn some_pair<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[usize; 2]>, D::Error> {
    pair(deserializer).map(Some)
}

fn ones() -> [usize; 2] {
    [1, 1]
}
