//! Models of Keras as networks of wgrad: one graph, in which models among the layers are replaced by their layers.

use std::collections::{HashMap, HashSet};

use super::calls::Source;
use super::layer::KerasLayer;
use super::model::{Entry, KerasModel, Kind};
use crate::model::layers::Rescaling;
use crate::model::{Functional, Layer, ModelError, Network, Value};
use crate::shape::Shape;

/// Most layers of one model, each counted as often as it is called.
const MOST_CALLS: usize = 2000;

/// A network that Keras described.
pub struct KerasNetwork {
    /// The network.
    pub network: Network,
    /// Where the file has the weights of each layer, by the layer's name.
    pub places: HashMap<String, Place>,
    /// Whether it didn't say how its pixels are scaled, so that it got a rescaling by 1/255.
    pub assumes_rescaling: bool,
    /// Normalizations whose mean and variance are in the file of weights.
    pub adapted: Vec<String>,
}

/// Where files of weights have those of a layer.
#[derive(Clone, Debug, PartialEq)]
pub struct Place {
    /// In files with numbered layers: class and number of each model around it, and its own, among those of one class.
    pub path: Vec<(&'static str, usize)>,
    /// In files with named layers: the layer of the outermost model.
    pub group: String,
    /// Its name in the model that it stands in.
    pub own: String,
}

/// What a model is put into.
struct Around<'a> {
    /// What it reads.
    input: Value,
    /// Class and number of the models around.
    path: &'a [(&'static str, usize)],
    /// The layer of the outermost model; none for that itself.
    group: Option<&'a str>,
    /// Whether training changes nothing in it.
    frozen: bool,
    /// Whether it does what it does in inference, also in training.
    inference: bool,
}

