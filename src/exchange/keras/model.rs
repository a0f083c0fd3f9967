//! Models as Keras's config.json describes them: layers, their calls, and models among the layers.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::calls::{Call, Source, calls, only_one};
use super::layer::{self, KerasLayer};
use super::operation::operation;
use super::options::Options;
use crate::model::is_layer_name;

/// Longest description: a layer takes a dozen times as much memory as its text.
const MOST_CONFIG: usize = 4 << 20;

/// How deep models may stand inside one another.
const MOST_DEPTH: usize = 16;

/// Where Keras's own classes come from.
const MODULE: &str = "keras.layers";

/// A model, or a model among the layers of another.
pub struct KerasModel {
    /// Its layers.
    pub entries: Vec<Entry>,
    /// Whether training changes anything in it.
    pub trainable: bool,
    /// Name and class in the file of weights, such as `functional`.
    pub class: &'static str,
    /// The layer that stands for what it reads; none in a row whose first layer says the shape.
    pub input: Option<String>,
    /// The output; none if it has no layers.
    pub output: Option<Source>,
}

/// A layer in its place in a model.
pub struct Entry {
    /// Its name, which no other layer of the model has.
    pub name: String,
    /// Keras's class, for messages.
    pub class: String,
    /// The sizes of what it takes, with the minibatch, where it says them.
    pub shape: Option<Vec<Option<usize>>>,
    /// What it is.
    pub kind: Kind,
    /// What it reads, each time that it is called.
    pub calls: Vec<Call>,
}

/// What a layer is.
pub enum Kind {
    /// An InputLayer.
    Input,
    /// A layer.
    Layer(KerasLayer),
    /// A model.
    Model(KerasModel),
}

impl Entry {
    /// A reason with the name of the layer before it.
    pub fn wrong(&self, reason: &str) -> String {
        wrong(&self.name, &self.class, reason)
    }
}

fn wrong(name: &str, class: &str, reason: &str) -> String {
    format!("layer `{name}` ({class}): {reason}")
}

/// A layer or a model as Keras writes it.
#[derive(Deserialize)]
struct Serialized<'a> {
    /// HDF5 files have none.
    module: Option<String>,
    class_name: String,
    #[serde(borrow)]
    config: &'a RawValue,
    registered_name: Option<String>,
    /// Layers of functional models have one.
    name: Option<String>,
    #[serde(borrow)]
    inbound_nodes: Option<&'a RawValue>,
}

/// The options of a model.
#[derive(Deserialize)]
struct Config<'a> {
    #[serde(borrow)]
    layers: Vec<Serialized<'a>>,
    trainable: Option<bool>,
    #[serde(borrow)]
    input_layers: Option<&'a RawValue>,
    #[serde(borrow)]
    output_layers: Option<&'a RawValue>,
}

impl KerasModel {
    /// Class and number of each layer in the file of weights.
    pub fn places(&self) -> Vec<(&'static str, usize)> {
        let mut counts: HashMap<&'static str, usize> = HashMap::new();
        let entries = self.entries.iter().map(|entry| {
            let class = match &entry.kind {
                Kind::Input => "input_layer",
                Kind::Layer(layer) => layer.layer.keras_names()[0],
                Kind::Model(model) => model.class,
            };
            let count = counts.entry(class).or_insert(0);
            *count += 1;
            (class, *count - 1)
        });
        entries.collect()
    }

    /// Reads a description.
    ///
    /// # Errors
    /// The part that wgrad lacks and its layer, in words.
    pub fn from_json(config: &[u8]) -> Result<Self, String> {
        if config.len() > MOST_CONFIG {
            return Err(format!("the description of its network has more than {MOST_CONFIG} bytes"));
        }
        let model: Serialized = serde_json::from_slice(config).map_err(description)?;
        let Some(class) = model_class(&model) else {
            return Err(format!(
                "its network is of class {}, but wgrad has the models Sequential and Functional only; save \
                 keras.Model(model.inputs, model.outputs) instead",
                model.class_name
            ));
        };
        Self::read(class, model.config, MOST_DEPTH)
    }

    fn read(class: &'static str, config: &RawValue, depth: usize) -> Result<Self, String> {
        let Some(depth) = depth.checked_sub(1) else {
            return Err(format!("more than {MOST_DEPTH} models stand inside one another"));
        };
        // Before Keras 2.2.3, the configuration was the list of the layers itself.
        let text = config.get();
        let (layers, trainable, ends) = if text.starts_with('[') {
            (serde_json::from_str(text).map_err(description)?, None, None)
        } else {
            let Config { layers, trainable, input_layers, output_layers } =
                serde_json::from_str(text).map_err(description)?;
            (layers, trainable, input_layers.zip(output_layers))
        };
        let mut entries = Vec::new();
        for layer in layers {
            entries.push(entry(layer, depth)?);
        }
        let trainable = trainable.unwrap_or(true);
        if class == "sequential" {
            return Self::row(entries, trainable);
        }
        let (input, output) = ends.ok_or("its network doesn't say its inputs and outputs")?;
        let input = Some(only_one(input, "input")?.layer);
        Ok(Self { entries, trainable, class, input, output: Some(only_one(output, "output")?) })
    }

