//! Trained networks as files that other programs read and write.

mod error;
mod keras;
mod keras_layer;
mod npy;
mod npz;
mod onnx;
mod onnx_names;
mod onnx_proto;
mod safetensors;
mod weights;
mod zip_archive;

pub use error::ExchangeError;
pub use npy::Elements;
pub use npz::write_npz;
pub(crate) use safetensors::header_len;
pub use weights::Weights;