struct Builder {
    net: Functional,
    /// Names that layers have, or that are kept for layers of the outermost model.
    taken: HashSet<String>,
    frozen: Vec<String>,
    places: HashMap<String, Place>,
    /// The first call of each layer with variables, by its place in files with numbered layers.
    called: HashMap<Vec<(&'static str, usize)>, Value>,
    adapted: Vec<String>,
}

impl KerasNetwork {
    /// Makes a network of a model.
    ///
    /// # Errors
    /// The layer that wgrad can't have, in words.
    pub fn new(model: &KerasModel) -> Result<Self, String> {
        let input = image(model)?;
        let taken = model.entries.iter().map(|entry| entry.name.clone()).collect();
        let net = Functional::new(input);
        let mut builder = Builder {
            net,
            taken,
            frozen: Vec::new(),
            places: HashMap::new(),
            called: HashMap::new(),
            adapted: Vec::new(),
        };
        let around = Around { input: Value::Image, path: &[], group: None, frozen: false, inference: false };
        let output = builder.model(model, &around)?;
        let mut network = builder.net.output(output);
        if network.nodes().is_empty() {
            return Err("it has no layers".into());
        }
        let words = |error: ModelError| error.to_string();
        let assumes_rescaling = network.scale_image();
        builder.frozen.retain(|name| network.nodes().iter().any(|node| node.name == *name));
        let network = network.freeze(&builder.frozen).map_err(words)?;
        network.classes().map_err(words)?;
        builder.adapted.retain(|name| network.nodes().iter().any(|node| node.name == *name));
        Ok(Self { network, places: builder.places, assumes_rescaling, adapted: builder.adapted })
    }
}

/// The shape `[h, w, c]` of the images that the outermost model takes.
fn image(model: &KerasModel) -> Result<[usize; 3], String> {
    let first = match &model.input {
        Some(name) => model.entries.iter().find(|entry| entry.name == *name),
        None => model.entries.first(),
    };
    let shape = first.and_then(|first| Some((first, first.shape.as_ref()?)));
    let Some((first, shape)) = shape else {
        // Another model may say it, if that is all that there is before it.
        return match first.map(|first| &first.kind) {
            Some(Kind::Model(model)) => image(model),
            _ => Err("its first layer doesn't say the shape of the images; give the model a keras.Input".into()),
        };
    };
    let text = || serde_json::to_string(shape).unwrap_or_default();
    match shape[..] {
        [_, Some(h), Some(w), Some(c)] => Ok([h, w, c]),
        [_, _, _, _] => Err(first.wrong(&format!(
            "its input is {}, which leaves a size of the images open; give keras.Input whole sizes",
            text()
        ))),
        _ => Err(first.wrong(&format!("its input is {}, not images [batch, height, width, channels]", text()))),
    }
}

impl Builder {
    /// Adds the layers of a model, and gives its output.
    fn model(&mut self, model: &KerasModel, around: &Around) -> Result<Value, String> {
        let mut by_name: HashMap<&str, &Entry> = HashMap::new();
        let mut waiting = Vec::new();
        for entry in &model.entries {
            if by_name.insert(&entry.name, entry).is_some() {
                return Err(format!("two layers are called `{}`", entry.name));
            }
        }
        for (entry, place) in model.entries.iter().zip(model.places()) {
            waiting.extend((0..entry.calls.len()).map(|call| (entry, place, call)));
        }
        if waiting.len() > MOST_CALLS {
            return Err(format!("one of its models has more than {MOST_CALLS} layers"));
        }
        let firsts = first_calls(model, &by_name);
        let key = |source: &Source| {
            let first = firsts.get(source.layer.as_str()).copied().unwrap_or(0);
            (source.layer.clone(), source.call.saturating_sub(first))
        };
        let mut values: HashMap<(String, usize), Value> = HashMap::new();
        if let Some(input) = &model.input {
            values.insert((input.clone(), 0), around.input);
        }
        // Each round adds the layers whose inputs are there, so that Keras's order stays where it can.
        while !waiting.is_empty() {
            let mut later = Vec::new();
            let count = waiting.len();
            for (entry, place, call) in waiting {
                let inputs = entry.calls[call].inputs.iter().map(|source| values.get(&key(source)).copied());
                let Some(mut inputs) = inputs.collect::<Option<Vec<Value>>>() else {
                    later.push((entry, place, call));
                    continue;
                };
                // The first layer of a row may have nothing before it.
                if inputs.is_empty() && model.input.is_none() {
                    inputs.push(around.input);
                }
                let value = self.call(model, entry, call, &inputs, place, around)?;
                values.insert((entry.name.clone(), call), value);
            }
            if let (true, Some((entry, _, call))) = (later.len() == count, later.first()) {
                let names = entry.calls[*call].inputs.iter().map(|source| format!("`{}`", source.layer));
                let names = names.collect::<Vec<_>>().join(", ");
                return Err(entry.wrong(&format!("it reads {names}, but not all of them can be computed before it")));
            }
            waiting = later;
        }
        match &model.output {
            Some(output) => {
                let value = values.get(&key(output)).copied();
                value.ok_or_else(|| format!("its output `{}` is not among its layers", output.layer))
            }
            None => Ok(around.input),
        }
    }

