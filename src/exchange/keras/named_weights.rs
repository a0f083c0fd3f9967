//! Variables in HDF5 files that name the layers: the `.h5` files of Keras 2 and 3.
//!
//! A layer is a group, whose attribute `weight_names` has the paths of its variables, such as `conv2d/kernel`. A model among
//! the layers has one group, with the paths of all its layers' variables. In a file with a network, these groups are in
//! `model_weights`; in one without, they are at the top.

use std::collections::{BTreeMap, HashMap};

use hdf5_pure::Group;

use super::super::hdf5::Hdf5;
use super::adapted::Statistic;
use super::network::Place;
use crate::model::{NamedTensor, Network};

/// The groups of named layers, each with the paths of its variables.
pub struct NamedWeights<'a> {
    file: &'a Hdf5,
    layers: BTreeMap<String, (Group, Vec<String>)>,
}

impl<'a> NamedWeights<'a> {
    /// The layers in the attribute `layer_names` of `group`; `None` where it has no such attribute.
    pub fn find(file: &'a Hdf5, group: &Group) -> Result<Option<Self>, String> {
        let Some(names) = strings(group, "layer_names")? else { return Ok(None) };
        let mut layers = BTreeMap::new();
        for name in names {
            let inside = |reason: String| format!("layer `{name}`: {reason}");
            let group = group.group(&name).map_err(|error| inside(error.to_string()))?;
            let paths = strings(&group, "weight_names").map_err(inside)?.unwrap_or_default();
            layers.insert(name, (group, paths));
        }
        Ok(Some(Self { file, layers }))
    }

    /// The tensors of a network, whose layers stand at `places`.
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn of_network(&self, network: &Network, places: &HashMap<String, Place>) -> Result<Vec<NamedTensor>, String> {
        let mut tensors = Vec::new();
        for (node, inferred) in network.nodes().iter().zip(network.infer().map_err(|error| error.to_string())?) {
            let (layer, variables) = (&node.name, inferred.variables.concat());
            let inside = |reason: String| format!("layer `{layer}`: {reason}");
            let place = places.get(layer);
            let group = place.and_then(|place| Some((place, self.layers.get(&place.group)?)));
            let (place, (group, paths)) = match group {
                _ if variables.is_empty() => continue,
                Some(group) => group,
                None => return Err(format!("there are no weights for layer `{layer}`")),
            };
            let nested = place.path.len() > 1;
            if !nested && paths.len() != variables.len() {
                return Err(inside(format!("it has {} variables, not {}", paths.len(), variables.len())));
            }
            for (number, variable) in variables.into_iter().enumerate() {
                let (_, own) = variable.name.rsplit_once('/').unwrap_or_default();
                // Those of one layer stand in Keras's order, whatever they are called.
                let path = match nested {
                    true => paths.iter().find(|path| layer_of(path) == Some(&place.own) && named(path, own)),
                    false => paths.get(number),
                };
                let path = path.ok_or_else(|| inside(format!("its `{own}` is missing")))?;
                tensors.push(self.tensor(group, path, variable.name.clone()).map_err(inside)?);
            }
        }
        Ok(tensors)
    }

    /// Mean and variance of a normalization that was adapted, which stands at a place.
    ///
    /// # Errors
    /// What is missing, in words.
    pub fn adapted(&self, layer: &str, place: &Place) -> Result<[Statistic; 2], String> {
        let inside = |reason: String| format!("layer `{layer}`: {reason}");
        let group = self.layers.get(&place.group);
        let (group, paths) = group.ok_or_else(|| format!("there are no weights for layer `{layer}`"))?;
        let nested = place.path.len() > 1;
        let is_own = |path: &str| !nested || layer_of(path) == Some(&place.own);
        let read = |own: &str| {
            let path = paths.iter().find(|path| is_own(path) && variable_of(path) == own);
            let path = path.ok_or_else(|| inside(format!("its `{own}` is missing")))?;
            self.file.array(group, path).map_err(|reason| inside(format!("{path}: {reason}")))
        };
        Ok([read("mean")?, read("variance")?])
    }

    /// All tensors, for a file without a network.
    pub fn all(&self) -> Result<Vec<NamedTensor>, String> {
        let mut tensors = Vec::new();
        for (name, (group, paths)) in &self.layers {
            // A model among the layers has variables of several layers, which have names of their own.
            let model = paths.iter().any(|path| layer_of(path) != paths.first().and_then(|first| layer_of(first)));
            let separable = paths.iter().any(|path| variable_of(path) == "pointwise_kernel");
            for path in paths {
                let variable = match variable_of(path) {
                    "depthwise_kernel" if !separable => "kernel",
                    variable => variable,
                };
                let layer = layer_of(path).filter(|_| model).unwrap_or(name);
                let tensor = self.tensor(group, path, format!("{layer}/{variable}"));
                tensors.push(tensor.map_err(|reason| format!("layer `{name}`: {reason}"))?);
            }
        }
        Ok(tensors)
    }

    fn tensor(&self, group: &Group, path: &str, name: String) -> Result<NamedTensor, String> {
        let (shape, values) = self.file.array(group, path).map_err(|reason| format!("{path}: {reason}"))?;
        Ok(NamedTensor { name, shape, values })
    }
}

/// The variable at a path. Keras 2 wrote a number behind it.
fn variable_of(path: &str) -> &str {
    let name = path.rsplit_once('/').map_or(path, |(_, name)| name);
    name.split_once(':').map_or(name, |(name, _)| name)
}

/// Whether the variable at a path is `own`. Keras 2 named the kernels of depthwise convolutions otherwise.
fn named(path: &str, own: &str) -> bool {
    let name = variable_of(path);
    name == own || (name, own) == ("depthwise_kernel", "kernel")
}

/// The layer of the variable at a path.
fn layer_of(path: &str) -> Option<&str> {
    path.rsplit('/').nth(1)
}

/// The strings of an attribute. Keras divides a long list over several attributes with numbers behind their names.
fn strings(group: &Group, attribute: &str) -> Result<Option<Vec<String>>, String> {
    if let Some(strings) = Hdf5::strings(group, attribute)? {
        return Ok(Some(strings));
    }
    let mut all = Vec::new();
    for number in 0_usize.. {
        match Hdf5::strings(group, &format!("{attribute}{number}"))? {
            Some(strings) => all.extend(strings),
            None => return Ok((number > 0).then_some(all)),
        }
    }
    Ok(None)
}
