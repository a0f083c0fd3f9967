//! `wgrad train`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, bail};
use clap::{ArgMatches, Args, FromArgMatches};
use wgrad::data::Dataset;
use wgrad::exchange::Weights;
use wgrad::exec::{Executor, Options};
use wgrad::model::Sequential;
use wgrad::train::{
    Checkpoint, CheckpointInterval, Checkpoints, Ending, EpochWeights, History, LearningRateSchedule, OutputDir, Phase,
    Progress, RunConfig, TensorBoard, Timeline, TrainError, Trainer, evaluate, evaluation_line,
};

use super::callbacks::Callbacks;
use super::layer_table::layer_table;
use super::model_options::{Start, StartOptions};
use super::options::{BatchSize, DataOptions, DeviceOptions, adapter_line, dataset_line};
use super::profile::{ROOM_FOR_PROFILE, write_profile};
use super::report::{Finished, room_for_report};
use super::resume::{Resumed, RunSettings};
use super::training_options::TrainingOptions;
use super::tuning;
use super::{INTERRUPTED, note, say, units};

/// Bytes that history and settings take, generously.
const ROOM_FOR_TEXT: usize = 1 << 16;

/// Room for checkpoints, in weights: three files, each of parameters, two moments, and the best weights.
const CHECKPOINTS_IN_WEIGHTS: usize = 12;

/// Options of `wgrad train`.
#[derive(Debug, Args)]
#[command(after_help = "Example: wgrad train --epochs 3 --out runs/short")]
pub struct Train {
    #[command(flatten)]
    start: StartOptions,
    /// Passes over the training images
    #[arg(long, default_value_t = 10)]
    epochs: u32,
    #[command(flatten)]
    batch_size: BatchSize,
    #[command(flatten)]
    training: TrainingOptions,
    /// Chooses the initial weights and the order of the images
    #[arg(long, default_value_t = 0)]
    seed: u64,
    #[command(flatten)]
    data: DataOptions,
    /// Train on the first images only; the test set stays whole
    #[arg(long, value_name = "IMAGES")]
    limit: Option<usize>,
    #[command(flatten)]
    device: DeviceOptions,
    /// Measure how to compute each matrix product before training, as `wgrad tune` does
    #[arg(long, conflicts_with = "tuning")]
    tune: bool,
    /// Measured choices: `auto` are those of an earlier `wgrad tune` on this adapter, `none` leaves all to a rule, and
    /// the config.json of a run repeats it
    #[arg(long, value_name = "auto|none|FILE", default_value = "auto")]
    tuning: String,
    /// Training steps submitted together, 1 to 8; as many as a tenth of a second holds if left out
    #[arg(long, value_name = "STEPS", value_parser = clap::value_parser!(u8).range(1..=8))]
    steps_per_submit: Option<u8>,
    /// Directory for weights, history and settings; those of an earlier run there are replaced, if it was finished
    #[arg(long, value_name = "DIR", default_value = "runs/latest")]
    out: PathBuf,
    /// Go on with the run in this directory, with its options; `--epochs`, `--out` and others that don't change what is
    /// computed may be given anew
    #[arg(long, value_name = "DIR")]
    resume: Option<PathBuf>,
    /// Steps, or seconds, after which everything that --resume needs is written: 500, or 60s
    #[arg(long, value_name = "STEPS|SECONDSs", default_value_t)]
    checkpoint_every: CheckpointInterval,
    /// Begin anew where --out has a run that was stopped
    #[arg(long, conflicts_with = "resume")]
    overwrite: bool,
    /// Measure where the time goes: a table of each dispatch, profile.json, and trace.json for Perfetto
    #[arg(long)]
    profile: bool,
    /// Leave out the report: report.html, report.md, plots and the pictures most surely mistaken
    #[arg(long)]
    no_report: bool,
    /// Directory for TensorBoard's event files, one for each run; none are written if left out
    #[arg(long, value_name = "DIR")]
    tensorboard: Option<PathBuf>,
}

/// Trains as the options of a command say.
pub fn run(matches: &ArgMatches) -> anyhow::Result<ExitCode> {
    Ok(match train(matches)? {
        Ending::Interrupted => INTERRUPTED.into(),
        Ending::Finished | Ending::Enough => ExitCode::SUCCESS,
    })
}

/// As [`run`]; says how it ended.
pub fn train(matches: &ArgMatches) -> anyhow::Result<Ending> {
    let Some(directory) = matches.get_one::<PathBuf>("resume") else {
        return Train::from_arg_matches(matches)?.train(matches, None);
    };
    let (resumed, matches) = Resumed::open(directory, matches)?;
    Train::from_arg_matches(&matches)?.train(&matches, Some(resumed))
}

