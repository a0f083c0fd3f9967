//! `wgrad reproduce`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use clap::Args;
use serde::{Deserialize, Serialize};
use wgrad::data::{Choice, DataSpec, cifar::CIFAR10};
use wgrad::file;
use wgrad::report::{to_html, to_markdown};
use wgrad::train::{Checkpoints, Ending, Execution, History, OutputDir, RunSpec};

use super::exit_code::INTERRUPTED;
use super::experiments::{ALL, Experiment};
use super::options::DeviceOptions;
use super::reproduction_report::{KerasRuns, ReproductionReport, Run as Measured};
use super::resume::{Resumed, words};
use super::run::Run;
use super::terminal::{note, say};

/// The file that says which run a directory has. It is written when the run is complete.
const RUN: &str = "run.json";

/// What earlier versions of wgrad wrote in its place.
const COMMAND: &str = "command.json";

/// Longest file of a run that is read, in bytes.
const MOST_BYTES: u64 = 1 << 20;

/// What Keras made of the experiments: see benches/peers/keras_experiments.py.
const KERAS: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/keras_experiments.json"));

/// Options of `wgrad reproduce`.
#[derive(Debug, Args)]
#[command(after_help = "Example: wgrad reproduce --data-dir cifar-10-batches-bin --runs 3")]
pub struct Reproduce {
    /// Directory of CIFAR-10's binary files
    #[arg(long, value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// How often each experiment is run, with the seeds 0, 1, ...; the table has the means
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u8).range(1..))]
    runs: u8,
    /// Run also the attempts as the report's text describes them: from initial weights
    #[arg(long)]
    as_written: bool,
    /// Train on the first images only, to try the command out
    #[arg(long, value_name = "IMAGES")]
    limit: Option<usize>,
    #[command(flatten)]
    device: DeviceOptions,
    /// Directory of the runs; experiments that are in it already are not run again
    #[arg(long, value_name = "DIR", default_value = "runs/reproduce")]
    out: PathBuf,
}

/// What `run.json` holds.
#[derive(Serialize, Deserialize)]
struct Made {
    spec: RunSpec,
    execution: Execution,
}

impl Reproduce {
    /// Runs the experiments that are missing, and compares.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let keras: KerasRuns = serde_json::from_str(KERAS)?;
        let experiments: Vec<&Experiment> = ALL.iter().filter(|e| self.as_written || !e.as_written).collect();
        let out = OutputDir::create(&self.out, 1 << 19)?;
        let files = experiments.iter().flat_map(|e| [e.model, e.append]).flatten();
        let files = files.map(|(name, text)| (name, text.as_bytes()));
        out.write(&files.collect::<Vec<_>>())?;
        let mut measured: BTreeMap<&str, Vec<Measured>> = BTreeMap::new();
        for run in 0..self.runs {
            for experiment in &experiments {
                let directory = self.directory(run, experiment.directory);
                let made = self.run_of(run, experiment);
                if !made.is_in(&directory)? {
                    let (name, description) = (experiment.name, experiment.description);
                    say(&format!("\n{name}, run {} of {}, with seed {run}: {description}", run + 1, self.runs));
                    let json = serde_json::to_string_pretty(&made)?;
                    if made.train(&directory)? == Ending::Interrupted {
                        note("interrupted; the same command resumes it");
                        return Ok(INTERRUPTED.into());
                    }
                    OutputDir::create(&directory, json.len())?.write(&[(RUN, json.as_bytes())])?;
                }
                measured.entry(experiment.name).or_default().push(finished(&directory)?);
            }
        }
        let json = serde_json::to_string_pretty(&measured)?;
        let report = ReproductionReport { experiments, keras, runs: measured };
        say(&format!("\n{}\n", report.table()));
        let document = report.document()?;
        let mut files = vec![
            ("reproduction.html".to_owned(), to_html(&document).into_bytes()),
            ("reproduction.md".to_owned(), to_markdown(&document).into_bytes()),
            ("reproduction.json".to_owned(), json.into_bytes()),
        ];
        files.extend(document.attachments());
        out.write(&files.iter().map(|(name, bytes)| (name.as_str(), &bytes[..])).collect::<Vec<_>>())?;
        say(&format!("reproduction.html, .md and .json, and a directory for each run are in {}", self.out.display()));
        Ok(ExitCode::SUCCESS)
    }

    fn directory(&self, run: u8, experiment: &str) -> PathBuf {
        self.out.join(format!("run_{run}")).join(experiment)
    }

    /// The run of an experiment.
    fn run_of(&self, run: u8, experiment: &Experiment) -> Made {
        let file = |(name, _): (&str, &str)| self.out.join(name);
        let mut made = Made { spec: RunSpec::default(), execution: Execution::default() };
        self.device.update(&mut made.spec, &mut made.execution);
        made.spec = RunSpec {
            data: DataSpec {
                dataset: Choice::Published(&CIFAR10),
                data_dir: self.data_dir.clone(),
                ..DataSpec::default()
            },
            epochs: experiment.epochs,
            seed: run.into(),
            from: experiment.starts_from.map(|before| self.directory(run, before).join("weights.safetensors")),
            model: experiment.model.map(file),
            append: experiment.append.map(file),
            limit: self.limit,
            ..made.spec
        };
        made
    }
}

impl Made {
    /// Trains it in `directory`, or resumes it there if it was stopped.
    fn train(self, directory: &Path) -> anyhow::Result<Ending> {
        let Self { spec, execution } = self;
        let begun = Checkpoints::newest(directory).is_ok_and(|(checkpoint, _)| checkpoint.is_some());
        let resumed = begun.then(|| Resumed::open(directory)).transpose()?;
        if let Some(resumed) = &resumed {
            resumed.check(&spec)?;
        }
        Run { spec, execution, out: directory.into(), tensorboard: None, overwrite: false, resumed }.train()
    }

    /// Whether `directory` has all of this run.
    fn is_in(&self, directory: &Path) -> anyhow::Result<bool> {
        let place = directory.display();
        if directory.join(COMMAND).exists() {
            bail!("{place} was made by an earlier version of wgrad; delete it, or name another --out");
        }
        let path = directory.join(RUN);
        let Ok(text) = file::read_text(&path, MOST_BYTES) else { return Ok(false) };
        let found: Self = serde_json::from_str(&text)
            .map_err(|error| anyhow!("{}: {error}; delete it to run again", path.display()))?;
        if let Some(difference) = found.spec.differences(&self.spec)?.first() {
            let (given, begun) = words(difference);
            bail!("{given}: {place} was made {begun}; delete it, or name another --out");
        }
        if found.execution != self.execution {
            bail!("{place} was made on another adapter; delete it, or name another --out");
        }
        Ok(true)
    }
}

fn finished(directory: &Path) -> anyhow::Result<Measured> {
    let path = directory.join("history.json");
    let wrong = |error: String| anyhow!("{}: {error}; delete {} to run again", path.display(), directory.display());
    let text = file::read_text(&path, MOST_BYTES).map_err(|error| wrong(error.to_string()))?;
    let History { epochs, evaluation, .. } = History::from_json(&text).map_err(wrong)?;
    let evaluation = evaluation.ok_or_else(|| wrong("the run is not finished".into()))?;
    Ok(Measured {
        train_accuracy: epochs.iter().map(|row| row.accuracy).collect(),
        test_accuracy: evaluation.accuracy,
        test_loss: evaluation.loss,
        epochs,
    })
}
