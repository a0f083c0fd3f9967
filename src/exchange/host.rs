//! Reads files of weights.

use std::path::Path;

use super::{ExchangeError, FileKind, Imported, Weights};
use crate::file;

impl Imported {
    /// Reads a safetensors file, a NumPy archive (`.npz`), or a file that Keras 2 or 3 saved (`.keras`, `.h5`). The
    /// contents decide which of these it is. Safetensors files of wgrad and whole models of Keras also hold the network.
    ///
    /// # Errors
    /// [`ExchangeError`]. No file makes it take more memory than a small multiple of the file's size.
    pub fn read(path: &Path) -> Result<Self, ExchangeError> {
        let (kind, bytes) = open(path)?;
        Self::of_kind(kind, path, &bytes)
    }

    /// Reads the weights in an HDF5 file of Keras (`.weights.h5`, `.h5`) for the network in another file of Keras (`.keras`,
    /// or `.h5` of a whole model), whose own weights are not looked at.
    ///
    /// # Errors
    /// [`ExchangeError`]
    pub fn read_for(path: &Path, network: &Path) -> Result<Self, ExchangeError> {
        let ((kind, bytes), (network_kind, network_bytes)) = (open(path)?, open(network)?);
        match (kind, network_kind) {
            (FileKind::Hdf5, FileKind::KerasArchive | FileKind::Hdf5) => {
                Self::from_keras_pair([path, network], &bytes, network_kind, &network_bytes)
            }
            (FileKind::Hdf5, kind) => Err(ExchangeError::NotImported { path: network.into(), kind }),
            (kind, _) => Err(ExchangeError::NotOfKeras { path: path.into(), kind }),
        }
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
        Self::of_kind(kind, path, &bytes)
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
