//! `wgrad eval`

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::bail;
use clap::Args;
use serde::Serialize;
use wgrad::data::{Dataset, Split};
use wgrad::exchange::{Elements, write_npz};
use wgrad::exec::{Executor, Options};
use wgrad::train::{AdapterConfig, Evaluation, Predictions, TestResult, evaluation_line};

use super::class_names::ClassNames;
use super::model_options::ModelOptions;
use super::operation_options::OperationOptions;
use super::options::{BatchSize, DataOptions, DeviceOptions, adapter_line, dataset_line, paced};
use super::output_file::write_file;
use super::terminal::note;
use super::weights_file;

/// Options of `wgrad eval`.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    wgrad eval --weights runs/latest/weights.safetensors\n  \
    wgrad eval --weights runs/latest/weights.safetensors --limit 1000 --logits logits.npz")]
pub struct Eval {
    /// Weights that `wgrad train` wrote
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    batch_size: BatchSize,
    #[command(flatten)]
    data: DataOptions,
    #[command(flatten)]
    class_names: ClassNames,
    /// Evaluate only the first test images
    #[arg(long, value_name = "IMAGES")]
    limit: Option<usize>,
    /// Also write the test images and the network's outputs for them, before a final softmax or sigmoid: a NumPy archive
    /// of `images` uint8 [n, h, w, c], `labels` uint16 [n] and `logits` float32 [n, outputs]
    #[arg(long, value_name = "FILE")]
    logits: Option<PathBuf>,
    #[command(flatten)]
    operations: OperationOptions,
    #[command(flatten)]
    device: DeviceOptions,
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Report<'a> {
    dataset: &'a str,
    origin: &'a str,
    adapter: AdapterConfig,
    answer: &'a str,
    #[serde(flatten)]
    evaluation: Evaluation,
}

impl Eval {
    /// Evaluates the weights on the test set, and prints the result.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let batch_size = self.batch_size.get()?;
        let weights = weights_file::read(&self.weights)?;
        self.model.check_file()?;
        let dataset = self.limited(self.data.open_for(weights.model.as_ref())?)?;
        let data_line = dataset_line(&dataset);
        let (model, dataset, line) = self.model.of_weights(&weights, dataset, &self.class_names)?;
        let answer = model.answer()?;
        let gpu = Arc::new(self.device.open()?);
        let mut out = io::stdout();
        if !self.json {
            writeln!(out, "{}\n{data_line}\nProbabilities: {answer}", adapter_line(gpu.info()))?;
        }
        let (build, precision) = (self.operations.build(), self.operations.precision());
        let micro_kernel = self.device.micro_kernel();
        let options = Options { batch_size, micro_kernel, precision, build, ..Options::default() };
        let options = paced(options, &gpu, &model)?;
        let mut executor = Executor::new(gpu.clone(), &model, options)?;
        let loaded = gpu.block_on(executor.set_parameters(&weights.tensors));
        loaded.map_err(|error| weights_file::about(&self.weights, error))?;
        if let Some(line) = line {
            note(&line);
        }
        let result = TestResult::of(&mut executor, &dataset.test, self.logits.is_some(), &AtomicBool::new(false))?;
        let Some(TestResult { evaluation, predictions, .. }) = result else {
            bail!("the evaluation was stopped; try again")
        };
        if let (Some(path), Some(predictions)) = (&self.logits, &predictions) {
            write_logits(path, &dataset.test, predictions)?;
        }
        if self.json {
            let adapter = AdapterConfig::new(executor.gpu().info());
            let report =
                Report { dataset: &dataset.name, origin: &dataset.origin, adapter, answer: answer.name(), evaluation };
            writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
        } else {
            writeln!(out, "{}", evaluation_line(&evaluation, dataset.class_names.len()))?;
        }
        Ok(ExitCode::SUCCESS)
    }

    /// Returns the data set with only as many test images as the user asked for.
    fn limited(&self, dataset: Dataset) -> anyhow::Result<Dataset> {
        let Some(limit) = self.limit else { return Ok(dataset) };
        let images = dataset.test.len();
        if limit == 0 || limit > images {
            bail!("--limit is {limit}, but {} has {images} test images; give 1 to {images}", dataset.name);
        }
        Ok(Dataset { test: Arc::new(dataset.test.take(limit)), ..dataset })
    }
}

/// Writes the images, labels and logits of `split` as a NumPy archive.
fn write_logits(path: &Path, split: &Split, predictions: &Predictions) -> anyhow::Result<()> {
    let (n, [h, w, c]) = (split.len(), split.image_shape());
    let logits: Vec<f32> = (0..n).flat_map(|i| predictions.logits(i).to_vec()).collect();
    let bytes = write_npz(&[
        ("images", &[n, h, w, c], Elements::U8(split.pixels())),
        ("labels", &[n], Elements::U16(split.labels())),
        ("logits", &[n, predictions.answer().outputs()], Elements::F32(&logits)),
    ]);
    write_file(path, &bytes?)
}
