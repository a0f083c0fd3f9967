//! Layers as Keras describes them in JSON. A closed list of classes and options is read as data.

use serde::Deserialize;

use super::options::{Options, parse, start};
use crate::graph::Regularizer;
use crate::model::layers::{
    self, Add, AveragePooling2d, BatchNormalization, Concatenate, Conv2d, Dense, DepthwiseConv2d, Dropout, Flatten,
    GlobalAveragePooling2d, GlobalMaxPooling2d, GroupNormalization, LayerNormalization, LeakyRelu, MaxPooling2d,
    Multiply, Normalization, PerChannel, Relu, Rescaling, Reshape, SeparableConv2d, ZeroPadding2d,
};
use crate::model::{Activation, Layer};
use crate::ops::Padding;

/// The classes that wgrad has.
const CLASSES: &str = "Conv2D, DepthwiseConv2D, SeparableConv2D, Dense, BatchNormalization, LayerNormalization, GroupNormalization, \
    MaxPooling2D, AveragePooling2D, GlobalAveragePooling2D, GlobalMaxPooling2D, Add, Multiply, Concatenate, \
    ZeroPadding2D, Reshape, Flatten, Dropout, Activation, ReLU, LeakyReLU, Softmax, Rescaling and Normalization";

/// A layer, and what Keras says about it besides.
#[derive(Debug, PartialEq)]
pub struct KerasLayer {
    /// The layer.
    pub layer: Layer,
    /// Whether training changes it.
    pub trainable: bool,
    /// The axis of its channels, which must be the last one. Keras may count it from the front.
    pub axis: i64,
    /// Whether it is a normalization whose mean and variance are in the file of weights.
    pub adapted: bool,
}

/// Reads the sizes of what a layer takes, with the minibatch, where its options say them. Keras 2's word is
/// `batch_input_shape`, which stands also in first layers of another class than InputLayer.
pub fn input_shape(options: &mut Options) -> Result<Option<Vec<Option<usize>>>, String> {
    let shape = options.remove("batch_input_shape").or_else(|| options.remove("batch_shape"));
    let sizes = |shape| parse(shape).ok_or_else(|| format!("its input is {}, not a list of sizes", start(shape)));
    shape.map(sizes).transpose()
}

/// Reads what is left of the options of an InputLayer.
pub fn input_layer(mut options: Options) -> Result<(), String> {
    options.only("dtype", "float32".to_owned())?;
    for option in ["sparse", "ragged", "optional"] {
        options.only(option, false)?;
    }
    options.finish()
}

/// Reads a layer of Keras's own.
///
/// # Errors
/// The class or option that wgrad doesn't have, in words.
pub fn layer(class: &str, mut options: Options) -> Result<KerasLayer, String> {
    options.remove("name");
    let trainable = options.take_or("trainable", true)?;
    options.float32()?;
    let mut axis = -1;
    let adapted = class == "Normalization" && options.is_none("mean");
    let layer = layer_of(class, &mut options, &mut axis)?;
    options.finish()?;
    Ok(KerasLayer { layer, trainable, axis, adapted })
}