    /// A model whose layers read one another in a row.
    fn row(mut entries: Vec<Entry>, trainable: bool) -> Result<Self, String> {
        let mut before: Option<String> = None;
        let mut input = None;
        for (place, entry) in entries.iter_mut().enumerate() {
            entry.calls.clear();
            match entry.kind {
                Kind::Input if place == 0 => input = Some(entry.name.clone()),
                Kind::Input => return Err("it has two InputLayers; wgrad has one".into()),
                _ => {
                    let inputs = before.take().map(|layer| Source { layer, call: 0 });
                    entry.calls.push(Call { inputs: inputs.into_iter().collect(), ..Call::default() });
                }
            }
            before = Some(entry.name.clone());
        }
        let output = before.map(|layer| Source { layer, call: 0 });
        Ok(Self { entries, trainable, class: "sequential", input, output })
    }
}

fn description(error: serde_json::Error) -> String {
    format!("the description of its network: {error}")
}

/// How a file of weights names a model of this class; none for what is no model of Keras's own.
fn model_class(layer: &Serialized) -> Option<&'static str> {
    let Serialized { module, class_name: class, registered_name, .. } = layer;
    let own = module.as_ref().is_none_or(|module| module == "keras" || module.starts_with("keras."));
    let registered = registered_name.as_ref().is_some_and(|name| name != class);
    match class.as_str() {
        "Sequential" if own && !registered => Some("sequential"),
        "Functional" if own && !registered => Some("functional"),
        "Model" if own && !registered => Some("model"),
        _ => None,
    }
}

/// Reads a layer of a model; `depth` models may stand inside one another there.
fn entry(layer: Serialized, depth: usize) -> Result<Entry, String> {
    #[derive(Deserialize)]
    struct Named {
        name: String,
    }
    let named = || serde_json::from_str(layer.config.get()).ok().map(|Named { name }| name);
    let name = layer.name.clone().or_else(named).unwrap_or_default();
    let class = layer.class_name.clone();
    let inside = |reason: String| wrong(&name, &class, &reason);
    if !is_layer_name(&name) {
        return Err(inside("its name is empty, has a `/` or more than 255 bytes".into()));
    }
    let calls = calls(layer.inbound_nodes).map_err(inside)?;
    let (shape, kind) = if let Some(class) = model_class(&layer) {
        // The words of the layer inside are enough.
        (None, Kind::Model(KerasModel::read(class, layer.config, depth)?))
    } else {
        leaf(&layer, &calls).map_err(inside)?
    };
    Ok(Entry { name, class, shape, kind, calls })
}

/// Sizes of an input, as its layer says them; `None` where any size fits.
type InputShape = Vec<Option<usize>>;

/// Reads what is no model, and has these calls.
fn leaf(layer: &Serialized, calls: &[Call]) -> Result<(Option<InputShape>, Kind), String> {
    let mut options: Options = serde_json::from_str(layer.config.get()).map_err(|error| error.to_string())?;
    let class = layer.class_name.as_str();
    let module = layer.module.as_deref().unwrap_or(MODULE);
    let shape = layer::input_shape(&mut options)?;
    let of_outputs = || match calls.iter().find_map(|call| call.constant) {
        Some(constant) => Err(format!("it reads {}; layers of wgrad read outputs of layers only", constant.value)),
        None => Ok(()),
    };
    if module == MODULE && layer.registered_name.is_none() {
        of_outputs()?;
        if class == "InputLayer" {
            options.remove("name");
            layer::input_layer(options)?;
            return if shape.is_some() { Ok((shape, Kind::Input)) } else { Err("`batch_shape` is missing".into()) };
        }
        return Ok((shape, Kind::Layer(layer::layer(class, options)?)));
    }
    if layer.registered_name.as_deref().is_none_or(|name| name == class) {
        let layer = match module {
            "keras.src.applications.convnext" | "keras.src.applications.inception_resnet_v2" => {
                of_outputs()?;
                layer::of_application(class, options)?
            }
            _ => operation(module, class, options, calls)?,
        };
        return Ok((shape, Kind::Layer(layer)));
    }
    Err(format!("it is of a class of `{module}`, but wgrad has only layers of Keras itself"))
}
