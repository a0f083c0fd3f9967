//! The report of a run, and the picture for TensorBoard at its end.

use wgrad::data::Dataset;
use wgrad::model::LayerSummary;
use wgrad::report::{ConfusionMatrix, Report, heat_picture};
use wgrad::train::{History, OutputDir, Predictions, RunConfig, TensorBoard};

use super::terminal::say;

/// More bytes than the report takes: text and plots grow with epochs and classes, and so does the confusion matrix; the
/// pictures of mistakes are stored three times.
pub fn room_for_report(dataset: &Dataset, epochs: usize) -> usize {
    let classes = dataset.class_names.len();
    let cells = classes.min(100).pow(2).min(dataset.test.len());
    let [height, width, _] = dataset.image_shape;
    (1 << 17) + 2048 * epochs + 1024 * classes + 320 * cells + 25 * 3 * 3 * (height * width).min(160 * 160)
}

/// What the report of a finished run needs.
pub struct Finished<'a> {
    /// The figures of each epoch.
    pub history: &'a History,
    /// Settings.
    pub config: &'a RunConfig,
    /// The network.
    pub layers: &'a [LayerSummary],
    /// The data set.
    pub dataset: &'a Dataset,
    /// What the network says about the test images; none where the run was interrupted.
    pub predictions: Option<&'a Predictions>,
}

impl Finished<'_> {
    /// Writes the report to `out` and the confusion matrix to TensorBoard, if they are wanted.
    pub fn write(&self, out: Option<&OutputDir>, tensorboard: Option<&mut TensorBoard>) -> anyhow::Result<()> {
        if let (Some(tensorboard), Some(predictions)) = (tensorboard, self.predictions) {
            self.write_picture(tensorboard, predictions)?;
        }
        let Some(out) = out else { return Ok(()) };
        let Self { history, config, layers, dataset, predictions } = *self;
        let settings = serde_json::to_value(config)?;
        let report = Report { history, settings: &settings, layers, dataset, predictions };
        let files = report.files()?;
        let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect();
        out.write(&files)?;
        say(&format!("The report is {}", out.path().join("report.html").display()));
        Ok(())
    }

    fn write_picture(&self, tensorboard: &mut TensorBoard, predictions: &Predictions) -> anyhow::Result<()> {
        let picture = heat_picture(&ConfusionMatrix::of(&self.dataset.test, predictions));
        let bytes = picture.to_png()?;
        let epoch = self.history.epochs.last().map_or(0, |row| row.epoch);
        tensorboard.picture("confusion_matrix", epoch, &bytes, picture.dimensions())?;
        Ok(())
    }
}
