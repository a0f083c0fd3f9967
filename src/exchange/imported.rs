//! Weights that other programs wrote.

use std::path::Path;

use super::{ExchangeError, FileKind, Weights};
use crate::file;

/// Weights from a file, and what importing assumes about the network.
#[derive(Clone, Debug, PartialEq)]
pub struct Imported {
    /// The weights.
    pub weights: Weights,
    /// Whether the file has a network that doesn't say how its pixels are scaled. `weights.model` then begins with a
    /// rescaling by 1/255, since most networks are trained on such pixels.
    pub assumes_rescaling: bool,
}

impl Imported {
    /// Reads a safetensors file, a NumPy archive (`.npz`), or a file that Keras 2 or 3 saved (`.keras`, `.h5`). The
    /// contents decide which of these it is. Safetensors files of wgrad and whole models of Keras also hold the network.
    ///
    /// # Errors
    /// [`ExchangeError`]. No file makes it take more memory than a small multiple of the file's size.
    pub fn read(path: &Path) -> Result<Self, ExchangeError> {
        let (kind, bytes) = open(path)?;
        match kind {
            FileKind::Safetensors => Weights::from_safetensors(path, &bytes).map(Self::from),
            FileKind::NumpyArchive => Weights::from_npz(path, &bytes).map(Self::from),
            FileKind::KerasArchive => Self::from_keras(path, &bytes),
            FileKind::Hdf5 => Self::from_keras_hdf5(path, &bytes),
            kind => Err(ExchangeError::NotImported { path: path.into(), kind }),
        }
    }
}

impl From<Weights> for Imported {
    fn from(weights: Weights) -> Self {
        Self { weights, assumes_rescaling: false }
    }
}

impl Weights {
    /// Reads all tensors of a safetensors file; float16 and bfloat16, which other programs save, become float32.
    ///
    /// # Errors
    /// [`ExchangeError::Read`]; [`ExchangeError::NotWeights`] for a file of another kind,
    /// [`ExchangeError::NotSafetensors`] for one that is damaged, and [`ExchangeError::WrongType`] for elements of any
    /// other type.
    pub fn read(path: &Path) -> Result<Self, ExchangeError> {
        let (kind, bytes) = open(path)?;
        match kind {
            FileKind::Safetensors => Self::from_safetensors(path, &bytes),
            kind => Err(ExchangeError::NotWeights { path: path.into(), kind }),
        }
    }
}

impl FileKind {
    /// The kind of the file or directory at `path`.
    ///
    /// # Errors
    /// [`ExchangeError::Read`]
    pub fn at(path: &Path) -> Result<Self, ExchangeError> {
        open(path).map(|(kind, _)| kind)
    }
}

/// Kind and contents of a file; a directory has no contents.
fn open(path: &Path) -> Result<(FileKind, Vec<u8>), ExchangeError> {
    if path.is_dir() {
        return Ok((FileKind::of_directory(path), Vec::new()));
    }
    let bytes = file::read(path, u64::MAX).map_err(|source| ExchangeError::Read { path: path.into(), source })?;
    Ok((FileKind::of(path, &bytes), bytes))
}
