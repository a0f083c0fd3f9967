//! `wgrad eval`

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::{anyhow, bail};
use clap::Args;
use serde::Serialize;
use wgrad::exchange::Weights;
use wgrad::exec::{Executor, Options};
use wgrad::train::{AdapterConfig, Evaluation, evaluate, evaluation_line};

use super::model_options::ModelOptions;
use super::options::{BatchSize, DataOptions, DeviceOptions, adapter_line, dataset_line};

/// Options of `wgrad eval`.
#[derive(Debug, Args)]
#[command(after_help = "Example: wgrad eval --weights runs/latest/weights.safetensors")]
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
    #[serde(flatten)]
    evaluation: Evaluation,
}

impl Eval {
    /// Evaluates the weights on the test set.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let batch_size = self.batch_size.get()?;
        let weights = Weights::read(&self.weights).map_err(wgrad::Error::from)?;
        let dataset = self.data.open()?;
        let gpu = Arc::new(self.device.open()?);
        let mut out = io::stdout();
        if !self.json {
            writeln!(out, "{}\n{}", adapter_line(gpu.info()), dataset_line(&dataset))?;
        }
        let model = self.model.of_weights(&weights, &dataset)?;
        let options = Options { batch_size, micro_kernel: self.device.micro_kernel(), ..Options::default() };
        let mut executor = Executor::new(gpu, &model, options)?;
        executor.set_parameters(&weights.tensors).map_err(|error| anyhow!("{}: {error}", self.weights.display()))?;
        let evaluation = evaluate(&mut executor, &dataset.test, &AtomicBool::new(false))?;
        let Some(evaluation) = evaluation else { bail!("the evaluation was stopped; try again") };
        if self.json {
            let adapter = AdapterConfig::new(executor.gpu().info());
            let report = Report { dataset: &dataset.name, origin: &dataset.origin, adapter, evaluation };
            writeln!(out, "{}", serde_json::to_string_pretty(&report)?)?;
        } else {
            writeln!(out, "{}", evaluation_line(&evaluation, dataset.class_names.len()))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}
