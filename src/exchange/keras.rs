//! Models that Keras 3 saved as `.keras` files, read only. Nothing in them is executed.

use std::collections::HashMap;
use std::path::Path;

use hdf5_pure::{DType, File};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::keras_layer::{KerasLayer, Serialized};
use super::zip_archive::read_members;
use super::{ExchangeError, Weights};
use crate::error::one_line;
use crate::model::{NamedTensor, Sequential};

/// Longest config.json: a layer takes a dozen times as much memory as its text.
const MOST_CONFIG: usize = 4 << 20;

/// A model in config.json.
#[derive(Deserialize)]
struct Model<'a> {
    class_name: String,
    #[serde(borrow)]
    config: &'a RawValue,
}

#[derive(Deserialize)]
struct Config<'a> {
    #[serde(borrow)]
    layers: Vec<Serialized<'a>>,
}

impl Weights {
    /// The model in `bytes`, which `path` holds.
    pub(super) fn from_keras(path: &Path, bytes: &[u8]) -> Result<Self, ExchangeError> {
        read(bytes).map_err(|reason| ExchangeError::Keras { path: path.into(), reason: one_line(&reason) })
    }
}

fn read(bytes: &[u8]) -> Result<Weights, String> {
    let members = read_members(bytes)?;
    let member = |name: &str| members.get(name).copied().ok_or_else(|| format!("it has no {name}"));
    let model = model(member("config.json")?)?;
    let tensors = tensors(&model, member("model.weights.h5")?)?;
    let weights = Weights { tensors, model: None, class_names: Vec::new() };
    if let Some(misfit) = weights.misfit(&model).map_err(|error| error.to_string())? {
        return Err(format!("its weights don't fit its network: {misfit}"));
    }
    Ok(Weights { model: Some(model), ..weights })
}

fn model(config: &[u8]) -> Result<Sequential, String> {
    if config.len() > MOST_CONFIG {
        return Err(format!("its config.json has more than {MOST_CONFIG} bytes"));
    }
    let wrong = |error: serde_json::Error| format!("config.json: {error}");
    let Model { class_name: class, config } = serde_json::from_slice(config).map_err(wrong)?;
    if class != "Sequential" {
        return Err(format!("its network is of class {class}; wgrad has Sequential only"));
    }
    let config: Config = serde_json::from_str(config.get()).map_err(wrong)?;
    let mut layers = config.layers.into_iter().map(KerasLayer::read);
    let Some(KerasLayer::Input(input)) = layers.next().transpose()? else {
        return Err("its first layer is no InputLayer; give the model a keras.Input".into());
    };
    let mut model = Sequential::new(input);
    let mut frozen = Vec::new();
    for layer in layers {
        let KerasLayer::Layer(name, trainable, layer) = layer? else {
            return Err("it has two InputLayers; wgrad has one".into());
        };
        model = model.layer(layer).named(&name);
        if !trainable {
            frozen.push(name);
        }
    }
    model.classes().map_err(|error| error.to_string())?;
    model.freeze(&frozen).map_err(|error| error.to_string())
}

/// Kernels and biases, which stand under the classes of the layers, numbered, and not under the layers' names.
fn tensors(model: &Sequential, bytes: &[u8]) -> Result<Vec<NamedTensor>, String> {
    let file = File::from_bytes(bytes.to_vec()).map_err(|error| format!("model.weights.h5: {error}"))?;
    let mut counts = HashMap::new();
    let mut room = bytes.len();
    let mut tensors = Vec::new();
    for (layer, kind) in model.layers().filter(|(_, layer)| layer.has_parameters()) {
        let class = kind.keras_names()[0];
        let count = counts.entry(class).and_modify(|count| *count += 1).or_insert(0);
        let group = if *count == 0 { class.into() } else { format!("{class}_{count}") };
        for (place, variable) in ["kernel", "bias"].iter().enumerate() {
            let path = format!("layers/{group}/vars/{place}");
            let (shape, values) = dataset(&file, &path, &mut room)
                .map_err(|reason| format!("layer `{layer}`: {path} in model.weights.h5: {reason}"))?;
            tensors.push(NamedTensor { name: format!("{layer}/{variable}"), shape, values });
        }
    }
    Ok(tensors)
}

/// Shape and elements. All datasets together may not be longer than the `room` that they come from.
fn dataset(file: &File, path: &str, room: &mut usize) -> Result<(Vec<usize>, Vec<f32>), String> {
    let words = |error: hdf5_pure::Error| error.to_string();
    let dataset = file.dataset(path).map_err(words)?;
    let kind = dataset.dtype().map_err(words)?;
    if kind != DType::F32 {
        return Err(format!("its elements are {kind}, not float32"));
    }
    if dataset.is_chunked() {
        return Err("it is chunked, which Keras's own files are not; load and save the model in Keras".into());
    }
    let shape: Vec<usize> = dataset.shape().map_err(words)?.iter().map(|size| *size as usize).collect();
    let len = shape.iter().try_fold(4_usize, |len, size| len.checked_mul(*size));
    *room = len.and_then(|len| room.checked_sub(len)).ok_or("it is longer than the file")?;
    let values = dataset.read_f32().map_err(words)?;
    Ok((shape, values))
}
