//! The device: adapter choice, buffers, images, pipelines, waiting, times. The only wrapper around wgpu.

mod adapter;
#[cfg(not(all(target_os = "linux", feature = "host")))]
mod apart_memory;
mod compilation;
mod device;
mod error;
mod failure;
#[cfg(feature = "host")]
mod host;
mod image;
mod mapping;
mod memory;
mod pipeline;
mod probe;
mod timestamps;

pub(crate) use compilation::{Compilation, FirstUse};
pub use device::Gpu;
pub use error::GpuError;
#[cfg(all(test, feature = "host"))]
pub(crate) use host::dispatch_nothing;
#[cfg(feature = "host")]
pub use host::{AdapterChoice, AdapterReport, list_adapters};
pub use image::ImageCopy;
pub use mapping::Mapping;
pub use memory::{HostCopy, Memory, most_binding_bytes, most_bytes};
pub use pipeline::RuntimeChecks;
pub(crate) use pipeline::{Pipeline, Pipelines, compile};
pub use probe::GpuEvent;
pub use timestamps::Timestamps;
