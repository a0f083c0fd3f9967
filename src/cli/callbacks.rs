//! Observers that a run's settings ask for.

use wgrad::data::Dataset;
use wgrad::model::Network;
use wgrad::train::{EarlyStopping, EpochWeights, KeptWeights, OutputDir, RunSpec, Trainer};

use super::terminal::say;

/// The observers that a run's settings ask for.
pub struct Callbacks<'a> {
    spec: &'a RunSpec,
    early_stopping: Option<EarlyStopping>,
    epoch_weights: Option<EpochWeights<'a>>,
}

impl<'a> Callbacks<'a> {
    /// Those of `spec`, for a training of `model` on `dataset` whose files go into `out`.
    pub fn new(spec: &'a RunSpec, out: &'a OutputDir, model: &Network, dataset: &Dataset) -> Self {
        let (choice, monitor) = (spec.keep_weights, spec.monitor);
        let epoch_weights = || EpochWeights::new(choice, monitor, out, model, &dataset.class_names);
        Self {
            spec,
            early_stopping: spec.early_stopping.map(|patience| EarlyStopping::new(monitor, patience)),
            epoch_weights: (choice != KeptWeights::None).then(epoch_weights),
        }
    }

    /// Adds them to a trainer.
    pub fn observe<'t>(&'t mut self, mut trainer: Trainer<'t>) -> Trainer<'t> {
        trainer = trainer.schedule(self.spec.schedule());
        if let Some(early_stopping) = &mut self.early_stopping {
            trainer = trainer.observe(early_stopping);
        }
        if let Some(epoch_weights) = &mut self.epoch_weights {
            trainer = trainer.observe(epoch_weights);
        }
        trainer
    }

    /// Prints what they did, in the words of Keras where Keras has some.
    pub fn report(&self, interrupted: bool) {
        if let (Some(early_stopping), false) = (&self.early_stopping, interrupted) {
            if let Some(epoch) = early_stopping.stopped_epoch() {
                say(&format!("Epoch {epoch}: early stopping"));
            }
            if let Some(epoch) = early_stopping.best_epoch() {
                say(&format!("Restoring model weights from the end of the best epoch: {epoch}."));
            }
        }
        if let Some(epoch) = self.epoch_weights.as_ref().and_then(EpochWeights::best_epoch) {
            say(&format!("best.safetensors has the weights of epoch {epoch}, the best by {}", self.spec.monitor));
        }
    }
}
