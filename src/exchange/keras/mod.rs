//! Reads models that Keras 2 and 3 saved: `.keras` archives and HDF5 files. Nothing in them is executed.

mod adapted;
mod calls;
mod export;
mod layer;
mod model;
mod named_weights;
mod network;
mod operation;
mod options;
#[cfg(test)]
mod tests;
mod weights;

use std::path::Path;

use model::KerasModel;
use named_weights::NamedWeights;
use network::KerasNetwork;
use weights::NumberedWeights;

use super::hdf5::Hdf5;
use super::zip_archive::read_members;
use super::{ExchangeError, Imported, Weights};
use crate::model::NamedTensor;
use crate::text::one_line;

/// Members of an archive: the network and the weights.
pub(super) const MEMBERS: [&str; 2] = ["config.json", "model.weights.h5"];

impl Imported {
    /// The archive in `bytes`, which `path` holds.
    pub(super) fn from_keras(path: &Path, bytes: &[u8]) -> Result<Self, ExchangeError> {
        archive(bytes).map_err(|reason| ExchangeError::Keras { path: path.into(), reason: one_line(&reason) })
    }

    /// The HDF5 file in `bytes`, which `path` holds: a whole model, or weights alone.
    pub(super) fn from_keras_hdf5(path: &Path, bytes: &[u8]) -> Result<Self, ExchangeError> {
        hdf5(bytes).map_err(|reason| ExchangeError::Keras { path: path.into(), reason: one_line(&reason) })
    }
}

fn archive(bytes: &[u8]) -> Result<Imported, String> {
    let members = read_members(bytes)?;
    let member = |name: &str| members.get(name).copied().ok_or_else(|| format!("it has no {name}"));
    let [config, weights] = MEMBERS.map(member);
    let mut model = KerasNetwork::new(&KerasModel::from_json(config?)?)?;
    let inside = |reason: String| format!("{}: {reason}", MEMBERS[1]);
    let file = Hdf5::open(weights?).map_err(inside)?;
    let weights = NumberedWeights::find(&file).map_err(inside)?;
    let mut weights = weights.ok_or_else(|| inside("it has no layers".into()))?;
    model.set_adapted(|layer, place| weights.adapted(layer, place)).map_err(inside)?;
    with_model(weights.of_network(&model.network, &model.places).map_err(inside)?, model)
}

fn hdf5(bytes: &[u8]) -> Result<Imported, String> {
    let file = Hdf5::open(bytes)?;
    let root = file.root();
    let config = Hdf5::strings(&root, "model_config")?.and_then(|strings| strings.into_iter().next());
    if let Some(config) = config {
        let mut model = KerasNetwork::new(&KerasModel::from_json(config.as_bytes())?)?;
        let group = root.group("model_weights").map_err(|error| format!("model_weights: {error}"))?;
        let weights = NamedWeights::find(&file, &group)?.ok_or("model_weights has no `layer_names`")?;
        model.set_adapted(|layer, place| weights.adapted(layer, place))?;
        return with_model(weights.of_network(&model.network, &model.places)?, model);
    }
    let tensors = match NamedWeights::find(&file, &root)? {
        Some(weights) => weights.all()?,
        None => match NumberedWeights::find(&file)? {
            Some(weights) => weights.all()?,
            None => return Err("it holds neither a model nor weights of Keras".into()),
        },
    };
    Ok(Weights { tensors, model: None, class_names: Vec::new() }.into())
}

/// The weights with their network, if they fit it.
fn with_model(tensors: Vec<NamedTensor>, model: KerasNetwork) -> Result<Imported, String> {
    let weights = Weights { tensors, model: None, class_names: Vec::new() };
    if let Some(misfit) = weights.misfit(&model.network).map_err(|error| error.to_string())? {
        return Err(format!("its weights don't fit its network: {misfit}"));
    }
    Ok(Imported {
        weights: Weights { model: Some(model.network), ..weights },
        assumes_rescaling: model.assumes_rescaling,
    })
}
