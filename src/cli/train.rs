//! `wgrad train`

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use wgrad::train::{CheckpointInterval, Ending, Execution, RunRecord, RunSpec, TuningSource};

use super::class_names::ClassNames;
use super::exit_code::INTERRUPTED;
use super::model_options::StartOptions;
use super::operation_options::OperationOptions;
use super::options::{DataOptions, DeviceOptions, update, update_some};
use super::resume::Resumed;
use super::run::Run;
use super::terminal::note;
use super::training_options::TrainingOptions;

/// Most bytes of a file of settings.
const MOST_CONFIG: u64 = 1 << 20;

/// Options of `wgrad train`.
#[derive(Debug, Args)]
#[command(after_help = "Example: wgrad train --epochs 3 --out runs/short")]
pub struct Train {
    #[command(flatten)]
    start: StartOptions,
    #[command(flatten)]
    class_names: ClassNames,
    /// Passes over the training images [default: 10]
    #[arg(long)]
    epochs: Option<u32>,
    /// Images of a minibatch [default: 32]
    #[arg(long, value_name = "IMAGES")]
    batch_size: Option<u32>,
    #[command(flatten)]
    training: TrainingOptions,
    /// Chooses the initial weights and the order of the images [default: 0]
    #[arg(long)]
    seed: Option<u64>,
    #[command(flatten)]
    data: DataOptions,
    /// Train on the first images only; the test set stays whole
    #[arg(long, value_name = "IMAGES")]
    limit: Option<usize>,
    /// Use this share of the training images of each class, after --limit, as validation images: each epoch is
    /// evaluated and chosen by them, and the test set is evaluated once, at the end
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    validation_split: Option<f64>,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    operations: OperationOptions,
    /// Measure how to compute each matrix product before training, as `wgrad tune` does
    #[arg(long, conflicts_with = "tuning")]
    tune: bool,
    /// Where measured choices for the matrix products come from: `auto` takes those of an earlier `wgrad tune` on this
    /// adapter, `none` takes none, and the config.json of a run repeats the choices of that run [default: auto]
    #[arg(long, value_name = "auto|none|FILE")]
    tuning: Option<TuningSource>,
    /// Training steps submitted together, 1 to 8; as many as a tenth of a second holds if left out
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u8).range(1..=8))]
    steps_per_submit: Option<u8>,
    /// Directory for weights, history and settings; the files of an earlier run there are replaced if it was finished
    /// [default: runs/latest]
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// File of settings (TOML) whose keys are the options that decide what is computed, such as `batch_size = 64`; options
    /// beside it change them
    #[arg(long, value_name = "FILE", conflicts_with = "resume")]
    config: Option<PathBuf>,
    /// Resume the run in this directory with its options; `--epochs`, `--out` and others that don't change what is
    /// computed may be given anew
    #[arg(long, value_name = "DIR")]
    resume: Option<PathBuf>,
    /// Steps or seconds between two checkpoints, which hold everything that --resume needs: 500, or 60s [default: 60s]
    #[arg(long, value_name = "STEPS|SECONDSs")]
    checkpoint_every: Option<CheckpointInterval>,
    /// Begin anew if --out has a run that was stopped
    #[arg(long, conflicts_with = "resume")]
    overwrite: bool,
    /// Measure where the time goes: print a table of the dispatches, and write profile.json, and trace.json for
    /// Perfetto
    #[arg(long)]
    profile: bool,
    /// Do not write the report: report.html, report.md, plots, and the mistakes that the network was most sure of
    #[arg(long)]
    no_report: bool,
    /// Directory for TensorBoard's event files; none are written if left out
    #[arg(long, value_name = "DIR")]
    tensorboard: Option<PathBuf>,
}

impl Train {
    /// Trains as the options say.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        Ok(match self.described()?.train()? {
            Ending::Interrupted => INTERRUPTED.into(),
            Ending::Finished | Ending::Enough => ExitCode::SUCCESS,
        })
    }

    /// The run that the options describe.
    fn described(self) -> anyhow::Result<Run> {
        let Some(directory) = &self.resume else {
            let (mut spec, mut execution) = (self.config()?, Execution::default());
            self.update(&mut spec, &mut execution);
            let out = self.out.unwrap_or_else(|| "runs/latest".into());
            let (tensorboard, overwrite) = (self.tensorboard, self.overwrite);
            return Ok(Run { spec, execution, out, tensorboard, overwrite, resumed: None });
        };
        let resumed = Resumed::open(directory)?;
        let RunRecord { mut spec, mut execution, tensorboard, .. } = resumed.record().clone();
        self.update(&mut spec, &mut execution);
        resumed.check(&spec)?;
        if let (Some(place), None) = (tensorboard, &self.tensorboard) {
            note(&format!("TensorBoard's files are not continued; add --tensorboard {place} to continue them"));
        }
        let out = self.out.unwrap_or_else(|| directory.clone());
        Ok(Run { spec, execution, out, tensorboard: self.tensorboard, overwrite: false, resumed: Some(resumed) })
    }

    /// What the file of settings says.
    fn config(&self) -> anyhow::Result<RunSpec> {
        let Some(path) = &self.config else { return Ok(RunSpec::default()) };
        let text = wgrad::file::read_text(path, MOST_CONFIG).map_err(|error| {
            let words = format!("cannot read {}: {error}; give a file of settings for --config", path.display());
            anyhow::Error::new(error).context(words)
        })?;
        // Its own error type would make it a file that is damaged, of which there is a kind for each format.
        RunSpec::from_toml(&text).map_err(|reason| {
            let words = format!("{}, given with --config: {reason}", path.display());
            anyhow::Error::new(std::io::Error::new(std::io::ErrorKind::InvalidData, reason)).context(words)
        })
    }

    /// Changes in `spec` and `execution` what the options say.
    fn update(&self, spec: &mut RunSpec, execution: &mut Execution) {
        self.start.update(spec);
        spec.ignore_class_names |= self.class_names.ignore_class_names;
        self.training.update(spec);
        self.data.update(&mut spec.data);
        self.device.update(spec, execution);
        self.operations.update(spec);
        update(&mut spec.epochs, self.epochs.map(|epochs| epochs as usize));
        update(&mut spec.batch_size, self.batch_size.map(|images| images as usize));
        update(&mut spec.seed, self.seed);
        update_some(&mut spec.limit, self.limit);
        update_some(&mut spec.validation_split, self.validation_split);
        update(&mut spec.tuning, self.tuning.clone());
        update_some(&mut execution.steps_per_submit, self.steps_per_submit);
        update(&mut execution.checkpoint_every, self.checkpoint_every);
        spec.tune |= self.tune;
        execution.profile |= self.profile;
        execution.report &= !self.no_report;
    }
}
