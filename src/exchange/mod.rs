//! Trained networks as files that other programs read and write.

mod error;
mod safetensors;

pub use error::ExchangeError;
pub use safetensors::Weights;
