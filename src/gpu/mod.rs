//! The device: adapter choice, buffers, images, pipelines, waiting, times. The only wrapper around wgpu.

mod adapter;
mod device;
mod error;
mod pipeline;
mod probe;
mod timestamps;

pub use adapter::{AdapterChoice, AdapterReport, list_adapters};
pub use device::{Gpu, IMAGE_WIDTH, Mapping};
pub use error::GpuError;
pub(crate) use pipeline::PipelineCache;
pub use pipeline::RuntimeChecks;
pub use probe::GpuEvent;
pub use timestamps::Timestamps;
