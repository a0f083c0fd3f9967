//! The only layer that joins graph and device: it allocates a plan's buffers, and encodes its steps.

mod executor;
mod program;
mod readback;
mod staging;

pub use executor::{Executor, NamedTensor, Options};
pub use program::Program;
pub use readback::StepMetrics;
