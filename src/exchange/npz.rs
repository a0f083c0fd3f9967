//! NumPy archives: `numpy.load(file)["conv2d/kernel"]`.

use std::path::Path;

use super::npy::{self, Elements, NpyError};
use super::zip_archive::{read_members, write_members};
use super::{ExchangeError, Weights};
use crate::model::NamedTensor;
use crate::text::one_line;

/// Writes arrays, which are given as names, shapes and elements, as a NumPy archive. Equal arrays give equal bytes.
///
/// # Errors
/// [`ExchangeError::Unstorable`] for a name of more than 64 KiB.
pub fn write_npz(arrays: &[(&str, &[usize], Elements)]) -> Result<Vec<u8>, ExchangeError> {
    let member =
        |&(name, shape, elements): &(&str, &[usize], Elements)| (format!("{name}.npy"), npy::write(shape, elements));
    let members: Vec<_> = arrays.iter().map(member).collect();
    write_members(&members)
        .map_err(|error| ExchangeError::Unstorable { tensor: "archive".into(), reason: error.to_string() })
}

impl Weights {
    /// The tensors as a NumPy archive. Such a file doesn't hold the network and the names of the classes.
    ///
    /// # Errors
    /// As [`write_npz`].
    pub fn to_npz(&self) -> Result<Vec<u8>, ExchangeError> {
        let tensors = self.tensors.iter();
        let arrays: Vec<_> = tensors.map(|t| (t.name.as_str(), &t.shape[..], Elements::F32(&t.values))).collect();
        write_npz(&arrays)
    }

    /// The tensors in `bytes`, which `path` holds.
    pub(super) fn from_npz(path: &Path, bytes: &[u8]) -> Result<Self, ExchangeError> {
        let unreadable = |reason: String| ExchangeError::Npz { path: path.into(), reason: one_line(&reason) };
        let mut weights = Self::default();
        for (member, bytes) in read_members(bytes).map_err(unreadable)? {
            let Some(name) = member.strip_suffix(".npy") else {
                return Err(unreadable(format!("its member `{member}` is not a .npy file")));
            };
            let (shape, values) = npy::read(bytes).map_err(|error| match error {
                NpyError::Damaged(reason) => unreadable(format!("array `{name}`: {reason}")),
                NpyError::WrongType(dtype) => ExchangeError::WrongType {
                    path: path.into(),
                    tensor: one_line(name),
                    dtype: one_line(&dtype),
                    known: "float32 (`<f4`)",
                },
            })?;
            weights.tensors.push(NamedTensor { name: name.into(), shape, values });
        }
        Ok(weights)
    }
}
