//! Errors of files with weights.

use std::{io, path::PathBuf};

use super::FileKind;
use crate::model::ModelError;

/// A reason why a trained network can't be read from a file, or written as one.
///
/// Every message is one line, which says what is wrong and where. The program adds which option helps.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// A file can't be read.
    #[error("cannot read {}: {source}; give a file of weights, such as the weights.safetensors of a run", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A safetensors file is damaged.
    #[error("{} is not a whole safetensors file: {reason}; give the weights.safetensors of a run", path.display())]
    NotSafetensors {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file is something else than the safetensors file that was expected.
    #[error("{} is {kind}, not a safetensors file of weights", path.display())]
    NotWeights {
        /// The file.
        path: PathBuf,
        /// What it is.
        kind: FileKind,
    },
    /// A file is of a kind that isn't imported.
    #[error("{} is {kind}, and can't be imported; {}", path.display(), kind.advice())]
    NotImported {
        /// The file.
        path: PathBuf,
        /// What it is.
        kind: FileKind,
    },
    /// A file of weights is none of Keras, for whose network it was given.
    #[error("{} is {kind}, not the HDF5 file (.weights.h5) that weights of a network of Keras are in", path.display())]
    NotOfKeras {
        /// The file.
        path: PathBuf,
        /// What it is.
        kind: FileKind,
    },
    /// A NumPy archive is damaged, or holds something other than plain arrays.
    #[error("{} can't be read as a NumPy archive: {reason}", path.display())]
    Npz {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A file of Keras is damaged, or wgrad lacks a part of its network.
    #[error("{} can't be imported from Keras: {reason}", path.display())]
    Keras {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, in which layer.
        reason: String,
    },
    /// A state dict of PyTorch is not that of the network.
    #[error("the state dict can't be imported: {0}")]
    StateDict(String),
    /// The elements of a tensor are of a type that isn't read.
    #[error("{} holds `{tensor}` as {dtype}; wgrad reads {known}, so convert it first", path.display())]
    WrongType {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The type of its elements, in the format's words.
        dtype: String,
        /// The types that are read.
        known: &'static str,
    },
    /// The weights are not those of the network.
    #[error("the weights don't fit the network: {0}")]
    Misfit(String),
    /// The names of the classes are more or fewer than the classes.
    #[error("the weights name {names} classes, but their network has {classes}; write the file again with its program")]
    ClassNames {
        /// Number of names.
        names: usize,
        /// Number of classes.
        classes: usize,
    },
    /// The file doesn't tell the network of its weights.
    #[error("the weights don't say which network they belong to")]
    NoModel,
    /// The network can't be built.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The format can't hold a part of the weights.
    #[error("`{tensor}` can't be stored: {reason}")]
    Unstorable {
        /// The tensor, or another part.
        tensor: String,
        /// What is wrong with it.
        reason: String,
    },
}
