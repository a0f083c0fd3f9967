//! Networks as `.keras` archives of Keras 3: a functional model as data, and its variables.

use std::collections::HashMap;

use hdf5_pure::{AttrValue, FileBuilder, LibVer};
use serde_json::{Map, Value as Json, json};

use super::super::zip_archive::write_members;
use super::MEMBERS;
use crate::exchange::{ExchangeError, Weights};
use crate::model::layers::{Inferred, Normalization, PerChannel};
use crate::model::{Layer, NamedTensor, Network, Node, Value};

/// The version of Keras whose format this is.
const VERSION: &str = "3.15.1";

impl Weights {
    /// The network as an archive that `keras.saving.load_model` reads. The model takes images `[n, h, w, c]` of numbers from
    /// 0 to 255. The names of the classes are not in it.
    ///
    /// # Errors
    /// [`ExchangeError::NoModel`], [`ExchangeError::Misfit`], [`ExchangeError::Model`], and [`ExchangeError::Unstorable`] if
    /// the format refuses a tensor.
    pub fn to_keras(&self) -> Result<Vec<u8>, ExchangeError> {
        let model = self.model.as_ref().ok_or(ExchangeError::NoModel)?;
        self.check_fit(model)?;
        let inferred = model.infer()?;
        let order = order(model);
        let unstorable = |what: &str, reason: String| ExchangeError::Unstorable { tensor: what.into(), reason };
        let config = config(model, &inferred, &order).map_err(|error| unstorable("network", error.to_string()))?;
        let weights = weights(model, &inferred, &order, &self.tensors);
        let weights = weights.map_err(|error| unstorable("weights", error.to_string()))?;
        let metadata = json!({ "keras_version": VERSION, "date_saved": "" });
        let members =
            [("metadata.json", metadata.to_string().into_bytes()), (MEMBERS[0], config.to_string().into_bytes())];
        let members: Vec<_> =
            members.into_iter().chain([(MEMBERS[1], weights)]).map(|(name, data)| (name.to_owned(), data)).collect();
        write_members(&members).map_err(|error| unstorable("archive", error.to_string()))
    }
}

/// The places of the layers as Keras orders them when it builds the model, which is the order of their variables: by their
/// longest way to the output, and then as a walk from the output meets them (`keras/src/ops/function.py`, `map_graph`). Layers
/// that use the variables of others are calls of those, and are not among them.
fn order(model: &Network) -> Vec<usize> {
    let nodes = model.nodes();
    let Some(last) = nodes.len().checked_sub(1) else { return Vec::new() };
    let mut seen = vec![false; nodes.len()];
    let mut met: Vec<Option<usize>> = vec![None; nodes.len()];
    let mut finished = Vec::with_capacity(nodes.len());
    let mut count = 0;
    let mut way = vec![(last, 0)];
    seen[last] = true;
    met[model.owner(last)] = Some(0);
    while let Some((place, next)) = way.last_mut() {
        let place = *place;
        let input = nodes[place].inputs.get(*next);
        *next += 1;
        match input {
            Some(Value::Layer(input)) if !seen[*input] => {
                seen[*input] = true;
                count += 1;
                met[model.owner(*input)].get_or_insert(count);
                way.push((*input, 0));
            }
            // The image counts as a layer there, but its place among them does not matter.
            Some(_) => {}
            None => {
                finished.push(place);
                way.pop();
            }
        }
    }
    let mut depths = vec![0_usize; nodes.len()];
    let mut depths_of_layers = depths.clone();
    for place in finished.into_iter().rev() {
        // A call lies as deep as the deepest before it in this walk.
        let owner = model.owner(place);
        depths[place] = depths[place].max(depths_of_layers[owner]);
        depths_of_layers[owner] = depths[place];
        for input in &nodes[place].inputs {
            if let Value::Layer(input) = *input {
                depths[input] = depths[input].max(depths[place] + 1);
            }
        }
    }
    let mut order: Vec<usize> = (0..nodes.len()).filter(|place| nodes[*place].weights.is_none()).collect();
    order.sort_by_key(|place| (std::cmp::Reverse(depths_of_layers[*place]), met[*place]));
    order
}

