//! `wgrad reproduce`

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{anyhow, bail};
use clap::{Args, Command};
use serde::{Deserialize, Serialize};
use wgrad::file;
use wgrad::report::{to_html, to_markdown};
use wgrad::train::{Checkpoints, Ending, History, OutputDir};

use super::experiments::{ALL, Experiment};
use super::options::DeviceOptions;
use super::reproduction_report::{KerasRuns, ReproductionReport, Run};
use super::train::{self, Train};
use super::{INTERRUPTED, note, say};

/// Says by which command a directory's run was made, once it is whole.
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

#[derive(PartialEq, Serialize, Deserialize)]
struct Made {
    command: Vec<String>,
}

impl Reproduce {
    /// Runs the experiments that are missing, and compares.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let keras: KerasRuns = serde_json::from_str(KERAS)?;
        let experiments: Vec<&Experiment> = ALL.iter().filter(|e| self.as_written || !e.as_written).collect();
        let out = OutputDir::create(&self.out, 1 << 19)?;
        let files = experiments.iter().filter_map(|e| e.model.map(|(_, name, text)| (name, text.as_bytes())));
        out.write(&files.collect::<Vec<_>>())?;
        let mut measured: BTreeMap<&str, Vec<Run>> = BTreeMap::new();
        for run in 0..self.runs {
            for experiment in &experiments {
                let directory = self.directory(run, experiment.directory);
                let command = self.command(run, experiment);
                if !is_made_by(&directory, &command)? {
                    let (name, words) = (experiment.name, command.join(" "));
                    say(&format!("\n{name}, run {} of {}: wgrad {words}", run + 1, self.runs));
                    if train(&command, &directory)? == Ending::Interrupted {
                        note("interrupted; the same command goes on from here");
                        return Ok(INTERRUPTED.into());
                    }
                    let made = serde_json::to_string_pretty(&Made { command })?;
                    OutputDir::create(&directory, made.len())?.write(&[(COMMAND, made.as_bytes())])?;
                }
                measured.entry(experiment.name).or_default().push(finished(&directory)?);
            }
        }
        let json = serde_json::to_string_pretty(&measured)?;
        let report = ReproductionReport { experiments, keras, runs: measured };
        say(&format!("\n{}\n", report.table()));
        let document = report.document().map_err(wgrad::Error::from)?;
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

    /// The arguments of `wgrad` that an experiment is.
    fn command(&self, run: u8, experiment: &Experiment) -> Vec<String> {
        let path = |path: &Path| path.display().to_string();
        let mut command = vec!["train".to_owned()];
        let mut option = |name: &str, value: String| command.extend([name.to_owned(), value]);
        option("--dataset", "cifar10".into());
        option("--epochs", experiment.epochs.to_string());
        option("--seed", run.to_string());
        if let Some(before) = experiment.starts_from {
            option("--from", path(&self.directory(run, before).join("weights.safetensors")));
        }
        if let Some((name, file, _)) = experiment.model {
            option(name, path(&self.out.join(file)));
        }
        if let Some(directory) = &self.data_dir {
            option("--data-dir", path(directory));
        }
        if let Some(limit) = self.limit {
            option("--limit", limit.to_string());
        }
        self.device.spell_out(&mut option);
        option("--out", path(&self.directory(run, experiment.directory)));
        command
    }
}

/// Runs a command of `wgrad train`, or goes on with it where it was stopped.
fn train(command: &[String], directory: &Path) -> anyhow::Result<Ending> {
    let mut words = command.to_vec();
    if Checkpoints::newest(directory).is_ok_and(|(checkpoint, _)| checkpoint.is_some()) {
        words.extend(["--resume".to_owned(), directory.display().to_string()]);
    }
    train::train(&Train::augment_args(Command::new("train")).try_get_matches_from(words)?)
}

/// Whether the directory holds the whole run of a command.
fn is_made_by(directory: &Path, command: &[String]) -> anyhow::Result<bool> {
    let path = directory.join(COMMAND);
    let Ok(text) = file::read_text(&path, MOST_BYTES) else { return Ok(false) };
    let Made { command: found } =
        serde_json::from_str(&text).map_err(|error| anyhow!("{}: {error}; delete it to run again", path.display()))?;
    if found != command {
        let found = found.join(" ");
        bail!("{} was made by `wgrad {found}`; delete it, or name another --out", directory.display());
    }
    Ok(true)
}

fn finished(directory: &Path) -> anyhow::Result<Run> {
    let path = directory.join("history.json");
    let wrong = |error: String| anyhow!("{}: {error}; delete {} to run again", path.display(), directory.display());
    let text = file::read_text(&path, MOST_BYTES).map_err(|error| wrong(error.to_string()))?;
    let History { epochs, evaluation, .. } = History::from_json(&text).map_err(wrong)?;
    let evaluation = evaluation.ok_or_else(|| wrong("the run is not finished".into()))?;
    Ok(Run {
        train_accuracy: epochs.iter().map(|row| row.accuracy).collect(),
        test_accuracy: evaluation.accuracy,
        test_loss: evaluation.loss,
        epochs,
    })
}
