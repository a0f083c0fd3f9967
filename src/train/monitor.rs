//! The figure that decides which epoch is the best.

use std::fmt;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::HistoryRow;

/// What is watched on the validation images.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[value(rename_all = "snake_case")]
#[serde(rename_all = "snake_case")]
pub enum Monitor {
    /// Mean loss: less is better
    #[default]
    ValLoss,
    /// Share of the images whose class was predicted: more is better
    ValAccuracy,
}

impl Monitor {
    /// By how much `row` is better than `reference`; negative where it is worse.
    pub fn gain(self, row: &HistoryRow, reference: &HistoryRow) -> f64 {
        match self {
            Self::ValLoss => reference.val_loss - row.val_loss,
            Self::ValAccuracy => row.val_accuracy - reference.val_accuracy,
        }
    }
}

impl fmt::Display for Monitor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ValLoss => "val_loss",
            Self::ValAccuracy => "val_accuracy",
        })
    }
}

/// The best epoch so far. If several are equal, it is the first of them.
#[derive(Clone, Debug)]
pub(super) struct Best {
    monitor: Monitor,
    row: Option<HistoryRow>,
}

impl Best {
    pub fn new(monitor: Monitor) -> Self {
        Self { monitor, row: None }
    }

    /// Makes `row` the best epoch if it is better, and returns whether it is.
    pub fn is_beaten_by(&mut self, row: &HistoryRow) -> bool {
        let beaten = self.row.is_none_or(|best| self.monitor.gain(row, &best) > 0.0);
        if beaten {
            self.row = Some(*row);
        }
        beaten
    }

    /// The number of the best epoch.
    pub fn epoch(&self) -> Option<usize> {
        self.row.map(|row| row.epoch)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_equal_epochs_is_the_best() {
        let rows = |figures: &[(f64, f64)]| -> Vec<HistoryRow> {
            let rows = figures.iter().enumerate();
            rows.map(|(i, (val_loss, val_accuracy))| HistoryRow {
                epoch: i + 1,
                val_loss: *val_loss,
                val_accuracy: *val_accuracy,
                ..HistoryRow::default()
            })
            .collect()
        };
        let rows = rows(&[(2.0, 0.3), (1.0, 0.5), (1.0, 0.5), (1.5, 0.75), (1.2, 0.75)]);
        for (monitor, epoch) in [(Monitor::ValLoss, 2), (Monitor::ValAccuracy, 4)] {
            let mut best = Best::new(monitor);
            let beaten = rows.iter().filter(|row| best.is_beaten_by(row)).count();
            assert_eq!((best.epoch(), beaten), (Some(epoch), if epoch == 2 { 2 } else { 3 }));
        }
    }
}