/// The description of the model.
fn config(model: &Network, inferred: &[Inferred], order: &[usize]) -> serde_json::Result<Json> {
    let names: Vec<&str> = model.nodes().iter().map(|node| node.name.as_str()).collect();
    let numbered = (1..).map(|number: usize| format!("input_layer_{number}"));
    let mut free =
        std::iter::once("input_layer".to_owned()).chain(numbered).filter(|name| !names.contains(&name.as_str()));
    let input = free.next().unwrap_or_default();
    let batch =
        |shape: &[usize]| std::iter::once(Json::Null).chain(shape.iter().map(|size| json!(size))).collect::<Json>();
    let calls_of = |owner: usize| (owner..names.len()).filter(move |place| model.owner(*place) == owner);
    let history = |place: usize| {
        let owner = model.owner(place);
        (names[owner], calls_of(owner).take_while(|call| *call != place).count())
    };
    let tensor = |value: &Value| {
        let ((name, call), shape) = match *value {
            Value::Image => ((input.as_str(), 0), batch(&model.input())),
            Value::Layer(place) => (history(place), batch(inferred[place].shape.dims())),
        };
        json!({
            "class_name": "__keras_tensor__",
            "config": { "shape": shape, "dtype": "float32", "keras_history": [name, call, 0] },
        })
    };
    let mut layers = vec![json!({
        "module": "keras.layers", "class_name": "InputLayer", "registered_name": null, "name": input, "inbound_nodes": [],
        "config": { "name": input, "batch_shape": batch(&model.input()), "dtype": "float32", "sparse": false },
    })];
    for place in order {
        let node = &model.nodes()[*place];
        let call = |place: usize| {
            let tensors: Vec<Json> = model.nodes()[place].inputs.iter().map(tensor).collect();
            // Layers of several inputs take one list.
            let args = if tensors.len() == 1 { tensors } else { vec![tensors.into()] };
            json!({ "args": args, "kwargs": {} })
        };
        let calls: Json = calls_of(*place).map(call).collect();
        let [_, class] = node.layer.keras_names();
        // It belongs to one of Keras's applications.
        let (module, registered) = match node.layer {
            Layer::LayerScale(_) => ("keras.src.applications.convnext", Some(class)),
            _ => ("keras.layers", None),
        };
        layers.push(json!({
            "module": module, "class_name": class, "registered_name": registered,
            "name": node.name, "config": options(node, inferred[*place].shape.columns())?, "inbound_nodes": calls,
        }));
    }
    let (output, call) = names.len().checked_sub(1).map_or((input.as_str(), 0), history);
    Ok(json!({
        "module": "keras.src.models.functional", "class_name": "Functional", "registered_name": "Functional",
        "config": {
            "name": "network", "trainable": true, "layers": layers,
            "input_layers": [input, 0, 0], "output_layers": [output, call, 0],
        },
    }))
}

/// The options of a layer whose output has so many `channels`. Names and defaults are Keras's.
fn options(node: &Node, channels: usize) -> serde_json::Result<Map<String, Json>> {
    let mut layer = node.layer.clone();
    if let Layer::Normalization(Normalization { mean, variance }) = &mut layer {
        // Keras wants a list of both or of neither.
        match (&*mean, &*variance) {
            (PerChannel::One(number), PerChannel::Each(_)) => *mean = PerChannel::Each(vec![*number; channels]),
            (PerChannel::Each(_), PerChannel::One(number)) => *variance = PerChannel::Each(vec![*number; channels]),
            _ => {}
        }
    }
    let mut options = match serde_json::to_value(&layer)? {
        Json::Object(options) => options,
        _ => Map::new(),
    };
    // Keras has always the biased variance, which matters in training only.
    options.retain(|option, _| option != "type" && option != "unbiased_variance");
    if let Layer::LayerScale(_) = node.layer {
        options.insert("projection_dim".into(), json!(channels));
    }
    if let Some(Json::Array(sizes)) = options.get_mut("noise_shape") {
        sizes.insert(0, Json::Null);
    }
    for (_, penalty) in options.iter_mut().filter(|(option, _)| option.ends_with("_regularizer")) {
        let mut factors = json!({ "l1": 0.0, "l2": 0.0 });
        if let (Json::Object(factors), Json::Object(own)) = (&mut factors, penalty.take()) {
            factors.extend(own);
        }
        *penalty = json!({
            "module": "keras.regularizers", "class_name": "L1L2", "config": factors, "registered_name": null,
        });
    }
    options.insert("name".into(), json!(node.name));
    // Keras's class has no such option.
    if !matches!(node.layer, Layer::SpatialDropout2d(_)) {
        options.insert("trainable".into(), json!(node.trainable));
    }
    options.insert("dtype".into(), json!("float32"));
    Ok(options)
}

/// The file of variables.
fn weights(
    model: &Network,
    inferred: &[Inferred],
    order: &[usize],
    tensors: &[NamedTensor],
) -> Result<Vec<u8>, hdf5_pure::Error> {
    let tensors: HashMap<&str, &NamedTensor> = tensors.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    let mut file = FileBuilder::new();
    file.with_libver_bounds(LibVer::Earliest, LibVer::V18);
    let mut layers = file.create_group("layers");
    for place in order {
        let node = &model.nodes()[*place];
        let class = node.layer.keras_names()[0];
        let count = counts.entry(class).or_insert(0);
        let name = if *count == 0 { class.to_owned() } else { format!("{class}_{count}") };
        *count += 1;
        let mut group = layers.create_group(&name);
        let mut variables = group.create_group("vars");
        variables.set_attr("name", AttrValue::String(node.name.clone()));
        for (number, variable) in inferred[*place].variables.iter().flatten().enumerate() {
            let values = tensors.get(variable.name.as_str()).map_or(&[][..], |tensor| &tensor.values);
            let shape: Vec<u64> = variable.shape.iter().map(|size| *size as u64).collect();
            variables.create_dataset(&number.to_string()).with_f32_data(values).with_shape(&shape);
        }
        group.add_group(variables.finish());
        if let Layer::Dropout(_) | Layer::SpatialDropout2d(_) = node.layer {
            // Keras wants the state of the numbers that it draws.
            let mut seed = group.create_group("seed_generator");
            let mut state = seed.create_group("vars");
            state.create_dataset("0").with_u32_data(&[0, 0]).with_shape(&[2]);
            seed.add_group(state.finish());
            group.add_group(seed.finish());
        }
        layers.add_group(group.finish());
    }
    file.add_group(layers.finish());
    let own = file.create_group("vars");
    file.add_group(own.finish());
    file.finish()
}
