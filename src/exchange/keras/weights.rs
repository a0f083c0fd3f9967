//! Variables in HDF5 files that number the layers of each class: `.keras` archives and `.weights.h5` files.
//!
//! A layer is a group such as `layers/conv2d_1`, and its variables are `vars/0`, `vars/1` and so on, in Keras's order. A model
//! among the layers is a group with `layers` of its own. Keras 2.12 and 2.13 write `_layer_checkpoint_dependencies` instead
//! of `layers`, and number the layers 0, 2, 4.

use std::collections::{BTreeMap, HashMap};

use hdf5_pure::Group;

use super::super::hdf5::Hdf5;
use super::adapted::Statistic;
use super::network::Place;
use crate::graph::VariableSpec;
use crate::model::{NamedTensor, Network};

/// Names of the group with the numbered layers.
const CONTAINERS: [&str; 2] = ["layers", "_layer_checkpoint_dependencies"];

/// By class, the groups of a model's layers in their order, with their names.
type Layers = BTreeMap<String, Vec<(String, Group)>>;

/// The numbered layers of a file.
pub struct NumberedWeights<'a> {
    file: &'a Hdf5,
    /// The layers of each model that was asked for, by its path.
    models: HashMap<Vec<(&'static str, usize)>, Layers>,
}

impl<'a> NumberedWeights<'a> {
    /// The numbered layers of `file`; `None` where it has no such group.
    pub fn find(file: &'a Hdf5) -> Result<Option<Self>, String> {
        let layers = layers(&file.root())?;
        Ok(layers.map(|layers| Self { file, models: HashMap::from([(Vec::new(), layers)]) }))
    }

    /// The tensors of a network, whose layers stand at `places`.
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn of_network(
        &mut self,
        network: &Network,
        places: &HashMap<String, Place>,
    ) -> Result<Vec<NamedTensor>, String> {
        let mut tensors = Vec::new();
        let inferred = network.infer().map_err(|error| error.to_string())?;
        let nodes = network.nodes().iter().zip(inferred);
        for (node, inferred) in nodes.filter(|(_, inferred)| !inferred.variables.is_empty()) {
            let layer = &node.name;
            let place = places.get(layer);
            let group = place.map(|place| self.group(&place.path)).transpose()?.flatten();
            let (name, group) = group.ok_or_else(|| format!("there are no weights for layer `{layer}`"))?;
            let inside = |reason: String| format!("layer `{layer}`: {name}/{reason}");
            tensors.extend(self.tensors(&group, &inferred.variables.concat()).map_err(inside)?);
        }
        Ok(tensors)
    }

    /// Mean and variance of a normalization that was adapted, which stands at a place.
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn adapted(&mut self, layer: &str, place: &Place) -> Result<[Statistic; 2], String> {
        let group = self.group(&place.path)?;
        let (name, group) = group.ok_or_else(|| format!("there are no weights for layer `{layer}`"))?;
        let inside = |reason: String| format!("layer `{layer}`: {name}/{reason}");
        let read = |number: usize| {
            let path = format!("vars/{number}");
            self.file.array(&group, &path).map_err(|reason| inside(format!("{path}: {reason}")))
        };
        Ok([read(0)?, read(1)?])
    }

