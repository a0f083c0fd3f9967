//! Going on with a run that was stopped.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use anyhow::bail;
use clap::parser::ValueSource;
use clap::{ArgMatches, Args, Command};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use wgrad::data::Dataset;
use wgrad::gpu::Gpu;
use wgrad::graph::Tuning;
use wgrad::train::{AdapterConfig, Checkpoint, Checkpoints, RunConfig, TrainError};

use super::note;
use super::train::Train;

const TENSORBOARD: &str = "tensorboard";

/// Options that may differ when a run goes on: how long it is, where its data and files are, and what is shown of it.
const MAY_CHANGE: [&str; 12] = [
    "resume",
    "epochs",
    "out",
    "dataset",
    "data-dir",
    "adapter",
    "backend",
    "steps-per-submit",
    "checkpoint-every",
    "profile",
    "no-report",
    TENSORBOARD,
];

/// What a run was begun with, as far as its options don't tell: what its checkpoints hold.
#[derive(Debug, Serialize, Deserialize)]
pub struct RunSettings {
    /// Options that were given, and their values.
    options: BTreeMap<String, Option<String>>,
    /// wgrad's version.
    wgrad: String,
    /// SHA-256 of the data.
    dataset: String,
    adapter: AdapterConfig,
    /// How each matrix product is computed.
    pub products: Tuning,
    /// The network as a model file.
    pub model: String,
    /// The file of the weights that it started from.
    pub from: Option<String>,
}

/// A run that goes on.
#[derive(Debug)]
pub struct Resumed {
    /// Its directory.
    pub directory: PathBuf,
    /// Where it stands.
    pub checkpoint: Checkpoint,
    /// What it was begun with.
    pub settings: RunSettings,
}

impl RunSettings {
    /// What `config` says, and the options in `matches`.
    pub fn new(config: &RunConfig, matches: &ArgMatches) -> Self {
        Self {
            options: given(matches),
            wgrad: config.wgrad.into(),
            dataset: config.dataset.checksum.clone(),
            adapter: config.adapter.clone(),
            products: config.products.clone(),
            model: config.model.clone(),
            from: config.training.from.clone(),
        }
    }

    /// As a checkpoint holds them.
    pub fn to_value(&self) -> anyhow::Result<Value> {
        Ok(serde_json::to_value(self)?)
    }
}

impl Resumed {
    /// Reads the newest whole checkpoint in `directory`, and says which ones are damaged. Returns the options that the run
    /// goes on with too: those that it was begun with, and those in `matches` that may change.
    pub fn open(directory: &Path, matches: &ArgMatches) -> anyhow::Result<(Self, ArgMatches)> {
        let (checkpoint, damaged) = Checkpoints::newest(directory).map_err(wgrad::Error::from)?;
        for error in &damaged {
            if let TrainError::Checkpoint { path, reason } = error {
                let path = path.display();
                note(&format!("warning: checkpoint {path} can't be used: {reason}; the one before it is taken"));
            }
        }
        let Some(mut checkpoint) = checkpoint else {
            return Err(wgrad::Error::from(TrainError::NoCheckpoint { path: directory.into() }).into());
        };
        let unusable = |reason| wgrad::Error::from(TrainError::Checkpoint { path: directory.into(), reason });
        let settings: RunSettings = serde_json::from_value(checkpoint.settings.take())
            .map_err(|error| unusable(format!("its settings can't be read: {error}")))?;
        let begun = parse(&settings.options).map_err(|_| unusable("its options are none of `wgrad train`".into()))?;
        let mut options = settings.options.clone();
        // The only one that writes outside the run's directory, and who made the file may be anybody.
        let events = options.remove(TENSORBOARD).flatten();
        options.insert("out".into(), Some(directory.display().to_string()));
        for (name, value) in given(matches) {
            let raw = |matches: &ArgMatches| raw(matches, &name).map(|values| values.join(", "));
            if !MAY_CHANGE.contains(&&*name) && raw(matches) != raw(&begun) {
                let was = raw(&begun).filter(|_| value.is_some());
                let was = was.map_or(format!("without --{name}"), |was| format!("with {was}"));
                let is = value.map_or(format!("--{name}"), |value| format!("--{name} {value}"));
                let place = directory.display();
                bail!("{is}: the run in {place} was begun {was}; leave it out, or begin another run with --out");
            }
            options.insert(name, value);
        }
        let trained = checkpoint.position.history.len();
        let matches = parse(&options)?;
        match matches.get_one::<u32>("epochs") {
            Some(epochs) if (*epochs as usize) < trained => {
                bail!("--epochs is {epochs}, but the run in {} has {trained}; give more", directory.display())
            }
            _ => {}
        }
        if let (Some(place), None) = (events, raw(&matches, TENSORBOARD)) {
            note(&format!("TensorBoard's files are not gone on with; --{TENSORBOARD} {place} would"));
        }
        Ok((Self { directory: directory.into(), checkpoint, settings }, matches))
    }

    /// Makes sure that the data are those that the run was begun with.
    pub fn check_data(&self, dataset: &Dataset) -> anyhow::Result<()> {
        if dataset.checksum == self.settings.dataset {
            return Ok(());
        }
        bail!(
            "{} is not the data that the run was begun with; name those with --dataset and --data-dir",
            dataset.origin
        )
    }

    /// Says where the bits will not be those of a run that was never stopped.
    pub fn compare(&self, gpu: &Gpu) {
        let RunSettings { adapter: before, wgrad, .. } = &self.settings;
        let now = AdapterConfig::new(gpu.info());
        for (what, before, now) in [
            ("adapter", format!("{}, {}", before.name, before.backend), format!("{}, {}", now.name, now.backend)),
            (
                "driver",
                format!("{} {}", before.driver, before.driver_info),
                format!("{} {}", now.driver, now.driver_info),
            ),
            ("wgrad", wgrad.clone(), env!("CARGO_PKG_VERSION").into()),
        ] {
            if before != now {
                note(&format!(
                    "warning: the run was begun on {what} {before}, and goes on with {now}: not to equal bits"
                ));
            }
        }
    }
}

fn command() -> Command {
    Train::augment_args(Command::new("train"))
}

/// The values that an option has, given or by default.
fn raw(matches: &ArgMatches, name: &str) -> Option<Vec<String>> {
    // clap's name of it is the field's.
    let values = matches.try_get_raw(&name.replace('-', "_")).ok()??;
    Some(values.map(|value| value.to_string_lossy().into_owned()).collect())
}

/// The options on the command line, by name, with their values.
fn given(matches: &ArgMatches) -> BTreeMap<String, Option<String>> {
    let command = command();
    let mut options = BTreeMap::new();
    for argument in command.get_arguments() {
        let id = argument.get_id().as_str();
        let is_given = matches!(matches.try_contains_id(id), Ok(true))
            && matches.value_source(id) == Some(ValueSource::CommandLine);
        if let (true, Some(name)) = (is_given, argument.get_long()) {
            let value = argument.get_action().takes_values().then(|| raw(matches, name).unwrap_or_default());
            options.insert(name.to_owned(), value.map(|values| values.join(",")));
        }
    }
    options
}

fn parse(options: &BTreeMap<String, Option<String>>) -> clap::error::Result<ArgMatches> {
    let words = options.iter().map(|(name, value)| match value {
        Some(value) => OsString::from(format!("--{name}={value}")),
        None => format!("--{name}").into(),
    });
    command().try_get_matches_from(std::iter::once("train".into()).chain(words))
}