    /// Adds what a call of a layer computes. `place` is its class and number in the file of weights.
    fn call(
        &mut self,
        model: &KerasModel,
        entry: &Entry,
        call: usize,
        inputs: &[Value],
        place: (&'static str, usize),
        around: &Around,
    ) -> Result<Value, String> {
        let path = [around.path, &[place]].concat();
        let group = around.group.unwrap_or(&entry.name);
        let inference = around.inference || entry.calls[call].inference;
        let frozen = around.frozen || !model.trainable;
        match &entry.kind {
            Kind::Input => Err(entry.wrong("an InputLayer reads nothing")),
            Kind::Model(inner) => match inputs {
                [input] => {
                    self.model(inner, &Around { input: *input, path: &path, group: Some(group), frozen, inference })
                }
                _ => Err(entry.wrong("wgrad has models with one input only")),
            },
            Kind::Layer(layer) => {
                let frozen = frozen || !layer.trainable;
                let first = self.called.get(&path).copied();
                let is_outermost = around.group.is_none() && first.is_none() && call == 0;
                let name = if is_outermost { entry.name.clone() } else { self.free_name(&entry.name) };
                // Keras writes training=False in each call of a dropout, also where it acts.
                let dropout = matches!(layer.layer, Layer::Dropout(_) | Layer::SpatialDropout2d(_));
                let inference = if dropout { around.inference } else { inference };
                let value = self.layer(entry, layer, &name, inputs, inference, frozen, first)?;
                if first.is_none() && self.net.has_variables(value) {
                    self.called.insert(path.clone(), value);
                }
                if frozen {
                    self.frozen.push(name.clone());
                }
                if layer.adapted {
                    self.adapted.push(name.clone());
                }
                self.places.insert(name, Place { path, group: group.to_owned(), own: entry.name.clone() });
                Ok(value)
            }
        }
    }

    /// Adds a layer, which uses the variables of its `first` call if there was one.
    #[expect(clippy::too_many_arguments, reason = "these are the parts of one call")]
    fn layer(
        &mut self,
        entry: &Entry,
        KerasLayer { layer, axis, scale, .. }: &KerasLayer,
        name: &str,
        inputs: &[Value],
        inference: bool,
        frozen: bool,
        first: Option<Value>,
    ) -> Result<Value, String> {
        match layer {
            // In inference it passes its input on.
            Layer::Dropout(_) | Layer::SpatialDropout2d(_) if inference => {
                return inputs.first().copied().ok_or_else(|| entry.wrong("it reads nothing"));
            }
            Layer::BatchNormalization(_) if inference && !frozen => {
                return Err(entry.wrong(
                    "it is called with training=False, but trainable; wgrad takes moving statistics for frozen layers \
                     only, so set its `trainable` to False",
                ));
            }
            _ => {}
        }
        let shapes: Vec<Shape> = inputs.iter().map(|input| self.net.shape(*input)).collect();
        let last = shapes.first().map_or(0, |shape| shape.dims().len() as i64);
        if ![-1, last].contains(axis) {
            return Err(entry.wrong(&format!("`axis` is {axis}, but wgrad has the last axis only, which is -1")));
        }
        let words = |error: ModelError| error.to_string();
        let mut inputs = inputs.to_vec();
        if let Some(scale) = scale {
            let [_, last] = &mut inputs[..] else {
                return Err(entry.wrong("it reads not two layers, but it adds two"));
            };
            let name = self.free_name(&format!("{name}_scale"));
            *last = self.net.apply_named(&name, Rescaling::new(*scale), [*last]).map_err(words)?;
        }
        let value = match first {
            Some(first) => self.net.apply_again(Some(name), first, &inputs),
            None => self.net.apply_named(name, layer.clone(), &inputs),
        };
        value.map_err(words)
    }

    /// A name that no layer has.
    fn free_name(&mut self, name: &str) -> String {
        let numbered = (1..).map(|number: usize| format!("{name}_{number}"));
        let mut names = std::iter::once(name.to_owned()).chain(numbered);
        let free = names.find(|name| !self.taken.contains(name)).unwrap_or_default();
        self.taken.insert(free.clone());
        free
    }
}

/// The number that Keras gives to the first call of each model among the layers: 0, or 1 where the model's own layers count as
/// a call.
fn first_calls<'m>(model: &'m KerasModel, by_name: &HashMap<&'m str, &'m Entry>) -> HashMap<&'m str, usize> {
    let mut firsts = HashMap::new();
    let sources = model.entries.iter().flat_map(|entry| &entry.calls).flat_map(|call| &call.inputs);
    for source in sources.chain(&model.output) {
        if let Some((name, Entry { kind: Kind::Model(_), calls, .. })) = by_name.get_key_value(source.layer.as_str()) {
            let first = source.call.saturating_sub(calls.len().saturating_sub(1));
            let known = firsts.entry(*name).or_insert(first);
            *known = first.max(*known);
        }
    }
    firsts
}
