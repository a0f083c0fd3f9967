//! What can go wrong with files of weights.

use std::{io, path::PathBuf};

use crate::model::ModelError;

/// A trained network that can't be read from or written as a file.
///
/// Every message is one line: what is wrong, where, and what to do next.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// A file of weights can't be read.
    #[error("cannot read {}: {source}; name a file of weights, such as the weights.safetensors of a run", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The file is cut short, or is something else.
    #[error("{} is not a whole safetensors file: {reason}; name the weights.safetensors of a run", path.display())]
    NotSafetensors {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The file is of no format that is imported.
    #[error("{} is of no format that wgrad imports: name a .safetensors, .npz or .keras file", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// The NumPy archive is damaged, or holds something else than plain arrays.
    #[error("{} can't be read as a NumPy archive: {reason}", path.display())]
    Npz {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The Keras archive is damaged, or its network can't be taken over.
    #[error("{} can't be read as a Keras archive: {reason}", path.display())]
    Keras {
        /// The file.
        path: PathBuf,
        /// What is wrong with it, in which layer.
        reason: String,
    },
    /// A tensor's elements are of a type that isn't read.
    #[error("{} holds `{tensor}` as {dtype}; wgrad reads {known}, so convert it first", path.display())]
    WrongType {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The type of its elements, in the format's words.
        dtype: String,
        /// Those that are read.
        known: &'static str,
    },
    /// The weights are not those of the network.
    #[error("the weights don't fit the network: {0}; name the model file that they belong to with --model")]
    Misfit(String),
    /// The names of the classes are more or fewer than the classes.
    #[error("the weights name {names} classes, but their network has {classes}; write the file again with its program")]
    ClassNames {
        /// Number of names.
        names: usize,
        /// Number of classes.
        classes: usize,
    },
    /// The file doesn't say which network its weights belong to.
    #[error("the weights don't say which network they belong to; name its model file with --model")]
    NoModel,
    /// The network can't be built.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// Something that the format has no room for.
    #[error("`{tensor}` can't be stored: {reason}")]
    Unstorable {
        /// The tensor, or what else it is.
        tensor: String,
        /// What is wrong with it.
        reason: String,
    },
}