impl Train {
    /// Trains, evaluates and writes the files.
    fn train(self, matches: &ArgMatches, resumed: Option<Resumed>) -> anyhow::Result<Ending> {
        let batch_size = self.check()?;
        let dataset = self.limited(self.data.open()?)?;
        self.training.check_images(dataset.image_shape)?;
        let gpu = Arc::new(self.device.open()?);
        let start = match &resumed {
            Some(resumed) => {
                resumed.check_data(&dataset)?;
                resumed.compare(&gpu);
                Start::resumed(&resumed.settings)?
            }
            None => self.start.open(dataset.image_shape, dataset.class_names.len())?,
        };
        let model = start.model.clone();
        let layers = model.summary().map_err(wgrad::Error::from)?;
        let weight_bytes = 4 * layers.iter().map(|layer| layer.parameters).sum::<usize>();
        let weight_files = 1 + self.training.keep_weights.files() + CHECKPOINTS_IN_WEIGHTS;
        let epochs = self.epochs as usize;
        let room = weight_files * weight_bytes
            + ROOM_FOR_TEXT
            + if self.profile { ROOM_FOR_PROFILE } else { 0 }
            + if self.no_report { 0 } else { room_for_report(&dataset, epochs) };
        let out = OutputDir::create(&self.out, room)?;
        if resumed.is_none() && !self.overwrite {
            no_unfinished_run(&self.out)?;
        }
        say(&adapter_line(gpu.info()));
        say(&dataset_line(&dataset));
        say(&layer_table(&layers));

        let mut options = Options {
            batch_size,
            seed: self.seed,
            adam: self.training.adam(),
            micro_kernel: self.device.micro_kernel(),
            build: self.training.build(),
            ..Options::default()
        };
        options.build.tuning = match &resumed {
            Some(resumed) => tuning::of_run(&resumed.settings.products, &gpu),
            None if self.tune => tuning::measure(&gpu, &model, &options)?,
            None => tuning::load(&self.tuning, &gpu, &model, &options)?,
        };
        let stop = stop_on_signals()?;
        let timeline = self.profile.then(|| Timeline::watch(&gpu));
        let mut executor = Executor::new(gpu, &model, options)?;
        let training = self.training.config(start.from());
        start.load(&mut executor)?;
        let config = RunConfig::new(epochs, training, (&model, &executor), &dataset, self.limit);
        let config = config.map_err(wgrad::Error::from)?;
        say(&format!("Memory on the device: {}", units::bytes(executor.device_bytes())));

        let mut history = History::new(&dataset.name);
        let schedule = config.training.learning_rate_schedule;
        let mut progress = Progress::new().learning_rate(schedule != LearningRateSchedule::Constant);
        let mut callbacks = Callbacks::new(&config.training, &out, &model, &dataset);
        let mut tensorboard = self.tensorboard.as_deref().map(TensorBoard::create).transpose()?;
        let settings = RunSettings::new(&config, matches).to_value()?;
        match &resumed {
            Some(resumed) => {
                let position = &resumed.checkpoint.position;
                say(&format!("Going on after step {} of epoch {}", position.step, position.epoch));
                EpochWeights::copy(&resumed.directory, &out)?;
            }
            None => Checkpoints::delete(&out)?,
        }
        let mut trainer = Trainer::new(&mut executor, &dataset, self.seed, stop)
            .steps_per_submit(self.steps_per_submit.map(usize::from))
            .checkpoints(Checkpoints::new(&out, self.checkpoint_every, settings))
            .observe(&mut progress)
            .observe(&mut history)
            .time(timeline.as_deref());
        if let Some(tensorboard) = &mut tensorboard {
            trainer = trainer.observe(tensorboard);
        }
        trainer = callbacks.observe(trainer);
        if let Some(resumed) = resumed {
            trainer = trainer.resume(resumed.checkpoint)?;
        }
        let mut ending = trainer.fit(epochs).inspect_err(|error| say_what_is_kept(&out, error))?;
        drop(progress);
        callbacks.report(ending == Ending::Interrupted);
        if ending != Ending::Interrupted {
            let _inside = timeline.as_ref().map(|timeline| timeline.enter(Phase::Evaluation));
            let evaluation = evaluate(&mut executor, &dataset.test, stop);
            history.evaluation = evaluation.inspect_err(|error| say_what_is_kept(&out, error))?;
            if history.evaluation.is_none() {
                ending = Ending::Interrupted;
            }
        }
        write_files(&out, &mut executor, &model, &dataset, &history, &config)?;
        report(&out, &dataset, &history, epochs);
        let finished = Finished { history: &history, config: &config, layers: &layers, dataset: &dataset };
        finished.write((!self.no_report).then_some(&out), tensorboard.as_mut(), &mut executor, stop)?;
        // After the files, because it goes on to change the weights.
        if let Some(timeline) = timeline.filter(|_| history.evaluation.is_some()) {
            write_profile(&out, &executor, &timeline)?;
        }
        Ok(ending)
    }

