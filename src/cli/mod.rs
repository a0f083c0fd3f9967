//! The commands, and the options that they share.

mod cache;
mod callbacks;
mod cause;
mod class_names;
mod devices;
#[cfg(test)]
mod documentation;
mod eval;
mod exit_code;
mod experiments;
mod export;
mod held_images;
mod import;
mod layer_table;
mod misread;
mod model_options;
mod models;
mod operation_options;
mod options;
mod output_file;
mod plan_table;
mod predict;
mod profile;
mod remedy;
mod report;
mod reproduce;
mod reproduction_report;
mod resume;
mod run;
mod self_test;
mod signals;
mod summary;
mod terminal;
mod train;
mod training_options;
mod tuning;
mod vector_width;
mod weights_file;
mod width_trial;

use std::env;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

pub use exit_code::of as exit_code;
pub use remedy::message;
pub use terminal::printable;

/// Trains convolutional networks on any GPU through WebGPU.
#[derive(Debug, Parser)]
#[command(version, about, after_help = exit_code::TABLE)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Train a network, the CNN of TensorFlow's tutorial if none is named, and evaluate it on the test set
    Train(Box<train::Train>),
    /// Evaluate weights on the test set
    Eval(eval::Eval),
    /// Print the most probable classes of pictures
    Predict(predict::Predict),
    /// Run the report's three experiments on CIFAR-10, and compare with the report and with Keras
    Reproduce(reproduce::Reproduce),
    /// Write trained weights for other programs: ONNX, Keras, NumPy, safetensors
    Export(export::Export),
    /// Take over weights of other programs: safetensors, NumPy, Keras
    Import(import::Import),
    /// Print the network's layers, and on request what the device is told to do
    Summary(summary::Summary),
    /// List the networks that --model knows by name
    Models(models::Models),
    /// Measure how to compute each matrix product on the adapter, for later runs
    Tune(tuning::Tune),
    /// Check that every kernel computes right on the adapter
    SelfTest(self_test::SelfTestCommand),
    /// List the adapters
    Devices(devices::Devices),
    /// List what wgrad keeps for later runs: data sets, measured choices, compiled shaders; `clear` deletes it
    Cache(cache::Cache),
}

impl Command {
    fn opens_an_adapter(&self) -> bool {
        !matches!(self, Self::Export(_) | Self::Import(_) | Self::Models(_) | Self::Cache(_))
    }
}

/// Tells the software driver, which is not loaded yet, how many bits to compute at once.
fn prepare_driver() {
    for (name, value) in vector_width::variables() {
        // SAFETY: `run`, which `main` calls, calls this before anything else starts a thread, so no other thread runs that could read or change
        // the environment.
        #[allow(unsafe_code)]
        unsafe {
            env::set_var(name, value);
        }
    }
}

/// Runs the command of this process's arguments. It is called once, before the process has other threads.
pub fn run() -> anyhow::Result<ExitCode> {
    // wgpu and naga report errors to wgrad directly; what they log besides is about the driver.
    let filter = "warn,wgpu=error,wgpu_core=error,wgpu_hal=off,naga=error";
    env_logger::Builder::from_env(env_logger::Env::default().default_filter_or(filter)).init();
    if vector_width::is_trial() {
        return width_trial::run();
    }
    let command = Cli::try_parse().unwrap_or_else(|error| misread::in_plain_words(error).exit()).command;
    if command.opens_an_adapter() {
        prepare_driver();
    }
    match command {
        Command::Train(train) => train.run(),
        Command::Eval(eval) => eval.run(),
        Command::Predict(predict) => predict.run(),
        Command::Reproduce(reproduce) => reproduce.run(),
        Command::Export(export) => export.run(),
        Command::Import(import) => import.run(),
        Command::Summary(summary) => summary.run(),
        Command::Models(models) => models.run(),
        Command::Tune(tune) => tune.run(),
        Command::SelfTest(self_test) => self_test.run(),
        Command::Devices(devices) => devices.run(),
        Command::Cache(cache) => cache.run(),
    }
}
