//! The device: adapter choice, buffers, images, pipelines, waiting, times. The only wrapper around wgpu.

mod adapter;
mod adapter_search;
mod control_group;
mod device;
mod error;
mod host_memory;
mod mapping;
mod memory;
mod pipeline;
mod probe;
mod timestamps;

pub use adapter::{AdapterChoice, AdapterReport, list_adapters};
pub use device::Gpu;
pub use error::GpuError;
pub use mapping::Mapping;
pub use memory::{HostCopy, Memory, most_bytes};
pub use pipeline::RuntimeChecks;
pub(crate) use pipeline::{Pipeline, compile};
pub use probe::GpuEvent;
pub use timestamps::Timestamps;
