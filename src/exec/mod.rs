//! The only layer that joins graph and device: it allocates a plan's buffers, encodes its steps, and measures them.

mod candidate;
mod ceiling;
mod command;
mod contents;
mod error;
mod evaluation;
mod executor;
mod footprint;
mod held_images;
mod logits_ring;
mod numbers;
mod options;
mod pace;
mod parameters;
mod preparation;
mod profile;
mod profiler;
mod program;
mod readback;
mod schedules;
mod staging;
mod submission;
mod training_state;
mod tuner;

pub use ceiling::Ceiling;
pub use error::{ExecError, ProgramError};
pub use executor::Executor;
pub use held_images::StepImages;
pub use options::Options;
pub use profile::{Ceilings, Profile, StepProfile, Timer};
pub use profiler::{OnRound, Profiler, Subject};
pub use program::Program;
pub use readback::StepMetrics;
pub use training_state::TrainingState;
pub use tuner::{TunedProduct, tune};
