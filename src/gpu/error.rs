//! Errors of adapters and devices.

use thiserror::Error;

/// Failure to find, open or use an adapter.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum GpuError {
    /// A backend that this operating system does not have.
    #[error("this system has no `{backend}` backend; it has: {here}")]
    NoBackend {
        /// Its name.
        backend: String,
        /// The names of those that there are, separated by commas.
        here: String,
    },
    /// There is nothing to compute on.
    #[error("no usable adapter: {found}; {remedy}")]
    NoAdapter {
        /// What was found instead.
        found: String,
        /// What the user can do.
        remedy: String,
    },
    /// No adapter has that name or number.
    #[error("no adapter matches `{wanted}`; {found}")]
    UnknownAdapter {
        /// What was asked for.
        wanted: String,
        /// Which adapters there are.
        found: String,
    },
    /// The environment asks for limits that do not exist.
    #[error("WGRAD_LIMITS is `{0}`; set it to `webgpu`, or unset it to use all that the adapter has")]
    UnknownLimits(String),
    /// The process may use less address space than a driver needs.
    #[error(
        "this process may use {0} bytes of address space, but a driver needs more; raise `ulimit -v` to 2 GB or more"
    )]
    AddressSpace(u64),
    /// The adapter refused to open.
    #[error("adapter `{adapter}` does not open: {reason}")]
    Open {
        /// Its name.
        adapter: String,
        /// wgpu's words.
        reason: String,
    },
    /// The device was lost.
    #[error("the device was lost: {0}")]
    Lost(String),
    /// The device has no memory left.
    #[error("the device is out of memory: {0}")]
    OutOfMemory(String),
    /// wgpu or the driver rejected a command.
    #[error("the device reports an error: {0}")]
    Device(String),
    /// The adapter cannot run a micro-kernel.
    #[error("micro-kernel `{kernel}` cannot run on this adapter: {reason}")]
    MicroKernel {
        /// Its name.
        kernel: String,
        /// What is missing.
        reason: String,
    },
    /// A tensor or a dispatch needs more than the adapter's limits allow.
    #[error("`{what}` needs {needed} {unit}, {} more than the {limit} that this adapter allows ({name})", needed - limit)]
    TooLarge {
        /// The tensor or the dispatch.
        what: String,
        /// How much it needs.
        needed: u64,
        /// The unit of both numbers.
        unit: &'static str,
        /// The adapter's limit.
        limit: u64,
        /// The limit's name in WebGPU.
        name: &'static str,
    },
}
