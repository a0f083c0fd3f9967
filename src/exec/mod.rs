//! The only layer that joins graph and device: it allocates a plan's buffers, encodes its steps, and measures them.

mod ceiling;
mod error;
mod executor;
mod footprint;
mod logits_ring;
mod profile;
mod profiler;
mod program;
mod readback;
mod schedules;
mod staging;
mod training_state;
mod tuner;

pub use ceiling::Ceiling;
pub use error::ProgramError;
pub use executor::{Executor, Options};
pub use profile::{Ceilings, Profile, StepProfile, Timer};
pub use profiler::{OnRound, Profiler, Subject};
pub use program::Program;
pub use readback::StepMetrics;
pub use training_state::TrainingState;
pub use tuner::{TunedProduct, tune};
