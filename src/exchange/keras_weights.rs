//! Where Keras keeps kernels and biases in its HDF5 files.
//!
//! - `.keras` archives and `.weights.h5` files number the layers of each class: `layers/conv2d_1/vars/0`. Keras 2.12 and
//!   2.13 write `_layer_checkpoint_dependencies` instead of `layers`, and number the layers 0, 2, 4.
//! - `.h5` files have a group `model_weights/NAME` for each layer, whose attribute `weight_names` has the paths of the
//!   variables. In a file without the network, these groups are at the top.

use std::collections::BTreeMap;

use hdf5_pure::Group;

use super::hdf5::Hdf5;
use crate::model::{NamedTensor, Network};

/// Names of the group with the numbered layers.
const CONTAINERS: [&str; 2] = ["layers", "_layer_checkpoint_dependencies"];

/// Keras's names of a layer's variables, in its order.
const VARIABLES: [&str; 2] = ["kernel", "bias"];

/// Classes of layers with parameters, in the spelling of the groups' names.
const CLASSES: [&str; 2] = ["conv2d", "dense"];

/// Kernels and biases of numbered layers.
pub struct NumberedWeights<'a> {
    file: &'a Hdf5,
    /// By class, the groups in order of their layers.
    groups: BTreeMap<&'static str, Vec<(String, Group)>>,
    /// The groups of other classes.
    others: Vec<(String, Group)>,
}

impl<'a> NumberedWeights<'a> {
    /// The numbered layers of `file`; `None` where it has no such group.
    pub fn find(file: &'a Hdf5) -> Result<Option<Self>, String> {
        let containers = Hdf5::groups(&file.root())?;
        let container = containers.into_iter().find(|(name, _)| CONTAINERS.contains(&name.as_str()));
        let Some((_, container)) = container else { return Ok(None) };
        let mut places = BTreeMap::new();
        let mut others = Vec::new();
        for (name, group) in Hdf5::groups(&container)? {
            let place = CLASSES.iter().find_map(|class| match name.strip_prefix(class)? {
                "" => Some((*class, 0)),
                rest => Some((*class, rest.strip_prefix('_')?.parse::<u32>().ok()?)),
            });
            let Some(place) = place else {
                others.push((name, group));
                continue;
            };
            if let Some((other, _)) = places.insert(place, (name.clone(), group)) {
                return Err(format!("its groups `{other}` and `{name}` have the same number"));
            }
        }
        let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for ((class, _), group) in places {
            groups.entry(class).or_default().push(group);
        }
        Ok(Some(Self { file, groups, others }))
    }

    /// The tensors of `model`, whose layers stand in the file in the same order.
    pub fn of_model(&self, model: &Network) -> Result<Vec<NamedTensor>, String> {
        let mut places = BTreeMap::new();
        let mut tensors = Vec::new();
        let inferred = model.infer().map_err(|error| error.to_string())?;
        let nodes = model.nodes().iter().zip(inferred);
        for (node, _) in nodes.filter(|(_, inferred)| !inferred.variables.is_empty()) {
            let (layer, class) = (&node.name, node.layer.keras_names()[0]);
            let place = places.entry(class).and_modify(|place| *place += 1).or_insert(0);
            let group = self.groups.get(class).and_then(|groups| groups.get(*place));
            let group = group.ok_or_else(|| format!("there are no weights for layer `{layer}`"))?;
            tensors.extend(self.tensors(group, layer)?);
        }
        Ok(tensors)
    }

    /// All tensors. Keras 3 stores the names of the layers; for files of Keras 2, they are the names that Keras gives to
    /// layers without one.
    ///
    /// # Errors
    /// What is wrong, in words. It is an error if a layer of another class has variables.
    pub fn all(&self) -> Result<Vec<NamedTensor>, String> {
        for (name, group) in &self.others {
            let variables = group.group("vars").and_then(|vars| vars.datasets());
            if variables.is_ok_and(|variables| !variables.is_empty()) {
                return Err(format!(
                    "its group `{name}` has variables; in wgrad only conv2d and dense layers have some"
                ));
            }
        }
        let mut tensors = Vec::new();
        for (class, groups) in &self.groups {
            for (place, group) in groups.iter().enumerate() {
                let vars = group.1.group("vars").map_err(|error| format!("{}: {error}", group.0))?;
                let name = Hdf5::strings(&vars, "name")?.and_then(|names| names.into_iter().next());
                let name = name.unwrap_or_else(|| match place {
                    0 => (*class).into(),
                    _ => format!("{class}_{place}"),
                });
                tensors.extend(self.tensors(group, &name)?);
            }
        }
        Ok(tensors)
    }

    fn tensors(&self, (name, group): &(String, Group), layer: &str) -> Result<[NamedTensor; 2], String> {
        let paths = [0, 1].map(|variable| format!("vars/{variable}"));
        let inside = |reason: String| format!("layer `{layer}`: {name}/{reason}");
        named(self.file, group, layer, &paths).map_err(inside)
    }
}

/// The tensors of all layers in the attribute `layer_names` of `group`; `None` where it has no such attribute.
pub fn named_weights(file: &Hdf5, group: &Group) -> Result<Option<Vec<NamedTensor>>, String> {
    let Some(layers) = Hdf5::strings(group, "layer_names")? else { return Ok(None) };
    let mut tensors = Vec::new();
    for layer in layers {
        let inside = |reason: String| format!("layer `{layer}`: {reason}");
        let group = group.group(&layer).map_err(|error| inside(error.to_string()))?;
        match Hdf5::strings(&group, "weight_names").map_err(inside)?.unwrap_or_default() {
            paths if paths.is_empty() => {}
            paths if paths.len() == 2 => {
                let paths = [paths[0].clone(), paths[1].clone()];
                tensors.extend(named(file, &group, &layer, &paths).map_err(inside)?);
            }
            paths => {
                return Err(inside(format!(
                    "it has {} variables, but layers of wgrad have a kernel and a bias, or none",
                    paths.len()
                )));
            }
        }
    }
    Ok(Some(tensors))
}

/// Kernel and bias of `layer` at `paths` in `group`.
fn named(file: &Hdf5, group: &Group, layer: &str, paths: &[String; 2]) -> Result<[NamedTensor; 2], String> {
    let read = |variable: usize| {
        let path = &paths[variable];
        let (shape, values) = file.array(group, path).map_err(|reason| format!("{path}: {reason}"))?;
        Ok(NamedTensor { name: format!("{layer}/{}", VARIABLES[variable]), shape, values })
    };
    let result: Result<_, String> = read(0).and_then(|kernel| Ok([kernel, read(1)?]));
    result
}
