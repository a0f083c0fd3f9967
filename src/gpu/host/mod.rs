//! What devices need of the host: its adapters, its memory, and threads that wait.

mod adapter;
mod adapter_search;
mod ahead;
mod blocking;
mod control_group;
mod cores;
mod host_memory;
#[cfg(target_os = "linux")]
pub(super) mod robustness;
#[cfg(target_os = "linux")]
mod shared_memory;

use super::{Gpu, GpuError, GpuEvent};

pub use adapter::{AdapterChoice, AdapterReport, list_adapters};
#[cfg(test)]
pub use ahead::dispatch_nothing;
pub(super) use ahead::{compile_ahead, compile_beside};
pub(super) use cores::{Background, for_each_on_all_cores};
