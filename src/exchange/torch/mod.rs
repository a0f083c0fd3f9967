//! State dicts of PyTorch: weights under the names of modules, such as `layer1.0.conv1.weight`.
//!
//! The names of a network's layers are those of the modules, and the rest follows from the kinds of the layers: how their
//! tensors are called and how they are stored. A state dict is taken if it has the tensors that the network wants and no
//! others.

mod adaptive;
mod recognized;
mod variables;

use std::collections::HashMap;

use super::{ExchangeError, Weights};
use crate::model::layers::Normalization;
use crate::model::zoo::torch::TorchModel;
use crate::model::{NamedTensor, Network};
use crate::text::one_line;
use recognized::recognize;
use variables::{Wanted, wanted};

/// Name of a counter that every batch normalization of PyTorch has, and that nothing depends on.
pub(super) const COUNTER: &str = "num_batches_tracked";

/// What a state dict doesn't say about its network.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct StateDictOptions {
    /// Height and width of the images; 224 if left out.
    pub image_size: Option<[usize; 2]>,
    /// The scale of the pixels; that of ImageNet if left out.
    pub pixels: Option<Normalization>,
}

impl Weights {
    /// Whether the tensors have names as PyTorch's modules give them, and the file says nothing of a network.
    pub fn is_state_dict(&self) -> bool {
        let names = || self.tensors.iter().map(|tensor| tensor.name.as_str());
        self.model.is_none() && names().any(|name| name.ends_with(".weight")) && !names().any(|name| name.contains('/'))
    }

    /// The weights of a network of torchvision or timm in a state dict. The network is `model`, or else the one whose names
    /// these are. Its number of classes and of channels are those of the tensors.
    ///
    /// # Errors
    /// [`ExchangeError::StateDict`] with the first tensor that is missing, that has another shape, or that the network
    /// doesn't have.
    pub fn from_state_dict(
        tensors: Vec<NamedTensor>,
        model: Option<&'static TorchModel>,
        options: &StateDictOptions,
    ) -> Result<Self, ExchangeError> {
        let tensors = without_wrapper(tensors);
        let (model, network) = recognize(&tensors, model, options).map_err(ExchangeError::StateDict)?;
        read(tensors, network, model.library_name(), model.grid)
    }

    /// The weights of a network whose layers have the names of PyTorch's modules, in a state dict.
    ///
    /// # Errors
    /// Those of [`Weights::from_state_dict`], and a layer that PyTorch has no module for.
    pub fn from_state_dict_of(tensors: Vec<NamedTensor>, network: Network) -> Result<Self, ExchangeError> {
        read(without_wrapper(tensors), network, "the network", None)
    }

    /// What [`Network::from_toml_for`] needs to know of a state dict: the number of outputs of each module.
    pub fn outputs_of_state_dict(tensors: &[NamedTensor]) -> Vec<NamedTensor> {
        let outputs = |tensor: &NamedTensor| {
            let (module, parameter) = tensor.name.strip_prefix(WRAPPER).unwrap_or(&tensor.name).rsplit_once('.')?;
            let variable = if parameter == "weight" { "kernel" } else { parameter };
            let shape = tensor.shape.first().copied().into_iter().collect();
            Some(NamedTensor { name: format!("{module}/{variable}"), shape, values: Vec::new() })
        };
        tensors.iter().filter_map(outputs).collect()
    }
}

/// What stands before all names where `DataParallel` was around the network.
const WRAPPER: &str = "module.";

/// The tensors under the names that they have in the network itself.
fn without_wrapper(mut tensors: Vec<NamedTensor>) -> Vec<NamedTensor> {
    if tensors.iter().all(|tensor| tensor.name.starts_with(WRAPPER)) {
        for tensor in &mut tensors {
            tensor.name.drain(..WRAPPER.len());
        }
    }
    tensors
}

/// Turns the tensors into the variables of `network`, which messages call `called`.
fn read(
    tensors: Vec<NamedTensor>,
    network: Network,
    called: &str,
    grid: Option<usize>,
) -> Result<Weights, ExchangeError> {
    let mut wanted: HashMap<String, Wanted> = (wanted(&network, grid).map_err(ExchangeError::StateDict)?.into_iter())
        .map(|wanted| (wanted.tensor.clone(), wanted))
        .collect();
    let mut others = Vec::new();
    let mut found = Vec::with_capacity(tensors.len());
    for tensor in tensors {
        let Some(wanted) = wanted.remove(&tensor.name) else {
            others.push(tensor.name);
            continue;
        };
        if !wanted.fits(&tensor.shape) {
            let Wanted { tensor: name, shape, .. } = wanted;
            let words = format!("`{name}` is {:?}, but {called} has {shape:?} there", tensor.shape);
            return Err(ExchangeError::StateDict(words));
        }
        found.push(wanted.variable(tensor.values));
    }
    let missing = wanted.into_values().min_by(|a, b| a.tensor.cmp(&b.tensor));
    if let Some(Wanted { tensor, shape, .. }) = missing {
        return Err(ExchangeError::StateDict(format!("`{tensor}` is missing, which {called} has as {shape:?}")));
    }
    if let Some(other) = others.first() {
        let more = match others.len() {
            1 => String::new(),
            count => format!(", and {} others", count - 1),
        };
        return Err(ExchangeError::StateDict(format!("{called} has no `{}`{more}", one_line(other))));
    }
    Ok(Weights { tensors: found, model: Some(network), class_names: Vec::new() })
}
