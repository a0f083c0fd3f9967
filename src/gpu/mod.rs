//! The device: adapter choice, buffers, images, pipelines, waiting. The only wrapper around wgpu.

mod adapter;
mod device;
mod error;
mod memory;
mod pipeline;

pub use adapter::{AdapterChoice, AdapterReport, list_adapters};
pub use device::{Gpu, Mapping};
pub use error::GpuError;
pub use memory::Memory;
pub(crate) use pipeline::{BindingUse, PipelineCache};
pub use pipeline::RuntimeChecks;
