//! What can go wrong with files of weights.

use std::{io, path::PathBuf};

/// A file of weights that can't be read or written.
///
/// Every message is one line: what is wrong, where, and what to do next.
#[derive(Debug, thiserror::Error)]
pub enum ExchangeError {
    /// A file of weights can't be read.
    #[error("cannot read {}: {source}; name the weights.safetensors of a finished run", path.display())]
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
    /// A tensor's elements are of a type that isn't read.
    #[error("{} holds `{tensor}` as {dtype}; wgrad reads F32, F16 and BF16, so convert it first", path.display())]
    WrongType {
        /// The file.
        path: PathBuf,
        /// The tensor.
        tensor: String,
        /// The type of its elements, in the format's words.
        dtype: String,
    },
    /// A tensor whose shape and elements don't agree.
    #[error("`{tensor}` can't be stored: {reason}; please report it")]
    Unstorable {
        /// The tensor.
        tensor: String,
        /// What is wrong with it.
        reason: String,
    },
}
