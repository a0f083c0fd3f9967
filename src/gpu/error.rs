//! What can go wrong with a device.

use thiserror::Error;

/// Failure to find, open or use an adapter.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum GpuError {
    /// Nothing to compute on.
    #[error("no usable adapter: {found}; {remedy}")]
    NoAdapter {
        /// What was found.
        found: String,
        /// How to install a software driver here.
        remedy: String,
    },
    /// No adapter of that name or number.
    #[error("no adapter matches `{wanted}`; there are: {found}")]
    UnknownAdapter {
        /// What was asked for.
        wanted: String,
        /// What there is.
        found: String,
    },
    /// Limits that can't be asked for.
    #[error("WGRAD_LIMITS is `{0}`; set it to `webgpu`, or leave it out to use all that the adapter has")]
    UnknownLimits(String),
    /// Less address space than a driver takes.
    #[error(
        "this process may have {0} bytes of address space, less than a driver takes; raise `ulimit -v` to 2 GB or more"
    )]
    AddressSpace(u64),
    /// The adapter refused to open.
    #[error("adapter `{adapter}` does not open: {reason}; choose another with --adapter (see `wgrad devices`)")]
    Open {
        /// Its name.
        adapter: String,
        /// wgpu's words.
        reason: String,
    },
    /// The device went away.
    #[error("the device was lost: {0}; try again, with a smaller --batch-size or another --adapter")]
    Lost(String),
    /// The device has no memory left.
    #[error("the device is out of memory: {0}; use a smaller --batch-size")]
    OutOfMemory(String),
    /// wgpu or the driver found fault with what was submitted.
    #[error("the device reports an error: {0}; please report it with the output of `wgrad devices`")]
    Device(String),
    /// A micro-kernel that this adapter can't run.
    #[error("micro-kernel `{kernel}` can't run here: {reason}; leave --kernel out to get one that does")]
    MicroKernel {
        /// Its name.
        kernel: String,
        /// What is missing.
        reason: String,
    },
    /// More than the adapter's limits allow.
    #[error("`{what}` needs {needed} {unit}, but this adapter allows {limit} ({name}); use a smaller --batch-size")]
    TooLarge {
        /// The tensor or the dispatch.
        what: String,
        /// What it needs.
        needed: u64,
        /// Of what.
        unit: &'static str,
        /// The adapter's limit.
        limit: u64,
        /// The limit's name in WebGPU.
        name: &'static str,
    },
}
