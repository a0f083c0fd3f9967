//! Training as TensorBoard shows it.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Duration;

use super::event_file::{Datum, EventFile, Image};
use super::{HistoryRow, Observer, TrainError};
use crate::exec::Executor;
use crate::model::NamedTensor;

/// Writes each epoch's figures to the directories `train` and `validation`, under the tags that Keras uses, so that
/// TensorBoard draws both in one plot. Steps are epochs, counted from 1. Each start of a run writes files of its own;
/// of all files in a directory, TensorBoard shows the newest.
#[derive(Debug)]
pub struct TensorBoard {
    train: EventFile,
    validation: EventFile,
}

impl TensorBoard {
    /// Starts a file in each of the two directories in `directory`.
    ///
    /// # Errors
    /// [`TrainError::WriteEvents`]
    pub fn create(directory: &Path) -> Result<Self, TrainError> {
        let [train, validation] = ["train", "validation"].map(|name| EventFile::create(&directory.join(name)));
        Ok(Self { train: train?, validation: validation? })
    }

    /// Adds a picture, given as a PNG file of `width` by `height` pixels in red, green and blue, to `validation`.
    ///
    /// # Errors
    /// [`TrainError::WriteEvents`]
    pub fn picture(
        &mut self,
        tag: &str,
        epoch: usize,
        png: &[u8],
        [width, height]: [u32; 2],
    ) -> Result<(), TrainError> {
        let [width, height] = [width, height].map(|side| i32::try_from(side).unwrap_or(i32::MAX));
        let image = Image { height, width, colorspace: 3, encoded_image_string: png.to_vec() };
        self.validation.write(epoch, Duration::ZERO, vec![(tag, Datum::Image(image))])
    }
}

impl TensorBoard {
    /// Adds the figures of an epoch that ended `ago`.
    fn epoch(&mut self, row: &HistoryRow, ago: Duration) -> Result<(), TrainError> {
        let scalar = |value: f64| Datum::Scalar(value as f32);
        let train = vec![
            ("epoch_loss", scalar(row.loss)),
            ("epoch_accuracy", scalar(row.accuracy)),
            ("epoch_top5_accuracy", scalar(row.top5_accuracy)),
            ("epoch_learning_rate", scalar(row.learning_rate)),
            ("epoch_gradient_norm", scalar(row.gradient_norm)),
            ("epoch_images_per_second", scalar(row.images_per_second)),
        ];
        let validation = vec![
            ("epoch_loss", scalar(row.val_loss)),
            ("epoch_accuracy", scalar(row.val_accuracy)),
            ("epoch_top5_accuracy", scalar(row.val_top5_accuracy)),
        ];
        self.train.write(row.epoch, ago, train)?;
        self.validation.write(row.epoch, ago, validation)
    }
}

impl Observer for TensorBoard {
    /// Writes the epochs before, so that the new files have the whole run, wherever the old ones are and whatever they
    /// have. The times of these epochs are as if the run had not been stopped.
    fn on_resume(
        &mut self,
        history: &[HistoryRow],
        _kept: &[NamedTensor],
        _executor: &Executor,
    ) -> Result<ControlFlow<()>, TrainError> {
        let mut seconds: f64 = history.iter().map(|row| row.seconds).sum();
        for row in history {
            seconds -= row.seconds;
            self.epoch(row, Duration::try_from_secs_f64(seconds).unwrap_or_default())?;
        }
        Ok(ControlFlow::Continue(()))
    }

    fn on_epoch_end(&mut self, row: &HistoryRow, _executor: &mut Executor) -> Result<ControlFlow<()>, TrainError> {
        self.epoch(row, Duration::ZERO)?;
        Ok(ControlFlow::Continue(()))
    }
}