fn layer_of(class: &str, options: &mut Options, channels: &mut i64) -> Result<Layer, String> {
    Ok(match class {
        "Conv2D" => {
            let Convolution { kernel_size, strides, padding, use_bias, activation } = Convolution::take(options)?;
            let (filters, kernel_regularizer) = (options.take("filters")?, regularizer(options, "kernel_regularizer")?);
            Conv2d { filters, kernel_size, strides, padding, use_bias, activation, kernel_regularizer }.into()
        }
        "DepthwiseConv2D" => {
            let Convolution { kernel_size, strides, padding, use_bias, activation } = Convolution::take(options)?;
            let depth_multiplier = options.take_or("depth_multiplier", 1)?;
            let depthwise_regularizer = regularizer(options, "depthwise_regularizer")?;
            DepthwiseConv2d {
                kernel_size,
                strides,
                padding,
                depth_multiplier,
                use_bias,
                activation,
                depthwise_regularizer,
            }
            .into()
        }
        "SeparableConv2D" => {
            let Convolution { kernel_size, strides, padding, use_bias, activation } = Convolution::take(options)?;
            SeparableConv2d {
                filters: options.take("filters")?,
                kernel_size,
                strides,
                padding,
                depth_multiplier: options.take_or("depth_multiplier", 1)?,
                use_bias,
                activation,
                depthwise_regularizer: regularizer(options, "depthwise_regularizer")?,
                pointwise_regularizer: regularizer(options, "pointwise_regularizer")?,
            }
            .into()
        }
        "Dense" => {
            options.forget_initializers();
            Dense {
                units: options.take("units")?,
                use_bias: options.take_or("use_bias", true)?,
                activation: options.take_or("activation", Activation::Linear)?,
                kernel_regularizer: regularizer(options, "kernel_regularizer")?,
            }
            .into()
        }
        "BatchNormalization" => {
            options.forget_initializers();
            *channels = options.axis()?;
            options.only("renorm", false)?;
            for option in ["renorm_momentum", "synchronized"] {
                options.remove(option);
            }
            BatchNormalization {
                momentum: options.take("momentum")?,
                epsilon: options.take("epsilon")?,
                center: options.take("center")?,
                scale: options.take("scale")?,
                unbiased_variance: false,
            }
            .into()
        }
        "LayerNormalization" => {
            options.forget_initializers();
            *channels = options.axis()?;
            options.only("rms_scaling", false)?;
            let [center, scale] = [options.take("center")?, options.take("scale")?];
            LayerNormalization { epsilon: options.take("epsilon")?, center, scale }.into()
        }
        "GroupNormalization" => {
            options.forget_initializers();
            *channels = options.axis()?;
            let [center, scale] = [options.take("center")?, options.take("scale")?];
            GroupNormalization { groups: options.take("groups")?, epsilon: options.take("epsilon")?, center, scale }
                .into()
        }
        "MaxPooling2D" => {
            images(options)?;
            let (pool_size, strides) = (options.take("pool_size")?, options.take_or("strides", None)?);
            MaxPooling2d { pool_size, strides, padding: options.take("padding")? }.into()
        }
        "AveragePooling2D" => {
            images(options)?;
            let (pool_size, strides) = (options.take("pool_size")?, options.take_or("strides", None)?);
            AveragePooling2d { pool_size, strides, padding: options.take("padding")? }.into()
        }
        "GlobalAveragePooling2D" => {
            images(options)?;
            GlobalAveragePooling2d { keepdims: options.take_or("keepdims", false)? }.into()
        }
        "GlobalMaxPooling2D" => {
            images(options)?;
            GlobalMaxPooling2d { keepdims: options.take_or("keepdims", false)? }.into()
        }
        "Add" => Add {}.into(),
        "Multiply" => Multiply {}.into(),
        "Concatenate" => {
            *channels = options.axis()?;
            Concatenate {}.into()
        }
        "ZeroPadding2D" => {
            images(options)?;
            ZeroPadding2d { padding: options.take("padding")? }.into()
        }
        "Reshape" => Reshape { target_shape: options.take("target_shape")? }.into(),
        "Flatten" => {
            images(options)?;
            Flatten {}.into()
        }
        "Dropout" => {
            options.remove("seed");
            Dropout { rate: options.take("rate")?, noise_shape: noise_shape(options)? }.into()
        }
        "Activation" => layers::Activation { activation: options.take("activation")? }.into(),
        "ReLU" => relu(options)?,
        "LeakyReLU" => {
            // Keras 2's word is `alpha`.
            let option = if options.has("alpha") { "alpha" } else { "negative_slope" };
            LeakyRelu { negative_slope: options.take(option)? }.into()
        }
        "Softmax" => {
            options.only("axis", -1)?;
            layers::Activation::new(Activation::Softmax).into()
        }
        "Rescaling" => Rescaling { scale: options.take("scale")?, offset: options.take("offset")? }.into(),
        "Normalization" => normalization(options, channels)?.into(),
        _ => return Err(format!("wgrad doesn't have it, only {CLASSES}")),
    })
}

fn images(options: &mut Options) -> Result<(), String> {
    options.only("data_format", "channels_last".to_owned())
}

/// Options that all convolutions have.
struct Convolution {
    kernel_size: [usize; 2],
    strides: [usize; 2],
    padding: Padding,
    use_bias: bool,
    activation: Activation,
}

impl Convolution {
    fn take(options: &mut Options) -> Result<Self, String> {
        options.forget_initializers();
        images(options)?;
        options.only("dilation_rate", [1, 1])?;
        options.only("groups", 1)?;
        Ok(Self {
            kernel_size: options.take("kernel_size")?,
            strides: options.take("strides")?,
            padding: options.take("padding")?,
            use_bias: options.take_or("use_bias", true)?,
            activation: options.take_or("activation", Activation::Linear)?,
        })
    }
}

/// Mean and variance, which stand for themselves until those of the weights replace them if the layer was adapted.
fn normalization(options: &mut Options, channels: &mut i64) -> Result<Normalization, String> {
    // Without an axis, there is one mean of everything.
    *channels = if options.is_none("axis") { -1 } else { options.axis()? };
    options.remove("axis");
    options.only("invert", false)?;
    if options.is_none("mean") && options.is_none("variance") {
        return Ok(Normalization { mean: PerChannel::One(0.0), variance: PerChannel::One(1.0) });
    }
    Ok(Normalization { mean: options.take("mean")?, variance: options.take("variance")? })
}

/// The sizes of the noise of dropout, without the minibatch.
fn noise_shape(options: &mut Options) -> Result<Option<Vec<usize>>, String> {
    let Some(value) = options.remove("noise_shape").filter(|value| value.get() != "null") else { return Ok(None) };
    match parse::<Vec<Option<usize>>>(value).as_deref() {
        Some([None, sizes @ ..]) if sizes.iter().all(|size| *size == Some(1)) => Ok(Some(vec![1; sizes.len()])),
        _ => Err(format!("`noise_shape` is {}, but wgrad has [null, 1, 1, 1] only", start(value))),
    }
}

/// The options of a relu.
pub fn relu(options: &mut Options) -> Result<Layer, String> {
    Ok(Relu {
        max_value: options.take_or("max_value", None)?,
        negative_slope: options.take_or("negative_slope", None)?.unwrap_or(0.0),
        threshold: options.take_or("threshold", None)?.unwrap_or(0.0),
    }
    .into())
}

/// A penalty of a kernel.
fn regularizer(options: &mut Options, option: &str) -> Result<Regularizer, String> {
    #[derive(Deserialize)]
    struct Named {
        class_name: String,
        config: Regularizer,
    }
    let Some(value) = options.remove(option).filter(|value| value.get() != "null") else {
        return Ok(Regularizer::default());
    };
    match parse(value) {
        Some(Named { class_name, config }) if ["L1", "L2", "L1L2"].contains(&class_name.as_str()) => Ok(config),
        _ => Err(format!("`{option}` is {}, but wgrad has L1, L2 and L1L2", start(value))),
    }
}