    /// The group at a path, with its name.
    fn group(&mut self, path: &[(&'static str, usize)]) -> Result<Option<(String, Group)>, String> {
        let Some(((class, number), around)) = path.split_last() else { return Ok(None) };
        if !self.models.contains_key(around) {
            let model = self.group(around)?;
            let layers = model.map(|(_, model)| layers(&model)).transpose()?.flatten().unwrap_or_default();
            self.models.insert(around.to_vec(), layers);
        }
        let layers = self.models.get(around).and_then(|layers| layers.get(*class));
        Ok(layers.and_then(|layers| layers.get(*number)).cloned())
    }

    /// The variables of a layer, which the network says.
    fn tensors(&self, group: &Group, variables: &[VariableSpec]) -> Result<Vec<NamedTensor>, String> {
        let found = count(group);
        if found != variables.len() {
            return Err(format!("vars has {found} variables, but the layer has {}", variables.len()));
        }
        let read = |(place, variable): (usize, &VariableSpec)| {
            let path = format!("vars/{place}");
            let (shape, values) = self.file.array(group, &path).map_err(|reason| format!("{path}: {reason}"))?;
            Ok(NamedTensor { name: variable.name.clone(), shape, values })
        };
        variables.iter().enumerate().map(read).collect()
    }

    /// All tensors of a file without a network. Keras 3 stores the names of the layers; for files of Keras 2, they are the
    /// names that Keras gives to layers without one.
    ///
    /// # Errors
    /// What is wrong, in words. It is an error if a layer of a class that wgrad lacks has variables.
    pub fn all(&self) -> Result<Vec<NamedTensor>, String> {
        let mut tensors = Vec::new();
        for (class, groups) in &self.models[&[][..]] {
            for (place, (path, group)) in groups.iter().enumerate() {
                let count = count(group);
                if CONTAINERS.iter().any(|container| group.group(container).is_ok()) {
                    return Err(format!(
                        "its group `{path}` is a model inside the model; import the whole .keras file"
                    ));
                }
                if count == 0 {
                    continue;
                }
                let variables = variables(class, count).ok_or_else(|| {
                    format!(
                        "its group `{path}` has {count} variables, which wgrad can't name without the network; import \
                         the whole .keras file"
                    )
                })?;
                let vars = group.group("vars").map_err(|error| format!("{path}: {error}"))?;
                let name = Hdf5::strings(&vars, "name")?.and_then(|names| names.into_iter().next());
                let name = name.unwrap_or_else(|| match place {
                    0 => class.clone(),
                    _ => format!("{class}_{place}"),
                });
                for (place, variable) in variables.iter().enumerate() {
                    let inside = |reason: String| format!("layer `{name}`: {path}/vars/{place}: {reason}");
                    let (shape, values) = self.file.array(group, &format!("vars/{place}")).map_err(inside)?;
                    tensors.push(NamedTensor { name: format!("{name}/{variable}"), shape, values });
                }
            }
        }
        Ok(tensors)
    }
}

/// How many variables a group has.
fn count(group: &Group) -> usize {
    group.group("vars").and_then(|vars| vars.datasets()).map_or(0, |variables| variables.len())
}

/// The names of a layer's variables, where their number tells them.
fn variables(class: &str, count: usize) -> Option<&'static [&'static str]> {
    match (class, count) {
        ("conv2d" | "depthwise_conv2d" | "dense", 1) => Some(&["kernel"]),
        ("conv2d" | "depthwise_conv2d" | "dense", 2) => Some(&["kernel", "bias"]),
        ("separable_conv2d", 2) => Some(&["depthwise_kernel", "pointwise_kernel"]),
        ("separable_conv2d", 3) => Some(&["depthwise_kernel", "pointwise_kernel", "bias"]),
        ("batch_normalization", 4) => Some(&["gamma", "beta", "moving_mean", "moving_variance"]),
        ("batch_normalization", 2) => Some(&["moving_mean", "moving_variance"]),
        ("layer_normalization" | "group_normalization", 2) => Some(&["gamma", "beta"]),
        _ => None,
    }
}

/// The numbered layers in a group; `None` where it has none.
fn layers(model: &Group) -> Result<Option<Layers>, String> {
    let containers = Hdf5::groups(model)?;
    let container = containers.into_iter().find(|(name, _)| CONTAINERS.contains(&name.as_str()));
    let Some((_, container)) = container else { return Ok(None) };
    let mut places = BTreeMap::new();
    for (name, group) in Hdf5::groups(&container)? {
        let numbered = name.rsplit_once('_').and_then(|(class, number)| Some((class, number.parse::<u32>().ok()?)));
        let (class, number) = numbered.unwrap_or((&name, 0));
        let place = (class.to_owned(), number);
        if let Some((other, _)) = places.insert(place, (name.clone(), group)) {
            return Err(format!("its groups `{other}` and `{name}` have the same number"));
        }
    }
    let mut layers = Layers::new();
    for ((class, _), group) in places {
        layers.entry(class).or_default().push(group);
    }
    Ok(Some(layers))
}
