//! The kinds of layers, one file each: options, shapes, variables, and the operations that compute them.
//!
//! Names, options and defaults are those of Keras 3. Sizes of two axes are `[y, x]`; a model file may give one number for
//! both.

use serde::{Deserialize, Serialize};

use super::Activation as Function;
use super::error::LayerError;
use crate::graph::Regularizer;
use crate::ops::ChannelScale;
use crate::shape::Shape;

mod convolution;
#[macro_use]
mod kind;
mod options;
mod pooling;

pub use kind::Inferred;
use kind::{
    FINITE, Kind, NORMAL, NOT_NEGATIVE, channels_of, check_regularizer, image, only, positive, product, regularized,
    same, within,
};
pub use options::PerChannel;

/// Makes a module and a variant of [`Layer`] for each kind: `file Type "name in model files" "Keras's class"`.
macro_rules! layers {
    ($($(#[$doc:meta])* $file:ident $kind:ident $name:literal $class:literal)*) => {
        $(mod $file; pub use $file::$kind;)*

        /// A layer with its options.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "type")]
        pub enum Layer {
            $($(#[$doc])* #[serde(rename = $name)] $kind($kind),)*
        }

        impl Layer {
            /// Keras's name of the kind, as it stands in names of layers, and Keras's class.
            pub fn keras_names(&self) -> [&'static str; 2] {
                match self { $(Self::$kind(_) => [$name, $class],)* }
            }

            pub(super) fn kind(&self) -> &dyn Kind {
                match self { $(Self::$kind(kind) => kind,)* }
            }

            fn kind_mut(&mut self) -> &mut dyn Kind {
                match self { $(Self::$kind(kind) => kind,)* }
            }
        }

        $(impl From<$kind> for Layer {
            fn from(kind: $kind) -> Self {
                Self::$kind(kind)
            }
        })*
    };
}

layers! {
    /// Convolution.
    conv2d Conv2d "conv2d" "Conv2D"
    /// What a convolution does to its gradient.
    conv2d_transpose Conv2dTranspose "conv2d_transpose" "Conv2DTranspose"
    /// Largest value of each window.
    max_pooling2d MaxPooling2d "max_pooling2d" "MaxPooling2D"
    /// Mean of each window.
    average_pooling2d AveragePooling2d "average_pooling2d" "AveragePooling2D"
    /// Mean of each channel.
    global_average_pooling2d GlobalAveragePooling2d "global_average_pooling2d" "GlobalAveragePooling2D"
    /// Largest value of each channel.
    global_max_pooling2d GlobalMaxPooling2d "global_max_pooling2d" "GlobalMaxPooling2D"
    /// A border of zeros.
    zero_padding2d ZeroPadding2d "zero_padding2d" "ZeroPadding2D"
    /// A part of an image.
    cropping2d Cropping2d "cropping2d" "Cropping2D"
    /// An image made larger.
    #[serde(alias = "upsampling2d")]
    up_sampling2d UpSampling2d "up_sampling2d" "UpSampling2D"
    /// The elements of an image under another shape.
    reshape Reshape "reshape" "Reshape"
    /// The elements of an image as a row.
    flatten Flatten "flatten" "Flatten"
    /// Fully connected layer.
    dense Dense "dense" "Dense"
    /// Random zeros in training.
    dropout Dropout "dropout" "Dropout"
    /// Random channels of zeros in training.
    spatial_dropout2d SpatialDropout2d "spatial_dropout2d" "SpatialDropout2D"
    /// An activation as a layer of its own.
    activation Activation "activation" "Activation"
    /// A scale and an offset of each channel.
    rescaling Rescaling "rescaling" "Rescaling"
    /// A known mean and variance of each channel.
    normalization Normalization "normalization" "Normalization"
    /// Convolution of each channel by itself.
    depthwise_conv2d DepthwiseConv2d "depthwise_conv2d" "DepthwiseConv2D"
    /// Depthwise convolution, then a convolution by one cell.
    separable_conv2d SeparableConv2d "separable_conv2d" "SeparableConv2D"
    /// Relu with a slope below 0.
    #[serde(alias = "leaky_relu")]
    leaky_re_lu LeakyRelu "leaky_re_lu" "LeakyReLU"
    /// Relu with a limit, a slope and a threshold.
    #[serde(alias = "relu")]
    re_lu Relu "re_lu" "ReLU"
    /// Relu with a trained slope below 0.
    #[serde(alias = "prelu")]
    p_re_lu PRelu "p_re_lu" "PReLU"
    /// Elu with an option.
    elu Elu "elu" "ELU"
    /// Normalization over the minibatch.
    batch_normalization BatchNormalization "batch_normalization" "BatchNormalization"
    /// Normalization over the channels of a pixel.
    layer_normalization LayerNormalization "layer_normalization" "LayerNormalization"
    /// Normalization over groups of channels.
    group_normalization GroupNormalization "group_normalization" "GroupNormalization"
    /// A trained factor of each channel.
    layer_scale LayerScale "layer_scale" "LayerScale"
    /// Product of several inputs.
    multiply Multiply "multiply" "Multiply"
    /// Several inputs side by side.
    concatenate Concatenate "concatenate" "Concatenate"
    /// Sum of several inputs.
    add Add "add" "Add"
}

impl Layer {
    /// Shape and variables of a layer called `name` for `inputs`, shapes without the batch.
    ///
    /// # Errors
    /// Inputs that the layer can't take, or options that make no sense.
    pub fn infer(&self, name: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        self.kind().infer(name, inputs)
    }

    /// The activation of its output.
    pub fn activation(&self) -> Function {
        self.kind().activation()
    }

    /// Changes the activation of its output, where the layer has that option.
    pub(super) fn set_activation(&mut self, activation: Function) {
        self.kind_mut().set_activation(activation);
    }

    /// Changes the penalty of its kernel, where it has one kernel.
    pub(super) fn set_kernel_regularizer(&mut self, regularizer: Regularizer) {
        self.kind_mut().set_kernel_regularizer(regularizer);
    }

    /// What the layer does to each of `channels` channels, if it only scales and shifts them.
    pub(crate) fn channel_scale(&self, channels: usize) -> Option<ChannelScale> {
        match self {
            Self::Rescaling(layer) => Some(layer.channel_scale(channels)),
            Self::Normalization(layer) => Some(layer.channel_scale(channels)),
            _ => None,
        }
    }

    /// The variable with the products of the output's channels: see [`Kind::kernel_of_channels`].
    pub(super) fn kernel_of_channels(&self) -> Option<&'static str> {
        self.kind().kernel_of_channels()
    }

    /// Gives the output a bias, where the layer has that option.
    pub(super) fn add_bias(&mut self) {
        self.kind_mut().add_bias();
    }

    /// Whether inference passes the elements of its one input on as they are.
    pub(super) fn passes_on(&self) -> bool {
        self.kind().passes_on()
    }
}
