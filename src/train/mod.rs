//! Training: the loop over epochs, what it tells to observers, and the files that a run leaves.

mod checkpoint;
mod early_stopping;
mod error;
mod evaluation;
mod gradient_norm;
mod history;
mod learning_rate;
mod monitor;
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

pub use checkpoint::{Checkpoint, CheckpointChoice};
pub use early_stopping::EarlyStopping;
pub use error::TrainError;
pub use evaluation::{Evaluation, Measured, evaluate};
pub use history::{History, HistoryRow};
pub use learning_rate::LearningRateSchedule;
pub use monitor::Monitor;
pub use observer::{Epoch, Observer};
pub use output_dir::OutputDir;
pub use phase::{Phase, PhaseTotal, Span};
pub use progress::{Progress, evaluation_line};
pub use run_config::{AdapterConfig, DatasetConfig, RunConfig, TrainingConfig};
pub use run_profile::RunProfile;
pub use timeline::{Inside, Timeline};
pub use trace::trace_to_json;
pub use trainer::{Ending, Trainer};
pub use tuning_cache::TuningCache;
