//! Weights that other programs wrote.

use std::path::Path;

use super::{ExchangeError, FileKind, Weights};

/// Weights from a file, and what importing assumes about the network.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The weights.
    pub weights: Weights,
    /// Whether the file has a network that doesn't say how its pixels are scaled. `weights.model` then begins with a
    /// rescaling by 1/255, since most networks are trained on such pixels.
    pub assumes_rescaling: bool,
}

impl From<Weights> for Imported {
    fn from(weights: Weights) -> Self {
        Self { weights, assumes_rescaling: false }
    }
}

impl Imported {
    /// The weights in the `bytes` of a file of any kind that is imported; messages name the file `path`.
    ///
    /// # Errors
    /// Bytes of another kind, or damaged ones. No bytes make it take more memory than a small multiple of their number.
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, ExchangeError> {
        Self::of_kind(FileKind::of(path, bytes), path, bytes)
    }

    pub(super) fn of_kind(kind: FileKind, path: &Path, bytes: &[u8]) -> Result<Self, ExchangeError> {
        match kind {
            FileKind::Safetensors => Weights::from_safetensors(path, bytes).map(Self::from),
            FileKind::NumpyArchive => Weights::from_npz(path, bytes).map(Self::from),
            FileKind::KerasArchive => Self::from_keras(path, bytes),
            FileKind::Hdf5 => Self::from_keras_hdf5(path, bytes),
            kind => Err(ExchangeError::NotImported { path: path.into(), kind }),
        }
    }
}

impl Weights {
    /// The tensors in the `bytes` of a safetensors file; messages name the file `path`.
    ///
    /// # Errors
    /// Bytes of another kind, damaged ones, or elements of a type that is not read.
    pub fn from_bytes(path: &Path, bytes: &[u8]) -> Result<Self, ExchangeError> {
        Self::of_kind(FileKind::of(path, bytes), path, bytes)
    }

    pub(super) fn of_kind(kind: FileKind, path: &Path, bytes: &[u8]) -> Result<Self, ExchangeError> {
        match kind {
            FileKind::Safetensors => Self::from_safetensors(path, bytes),
            kind => Err(ExchangeError::NotWeights { path: path.into(), kind }),
        }
    }
}
