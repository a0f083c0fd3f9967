//! Layers as Keras describes them in JSON. A closed list of classes and options is read as data.

mod activations;
mod convolutions;
mod images;
mod normalizations;

pub use activations::relu;

use super::options::{Options, parse, start};
use crate::model::Layer;
use crate::model::layers::{Add, Concatenate, Dropout, LayerScale, Multiply, SpatialDropout2d};

/// The classes that wgrad has.
const CLASSES: &str = "Conv2D, DepthwiseConv2D, SeparableConv2D, Conv2DTranspose, Dense, BatchNormalization, \
    LayerNormalization, GroupNormalization, MaxPooling2D, AveragePooling2D, GlobalAveragePooling2D, GlobalMaxPooling2D, Add, \
    Multiply, Concatenate, ZeroPadding2D, Cropping2D, UpSampling2D, Reshape, Flatten, Dropout, SpatialDropout2D, Activation, \
    ReLU, LeakyReLU, PReLU, ELU, Softmax, Rescaling and Normalization";

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
    /// What multiplies the last of its inputs first.
    pub scale: Option<f64>,
}

impl KerasLayer {
    /// A layer of which Keras says nothing else.
    pub fn new(layer: Layer) -> Self {
        Self { layer, trainable: true, axis: -1, adapted: false, scale: None }
    }
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

/// Reads a layer of a class that belongs to one of Keras's applications.
///
/// # Errors
/// The class or option that wgrad doesn't have, in words.
pub fn of_application(class: &str, mut options: Options) -> Result<KerasLayer, String> {
    options.remove("name");
    let trainable = options.take_or("trainable", true)?;
    options.float32()?;
    let layer = match class {
        "StochasticDepth" => {
            let rate = options.take("drop_path_rate")?;
            KerasLayer::new(Dropout { rate, noise_shape: Some(vec![1; 3]) }.into())
        }
        "LayerScale" => {
            // Its weights have as many.
            options.remove("projection_dim");
            KerasLayer::new(LayerScale { init_values: options.take("init_values")? }.into())
        }
        "CustomScaleLayer" => KerasLayer { scale: Some(options.take("scale")?), ..KerasLayer::new(Add {}.into()) },
        _ => return Err("wgrad doesn't have it".into()),
    };
    options.finish()?;
    Ok(KerasLayer { trainable, ..layer })
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
    Ok(KerasLayer { trainable, axis, adapted, ..KerasLayer::new(layer) })
}

/// Reads a layer of one of the families of classes, if the class is among them. What it says about the axis of its channels
/// goes there.
type Family = fn(&str, &mut Options, &mut i64) -> Result<Option<Layer>, String>;

const FAMILIES: [Family; 5] =
    [convolutions::layer, normalizations::layer, images::layer, activations::layer, of_elements];

fn layer_of(class: &str, options: &mut Options, channels: &mut i64) -> Result<Layer, String> {
    for family in FAMILIES {
        if let Some(layer) = family(class, options, channels)? {
            return Ok(layer);
        }
    }
    Err(format!("wgrad doesn't have it, only {CLASSES}"))
}

/// Layers that take elements of any shape.
fn of_elements(class: &str, options: &mut Options, channels: &mut i64) -> Result<Option<Layer>, String> {
    Ok(Some(match class {
        "Add" => Add {}.into(),
        "Multiply" => Multiply {}.into(),
        "Concatenate" => {
            *channels = options.axis()?;
            Concatenate {}.into()
        }
        "Dropout" => {
            options.remove("seed");
            Dropout { rate: options.take("rate")?, noise_shape: noise_shape(options)? }.into()
        }
        "SpatialDropout2D" => {
            options.remove("seed");
            channels_last(options)?;
            options.only("noise_shape", ())?;
            SpatialDropout2d { rate: options.take("rate")? }.into()
        }
        _ => return Ok(None),
    }))
}

fn channels_last(options: &mut Options) -> Result<(), String> {
    options.only("data_format", "channels_last".to_owned())
}

/// The sizes of the noise of dropout, without the minibatch.
fn noise_shape(options: &mut Options) -> Result<Option<Vec<usize>>, String> {
    let Some(value) = options.remove("noise_shape").filter(|value| value.get() != "null") else { return Ok(None) };
    match parse::<Vec<Option<usize>>>(value).as_deref() {
        Some([None, sizes @ .., Some(last)]) if sizes.iter().all(|size| *size == Some(1)) => {
            let mut shape = vec![1; sizes.len()];
            shape.push(*last);
            Ok(Some(shape))
        }
        _ => {
            Err(format!("`noise_shape` is {}, but wgrad has [null, 1, 1, 1] and [null, 1, 1, channels]", start(value)))
        }
    }
}
