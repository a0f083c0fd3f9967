//! What devices need of the host: its adapters, its memory, and threads that wait.

mod adapter;
mod adapter_search;
mod blocking;
mod control_group;
mod cores;
mod host_memory;

use super::{Gpu, GpuError, GpuEvent};

pub use adapter::{AdapterChoice, AdapterReport, list_adapters};
pub(super) use cores::map_on_all_cores;
