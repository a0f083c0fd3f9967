//! Options of how a network is trained.

use clap::Args;
use wgrad::ops::Augmentation;
use wgrad::train::{KeptWeights, LearningRateSchedule, Monitor, RunSpec};

use super::options::{update, update_some};

/// How the weights change, what is done to images and labels, and what is done between the epochs.
#[derive(Debug, Args)]
pub struct TrainingOptions {
    /// Adam's step size [default: 0.001]
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    learning_rate: Option<f64>,
    /// How the learning rate changes: `constant`, `step:FACTOR@EPOCHS`, `cosine`, `cosine@WARM-UP EPOCHS`,
    /// `one-cycle:MAX` or `plateau:FACTOR@EPOCHS` [default: constant]
    #[arg(long, value_name = "SCHEDULE")]
    lr_schedule: Option<LearningRateSchedule>,
    /// Weight decay of AdamW: the share of each weight that an update subtracts, times the learning rate [default: 0]
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    weight_decay: Option<f64>,
    /// Label smoothing: the share of each label that the loss spreads over all classes [default: 0]
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    label_smoothing: Option<f64>,
    /// Random changes of the training images: `flip`, `crop:PIXELS`, `cutout:PIXELS`, or several, as in
    /// flip,crop:4,cutout:8
    #[arg(long, value_name = "CHANGES", value_parser = augmentation)]
    augment: Option<Augmentation>,
    /// End training after this many epochs that were no better than the best one, and go back to its weights
    #[arg(long, value_name = "EPOCHS")]
    early_stopping: Option<usize>,
    /// The figure that says which epoch is better, for --early-stopping, --keep-weights and `plateau` [default:
    /// val_loss]
    #[arg(long, value_enum, value_name = "FIGURE")]
    monitor: Option<Monitor>,
    /// Weights to write after epochs, while training continues [default: best]
    #[arg(long, value_enum, value_name = "EPOCHS")]
    keep_weights: Option<KeptWeights>,
}

impl TrainingOptions {
    /// Changes in `spec` what the options say.
    pub fn update(&self, spec: &mut RunSpec) {
        update(&mut spec.learning_rate, self.learning_rate);
        update(&mut spec.lr_schedule, self.lr_schedule);
        update(&mut spec.weight_decay, self.weight_decay);
        update(&mut spec.label_smoothing, self.label_smoothing);
        update(&mut spec.augment, self.augment);
        update_some(&mut spec.early_stopping, self.early_stopping);
        update(&mut spec.monitor, self.monitor);
        update(&mut spec.keep_weights, self.keep_weights);
    }
}

/// Reads a list of changes, which must have one at least.
fn augmentation(text: &str) -> Result<Augmentation, String> {
    if text.is_empty() {
        return Err("give flip, crop:PIXELS or cutout:PIXELS".into());
    }
    text.parse()
}
