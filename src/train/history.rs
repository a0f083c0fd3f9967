//! The figures of each epoch, and their files.

use std::ops::ControlFlow;

use serde::{Deserialize, Serialize};

use super::{Evaluation, Observer, TrainError, Validation};
use crate::exec::Executor;
use crate::model::NamedTensor;

/// Columns of `history.csv`, in the order of [`HistoryRow`].
const COLUMNS: [&str; 11] = [
    "epoch",
    "loss",
    "accuracy",
    "top5_accuracy",
    "val_loss",
    "val_accuracy",
    "val_top5_accuracy",
    "learning_rate",
    "gradient_norm",
    "seconds",
    "images_per_second",
];

/// Columns that follow where training has a loss scale.
const SCALED_COLUMNS: [&str; 2] = ["skipped_updates", "loss_scale"];

/// An epoch's measurements.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HistoryRow {
    /// Its number, counted from 1.
    pub epoch: usize,
    /// Mean loss over the training images; the loss of each is measured before the update of its step.
    pub loss: f64,
    /// Share of the training images whose class was found.
    pub accuracy: f64,
    /// Share of the training images whose class was among the five of the largest logits.
    pub top5_accuracy: f64,
    /// Mean loss on the validation images, after the epoch.
    pub val_loss: f64,
    /// Share of the validation images whose class was found.
    pub val_accuracy: f64,
    /// Share of the validation images whose class was among the five of the largest logits.
    pub val_top5_accuracy: f64,
    /// Learning rate of the epoch's last update.
    pub learning_rate: f64,
    /// L2 norm of the gradient of the loss by all trainable parameters together: root mean square over eight
    /// minibatches of the epoch in even distances, the last among them.
    pub gradient_norm: f64,
    /// Training time in seconds, without the evaluation.
    pub seconds: f64,
    /// Training images per second of training time.
    pub images_per_second: f64,
    /// Updates of the epoch that were skipped because a gradient was not finite; none where gradients are kept in 32 bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skipped_updates: Option<u64>,
    /// The loss scale after the epoch; none where gradients are kept in 32 bits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub loss_scale: Option<f64>,
}

/// Makes sure that the rows of a file have the epochs 1, 2, 3 and so on.
pub(super) fn check_rows(rows: &[HistoryRow]) -> Result<(), String> {
    let wrong = |(place, row): (usize, &HistoryRow)| (row.epoch != place + 1).then_some((place + 1, row.epoch));
    match rows.iter().enumerate().find_map(wrong) {
        Some((place, epoch)) => Err(format!("row {place} of its history is of epoch {epoch}")),
        None => Ok(()),
    }
}

/// The rows of the finished epochs. As an observer, it collects them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct History {
    /// Name of the data set.
    pub dataset: String,
    /// What the validation images are, in words; empty in files of before it was written.
    #[serde(default)]
    pub validation: String,
    /// The rows, in order.
    pub epochs: Vec<HistoryRow>,
    /// The evaluation on the test images after the last epoch; none where the run was interrupted.
    pub evaluation: Option<Evaluation>,
}

impl History {
    /// A history with no rows.
    pub fn new(dataset: &str, validation: Validation) -> Self {
        Self { dataset: dataset.into(), validation: validation.to_string(), epochs: Vec::new(), evaluation: None }
    }

    /// Reads what [`Self::to_json`] has written.
    ///
    /// # Errors
    /// The reason, if `text` is not a history.
    pub fn from_json(text: &str) -> Result<Self, String> {
        let history: Self = serde_json::from_str(text).map_err(|error| error.to_string())?;
        check_rows(&history.epochs)?;
        Ok(history)
    }

    /// The rows as CSV, with a header.
    ///
    /// # Errors
    /// Serialization fails only if the program is wrong: every value of this type can be written.
    pub fn to_csv(&self) -> csv::Result<Vec<u8>> {
        // A run that was interrupted in its first epoch has no rows, but its file needs the header too.
        let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(Vec::new());
        let scaled = self.epochs.iter().any(|row| row.loss_scale.is_some());
        writer.write_record(COLUMNS.iter().chain(SCALED_COLUMNS.iter().filter(|_| scaled)))?;
        for row in &self.epochs {
            writer.serialize(row)?;
        }
        writer.into_inner().map_err(|error| error.into_error().into())
    }

    /// Everything as JSON. Two runs with equal settings differ only in the times.
    ///
    /// # Errors
    /// Serialization fails only if the program is wrong: every value of this type can be written.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|json| json + "\n")
    }
}

impl Observer for History {
    fn on_resume(
        &mut self,
        history: &[HistoryRow],
        _kept: &[NamedTensor],
        _executor: &Executor,
    ) -> Result<ControlFlow<()>, TrainError> {
        self.epochs = history.to_vec();
        Ok(ControlFlow::Continue(()))
    }

    fn on_epoch_end(&mut self, row: &HistoryRow, _executor: &mut Executor) -> Result<ControlFlow<()>, TrainError> {
        self.epochs.push(*row);
        Ok(ControlFlow::Continue(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_files_hold_the_same_rows() {
        let mut history = History::new("shapes", Validation::TestImages);
        let header = "epoch,loss,accuracy,top5_accuracy,val_loss,val_accuracy,val_top5_accuracy,learning_rate,\
                      gradient_norm,seconds,images_per_second\n";
        assert_eq!(history.to_csv().unwrap(), header.as_bytes());
        for epoch in [1, 2] {
            history.epochs.push(HistoryRow {
                epoch,
                loss: 1.5,
                accuracy: 0.25,
                top5_accuracy: 0.75,
                val_loss: 2.0,
                val_accuracy: 1.0 / 3.0,
                val_top5_accuracy: 0.5,
                learning_rate: 1e-3,
                gradient_norm: 1.25,
                seconds: 4.0,
                images_per_second: 250.0,
                skipped_updates: Some(2),
                loss_scale: Some(1024.0),
            });
        }
        let json: serde_json::Value = serde_json::from_str(&history.to_json().unwrap()).unwrap();
        let csv = history.to_csv().unwrap();
        let mut reader = csv::Reader::from_reader(&csv[..]);
        let header = reader.headers().unwrap().clone();
        for (record, row) in reader.records().zip(json["epochs"].as_array().unwrap()) {
            let record = record.unwrap();
            assert_eq!(row.as_object().unwrap().len(), header.len());
            for (name, value) in header.iter().zip(&record) {
                assert_eq!(row[name].as_f64(), value.parse().ok(), "{name}");
            }
        }
        assert_eq!(json["dataset"], "shapes");
        assert_eq!(History::from_json(&history.to_json().unwrap()).unwrap(), history);
        history.epochs.swap(0, 1);
        let error = History::from_json(&history.to_json().unwrap()).unwrap_err();
        assert!(error.contains("row 1 of its history is of epoch 2"), "{error}");
        assert!(json["evaluation"].is_null());
    }
}