    /// The batch size, once all numbers make sense.
    fn check(&self) -> anyhow::Result<usize> {
        if self.epochs == 0 {
            bail!("--epochs is 0; give 1 or more");
        }
        if self.limit == Some(0) {
            bail!("--limit is 0; give 1 or more images, or leave it out to train on all");
        }
        self.training.check(self.epochs as usize)?;
        self.batch_size.get()
    }

    /// The set, with no more training images than asked for.
    fn limited(&self, dataset: Dataset) -> anyhow::Result<Dataset> {
        let Some(limit) = self.limit else { return Ok(dataset) };
        let images = dataset.train.len();
        if limit > images {
            bail!("--limit is {limit}, but {} has {images} training images; leave it out to use all", dataset.name);
        }
        Ok(Dataset { train: Arc::new(dataset.train.take(limit)), ..dataset })
    }
}

/// How to go on, where the run itself could.
fn say_what_is_kept(out: &OutputDir, error: &wgrad::Error) {
    let diverged = matches!(error, wgrad::Error::Train(TrainError::NotFinite { .. }));
    if let Ok((Some(Checkpoint { position, state, .. }), _)) = Checkpoints::newest(out.path())
        && !diverged
        && state.updates > 0
    {
        let (step, epoch, out) = (position.step, position.epoch, out.path().display());
        note(&format!("kept up to step {step} of epoch {epoch}; `wgrad train --resume {out}` goes on"));
    }
}

/// A run that was stopped is not to be lost because its command is given once more.
fn no_unfinished_run(out: &Path) -> Result<(), wgrad::Error> {
    let Ok((Some(checkpoint), _)) = Checkpoints::newest(out) else { return Ok(()) };
    let position = checkpoint.position;
    if position.finished || checkpoint.state.updates == 0 {
        return Ok(());
    }
    Err(TrainError::Unfinished { path: out.into(), epoch: position.epoch, step: position.step }.into())
}

/// A flag that Ctrl-C and a request to terminate set. The second one ends the process, for a step that never does.
fn stop_on_signals() -> anyhow::Result<&'static AtomicBool> {
    static STOP: AtomicBool = AtomicBool::new(false);
    static LISTENING: AtomicBool = AtomicBool::new(false);
    let handler = || {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED.into());
        }
    };
    // A process may train several times, but listens once.
    if !LISTENING.swap(true, Ordering::Relaxed) {
        ctrlc::set_handler(handler).context("cannot listen for Ctrl-C; try again")?;
    }
    Ok(&STOP)
}

fn write_files(
    out: &OutputDir,
    executor: &mut Executor,
    model: &Sequential,
    dataset: &Dataset,
    history: &History,
    config: &RunConfig,
) -> anyhow::Result<()> {
    let gpu = executor.gpu().clone();
    let tensors = gpu.block_on(executor.parameters())?;
    let weights = Weights { tensors, model: Some(model.clone()), class_names: dataset.class_names.clone() };
    let weights = weights.to_bytes().map_err(wgrad::Error::from)?;
    let (csv, json, config) = (history.to_csv()?, history.to_json()?, config.to_json()?);
    out.write(&[
        ("weights.safetensors", &weights),
        ("history.csv", &csv),
        ("history.json", json.as_bytes()),
        ("config.json", config.as_bytes()),
    ])?;
    Ok(())
}

fn report(out: &OutputDir, dataset: &Dataset, history: &History, epochs: usize) {
    let files =
        format!("weights.safetensors, history.csv, history.json and config.json are in {}", out.path().display());
    match &history.evaluation {
        Some(evaluation) => {
            say(&format!("Test set of {}:", dataset.name));
            say(&evaluation_line(evaluation, dataset.class_names.len()));
            say(&files);
        }
        None => {
            let (finished, place) = (history.epochs.len(), out.path().display());
            note(&format!(
                "interrupted: {finished} of {epochs} epochs were finished; `wgrad train --resume {place}` goes on"
            ));
            say(&files);
        }
    }
}
