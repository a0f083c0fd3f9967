//! Training: the loop over epochs, what it tells to observers, and the files that a run leaves.

mod error;
mod evaluation;
mod history;
mod observer;
mod output_dir;
mod phase;
mod progress;
mod run_config;
mod run_profile;
mod submit_pace;
mod timeline;
mod trace;
mod trainer;
mod tuning_cache;

pub use error::TrainError;
pub use evaluation::{Evaluation, Measured, evaluate};
pub use history::{History, HistoryRow};
pub use observer::{Epoch, Observer};
pub use output_dir::OutputDir;
pub use phase::{Phase, PhaseTotal, Span};
pub use progress::{Progress, result_line};
pub use run_config::{AdapterConfig, DatasetConfig, RunConfig};
pub use run_profile::RunProfile;
pub use timeline::{Inside, Timeline};
pub use trace::trace_to_json;
pub use trainer::{Ending, Trainer};
pub use tuning_cache::TuningCache;
