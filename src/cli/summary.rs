//! `wgrad summary`

use std::io::{self, Write};
use std::process::ExitCode;
use std::sync::Arc;

use clap::Args;
use wgrad::exec::{Executor, Options, ProgramError};
use wgrad::report::units;

use super::layer_table::layer_table;
use super::model_options::StartOptions;
use super::operation_options::OperationOptions;
use super::options::{BatchSize, DeviceOptions, InputOptions, adapter_line};
use super::plan_table::{pipelines, plan_table};

/// Options of `wgrad summary`.
#[derive(Debug, Args)]
#[command(after_help = "Example: wgrad summary --model models/tutorial.toml --plan")]
pub struct Summary {
    #[command(flatten)]
    start: StartOptions,
    #[command(flatten)]
    input: InputOptions,
    /// Also print what the device does in a step of training and in a step of evaluation
    #[arg(long)]
    plan: bool,
    /// Have the driver compile every pipeline of both, which computes nothing
    #[arg(long, requires = "plan")]
    compile: bool,
    #[command(flatten)]
    batch_size: BatchSize,
    #[command(flatten)]
    operations: OperationOptions,
    #[command(flatten)]
    device: DeviceOptions,
}

impl Summary {
    /// Prints the layers, and the plans if the user asked for them.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let batch_size = self.batch_size.get()?;
        let model = self.start.open(self.input.shape(), 10)?.model;
        let mut out = io::stdout();
        writeln!(out, "{}", layer_table(&model)?)?;
        if self.plan {
            let gpu = Arc::new(self.device.open()?);
            writeln!(out, "\n{}", adapter_line(gpu.info()))?;
            let (build, precision) = (self.operations.build(), self.operations.precision());
            let micro_kernel = self.device.micro_kernel();
            let options = Options { batch_size, micro_kernel, precision, build, ..Options::default() };
            let largest = Executor::largest_batch(&gpu, &model, &options)?;
            let by = if gpu.memory_left().is_some() { "limits and memory" } else { "limits" };
            let executor = Executor::new(gpu, &model, options)?;
            if self.compile {
                compile(&executor)?;
            }
            let graph = executor.graph();
            let train = format!("Training step, {batch_size} images");
            writeln!(out, "\n{}", plan_table(&train, graph, executor.train_plan()))?;
            let infer = format!("Evaluation step, {batch_size} images");
            writeln!(out, "\n{}", plan_table(&infer, graph, executor.infer_plan()))?;
            let (all, first) = (executor.program().pipelines(), pipelines(executor.train_plan()));
            writeln!(
                out,
                "\nPipelines of both and of the gradient's norm: {all}, {first} of them before the first step"
            )?;
            writeln!(out, "Memory on the device: {}", units::bytes(executor.device_bytes()))?;
            writeln!(out, "Largest batch, by the adapter's {by}: {} images", units::count(largest as u64))?;
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Encodes every plan, which needs its pipelines, and submits none.
fn compile(executor: &Executor) -> anyhow::Result<()> {
    let mut encoder = executor.gpu().encoder();
    for plan in 0.. {
        match executor.program().encode(plan, &mut encoder) {
            Err(ProgramError::NoPlan { .. }) => break,
            encoded => encoded?,
        }
    }
    Ok(executor.gpu().check()?)
}
