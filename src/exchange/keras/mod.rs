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

use std::collections::BTreeMap;
use std::path::Path;

use hdf5_pure::Group;
use model::KerasModel;
use named_weights::NamedWeights;
use network::KerasNetwork;
use weights::NumberedWeights;

use super::hdf5::Hdf5;
use super::zip_archive::read_members;
use super::{ExchangeError, FileKind, Imported, Weights};
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

    /// The weights in the HDF5 file `bytes`, which `path` holds, for the network of another file of Keras.
    pub(super) fn from_keras_pair(
        [path, network_path]: [&Path; 2],
        bytes: &[u8],
        kind: FileKind,
        network_bytes: &[u8],
    ) -> Result<Self, ExchangeError> {
        let about = |path: &Path, reason: String| ExchangeError::Keras { path: path.into(), reason: one_line(&reason) };
        let network = network(kind, network_bytes).map_err(|reason| about(network_path, reason))?;
        weights_for(bytes, network).map_err(|reason| about(path, reason))
    }
}

fn archive(bytes: &[u8]) -> Result<Imported, String> {
    let members = read_members(bytes)?;
    let mut model = archived(&members)?;
    let weights = member(&members, MEMBERS[1])?;
    let tensors = Hdf5::open(weights).and_then(|file| tensors(&file, &file.root(), &mut model));
    with_model(tensors.map_err(|reason| format!("{}: {reason}", MEMBERS[1]))?, model)
}

fn hdf5(bytes: &[u8]) -> Result<Imported, String> {
    let file = Hdf5::open(bytes)?;
    let root = file.root();
    if let Some(mut model) = described(&file)? {
        let group = root.group("model_weights").map_err(|error| format!("model_weights: {error}"))?;
        return with_model(tensors(&file, &group, &mut model)?, model);
    }
    let tensors = match NamedWeights::find(&file, &root)? {
        Some(weights) => weights.all()?,
        None => NumberedWeights::find(&file)?.ok_or("it holds neither a model nor weights of Keras")?.all()?,
    };
    Ok(Weights { tensors, model: None, class_names: Vec::new() }.into())
}

/// The network in an archive, or in the HDF5 file of a whole model.
fn network(kind: FileKind, bytes: &[u8]) -> Result<KerasNetwork, String> {
    match kind {
        FileKind::KerasArchive => archived(&read_members(bytes)?),
        _ => described(&Hdf5::open(bytes)?)?.ok_or_else(|| "it has no network".into()),
    }
}

/// The tensors in an HDF5 file, which may be that of a whole model.
fn weights_for(bytes: &[u8], mut model: KerasNetwork) -> Result<Imported, String> {
    let file = Hdf5::open(bytes)?;
    let root = file.root();
    let tensors = tensors(&file, &root.group("model_weights").unwrap_or(root), &mut model)?;
    with_model(tensors, model)
}

/// The network that an archive describes.
fn archived(members: &BTreeMap<String, &[u8]>) -> Result<KerasNetwork, String> {
    KerasNetwork::new(&KerasModel::from_json(member(members, MEMBERS[0])?)?)
}

fn member<'a>(members: &BTreeMap<String, &'a [u8]>, name: &str) -> Result<&'a [u8], String> {
    members.get(name).copied().ok_or_else(|| format!("it has no {name}"))
}

/// The network that an HDF5 file describes; none where it holds weights alone.
fn described(file: &Hdf5) -> Result<Option<KerasNetwork>, String> {
    let description = Hdf5::strings(&file.root(), "model_config")?.and_then(|strings| strings.into_iter().next());
    description.map(|text| KerasNetwork::new(&KerasModel::from_json(text.as_bytes())?)).transpose()
}

/// The tensors of a network, of layers with names in `group`, or else with numbers in the file. Normalizations that were
/// adapted get their means and variances.
fn tensors(file: &Hdf5, group: &Group, model: &mut KerasNetwork) -> Result<Vec<NamedTensor>, String> {
    if let Some(weights) = NamedWeights::find(file, group)? {
        model.set_adapted(|layer, place| weights.adapted(layer, place))?;
        return weights.of_network(&model.network, &model.places);
    }
    let mut weights = NumberedWeights::find(file)?.ok_or("it has no layers")?;
    model.set_adapted(|layer, place| weights.adapted(layer, place))?;
    weights.of_network(&model.network, &model.places)
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
