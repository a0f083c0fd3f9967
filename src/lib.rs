//! wgrad trains convolutional networks on any GPU through WebGPU compute shaders.

pub mod data;
mod error;
pub mod exec;
pub mod gpu;
pub mod graph;
pub mod kernel;
pub mod model;
pub mod ops;
pub mod optim;
mod shape;
pub mod train;

pub use error::Error;
pub use shape::Shape;
