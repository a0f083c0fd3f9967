//! Trained networks as files of wgrad and of other programs.

mod error;
mod file_kind;
mod folded_normalization;
mod hdf5;
#[cfg(feature = "host")]
mod host;
mod imported;
mod keras;
mod npy;
mod npz;
mod onnx;
mod safetensors;
mod torch;
mod weights;
mod zip_archive;

pub use error::ExchangeError;
pub use file_kind::FileKind;
pub use imported::Imported;
pub use npy::Elements;
pub use npz::write_npz;
#[cfg(feature = "host")]
pub(crate) use safetensors::header_len;
pub use torch::StateDictOptions;
pub use weights::Weights;
