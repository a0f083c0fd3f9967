//! How far a training has come.

use serde::{Deserialize, Serialize};

use super::gradient_norm::GradientNorm;
use super::history::check_rows;
use super::{Evaluation, HistoryRow, Measured};
use crate::optim::LossScale;

/// Longest training time of an epoch, in seconds: 300 years.
const MOST_SECONDS: f64 = 1e10;

/// Where a training stands between two steps.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Position {
    /// The epoch that is trained, counted from 1.
    pub epoch: usize,
    /// Steps of this epoch that are done.
    pub step: usize,
    /// What these steps measured.
    pub measured: Measured,
    /// The norm of their gradients.
    pub(super) gradient_norm: GradientNorm,
    /// Training time that these steps took, in seconds.
    pub seconds: f64,
    /// The epochs before this one.
    pub history: Vec<HistoryRow>,
    /// Whether training ended here, because all epochs were trained or an observer ended it.
    pub finished: bool,
}

impl Position {
    /// The position before the first step of the epoch that follows those of `history`.
    pub fn after(history: Vec<HistoryRow>) -> Self {
        Self {
            epoch: history.len() + 1,
            step: 0,
            measured: Measured::default(),
            gradient_norm: GradientNorm::default(),
            seconds: 0.0,
            history,
            finished: false,
        }
    }

    /// The row of the history for the epoch, which is done and has this `evaluation`. `learning_rate` is that of its last step, and `scale` the state of the loss scale.
    pub(super) fn row(&self, evaluation: &Evaluation, learning_rate: f64, scale: Option<LossScale>) -> HistoryRow {
        let before: u64 = self.history.iter().filter_map(|row| row.skipped_updates).sum();
        HistoryRow {
            epoch: self.epoch,
            loss: self.measured.loss(),
            accuracy: self.measured.accuracy(),
            top5_accuracy: self.measured.top5_accuracy(),
            val_loss: evaluation.loss,
            val_accuracy: evaluation.accuracy,
            val_top5_accuracy: evaluation.top5_accuracy,
            learning_rate,
            gradient_norm: self.gradient_norm.root_mean_square(),
            seconds: self.seconds,
            images_per_second: self.measured.images as f64 / self.seconds,
            skipped_updates: scale.map(|state| state.skipped.saturating_sub(before)),
            loss_scale: scale.map(|state| state.scale.into()),
        }
    }

    /// Makes sure that a training can have this position: a file may hold any numbers.
    pub(super) fn check(&self) -> Result<(), String> {
        let Self { epoch, step, measured, seconds, history, .. } = self;
        check_rows(history)?;
        if *epoch != history.len() + 1 {
            return Err(format!("it stands in epoch {epoch}, after {} others", history.len()));
        }
        if measured.steps != *step {
            return Err(format!("it stands after step {step}, but {} are measured", measured.steps));
        }
        if !(0.0..MOST_SECONDS).contains(seconds) {
            return Err(format!("its epoch took {seconds} s so far"));
        }
        Ok(())
    }
}
