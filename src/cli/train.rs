//! `wgrad train`

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, anyhow, bail};
use clap::Args;
use wgrad::data::Dataset;
use wgrad::exchange::Weights;
use wgrad::exec::Executor;
use wgrad::model::Network;
use wgrad::report::units;
use wgrad::train::{
    Checkpoint, CheckpointInterval, Checkpoints, Ending, EpochWeights, Execution, History, LearningRateSchedule,
    OutputDir, Phase, Progress, RunConfig, RunRecord, RunSpec, TensorBoard, TestResult, Timeline, TrainError, Trainer,
    TuningSource, Validation, evaluation_line,
};

use super::callbacks::Callbacks;
use super::class_names::ClassNames;
use super::exit_code::INTERRUPTED;
use super::layer_table::layer_table;
use super::model_options::{Start, StartOptions, check_data};
use super::options::{
    DataOptions, DeviceOptions, FusionOptions, adapter_line, dataset_line, open_adapter, open_data, update,
    update_some, with_remedy,
};
use super::profile::{ROOM_FOR_PROFILE, write_profile};
use super::report::{Finished, room_for_report};
use super::resume::{Resumed, option};
use super::terminal::{note, say};
use super::training_options::TrainingOptions;
use super::tuning;

/// More bytes than history and settings take.
const ROOM_FOR_TEXT: usize = 1 << 16;

/// Most bytes of a file of settings.
const MOST_CONFIG: u64 = 1 << 20;

/// Checkpoints that there is to be room for: each has the parameters, the slots of the optimizer's state, and the best
/// weights.
const CHECKPOINTS: usize = 3;

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
    fusion: FusionOptions,
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
        self.fusion.update(spec);
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

/// A run to be trained.
#[derive(Debug)]
pub struct Run {
    /// What is computed.
    pub spec: RunSpec,
    /// How it is carried out.
    pub execution: Execution,
    /// The directory of its results.
    pub out: PathBuf,
    /// The directory of TensorBoard's files, if there are to be any.
    pub tensorboard: Option<PathBuf>,
    /// Whether it replaces a run in `out` that was stopped.
    pub overwrite: bool,
    /// Where it was stopped, if it is resumed.
    pub resumed: Option<Resumed>,
}

impl Run {
    /// Trains, evaluates and writes the files.
    pub fn train(self) -> anyhow::Result<Ending> {
        let Self { spec, execution, resumed, .. } = self;
        spec.check().map_err(|error| anyhow!("{} {}", option(error.field), error.problem))?;
        let dataset = prepared(open_data(&spec.data)?, &spec)?;
        spec.build().check(dataset.image_shape).map_err(|error| anyhow!("--augment: {error}"))?;
        let gpu = Arc::new(open_adapter(&execution.adapter())?);
        let start = match &resumed {
            Some(resumed) => {
                resumed.check_data(&dataset)?;
                resumed.compare(&gpu);
                Start::resumed(resumed.record())?
            }
            None => {
                let start = Start::open(&spec, dataset.image_shape, dataset.class_names.len())?;
                check_data(&start.model, &dataset)?;
                start
            }
        };
        let (dataset, line) = match (&start.class_names, &resumed) {
            (_, Some(resumed)) => (resumed.with_its_classes(dataset)?, None),
            (Some(names), None) => {
                ClassNames { ignore_class_names: spec.ignore_class_names }.match_data(names, dataset)?
            }
            (None, None) => (dataset, None),
        };
        let model = start.model.clone();
        let layers = model.summary()?;
        let weight_bytes = 4 * layers.iter().map(|layer| layer.parameters).sum::<usize>();
        let averages = usize::from(spec.ema.is_some());
        let checkpoint = 2 + spec.optimizer().slots().len();
        let weight_files = 1 + averages + spec.keep_weights.files() + CHECKPOINTS * checkpoint;
        let epochs = spec.epochs;
        let room = weight_files * weight_bytes
            + ROOM_FOR_TEXT
            + if execution.profile { ROOM_FOR_PROFILE } else { 0 }
            + if execution.report { room_for_report(&dataset, epochs) } else { 0 };
        let out = OutputDir::create(&self.out, room)?;
        if resumed.is_none() && !self.overwrite {
            no_unfinished_run(&self.out)?;
        }
        say(&adapter_line(gpu.info()));
        say(&dataset_line(&dataset));
        if let Some(line) = line {
            note(&line);
        }
        say(&layer_table(&model)?);

        let mut options = spec.options();
        options.build.tuning = match &resumed {
            Some(resumed) => tuning::of_run(&resumed.record().products, &gpu),
            None if spec.tune => tuning::measure(&gpu, &model, &options)?,
            None => tuning::load(&spec.tuning, &gpu, &model, &options)?,
        };
        let stop = stop_on_signals()?;
        let timeline = execution.profile.then(|| Timeline::watch(&gpu));
        let mut executor = Executor::new(gpu, &model, options)?;
        start.load(&mut executor)?;
        let config = RunConfig::new(&spec, &model, &executor, &dataset)?;
        say(&format!("Memory on the device: {}", units::bytes(executor.device_bytes())));

        let mut history = History::new(&dataset.name, Validation::of(&spec, &dataset));
        let mut progress = Progress::new().learning_rate(spec.lr_schedule != LearningRateSchedule::Constant);
        let mut callbacks = Callbacks::new(&spec, &out, &model, &dataset);
        let mut tensorboard = self.tensorboard.as_deref().map(TensorBoard::create).transpose()?;
        let record = RunRecord {
            spec: spec.clone(),
            execution: execution.clone(),
            tensorboard: match (&self.tensorboard, &resumed) {
                (Some(path), _) => Some(path.display().to_string()),
                (None, resumed) => resumed.as_ref().and_then(|resumed| resumed.record().tensorboard.clone()),
            },
            network: config.model.clone(),
            products: config.products.clone(),
            data_checksum: dataset.checksum.clone(),
            class_names: dataset.class_names.clone(),
            adapter: config.adapter.clone(),
            wgrad: config.wgrad.into(),
        };
        match &resumed {
            Some(resumed) => {
                let position = &resumed.checkpoint.position;
                say(&format!("Resuming after step {} of epoch {}", position.step, position.epoch));
                EpochWeights::copy(&resumed.directory, &out)?;
            }
            None => Checkpoints::delete(&out)?,
        }
        let (mut test_result, predicts) = (None, execution.report || self.tensorboard.is_some());
        let mut trainer = Trainer::new(&mut executor, &dataset, spec.seed, stop)
            .steps_per_submit(execution.steps_per_submit.map(usize::from))
            .checkpoints(Checkpoints::new(&out, execution.checkpoint_every, record))
            .observe(&mut progress)
            .observe(&mut history)
            .test_result(&mut test_result, predicts)
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
        let mut result = test_result.filter(|result| result.is_of(&executor) && ending != Ending::Interrupted);
        if result.is_none() && ending != Ending::Interrupted {
            let _inside = timeline.as_ref().map(|timeline| timeline.enter(Phase::Evaluation));
            let found = TestResult::of(&mut executor, &dataset.test, predicts, stop);
            result = found.inspect_err(|error| say_what_is_kept(&out, error))?;
            if result.is_none() {
                ending = Ending::Interrupted;
            }
        }
        history.evaluation = result.as_ref().map(|result| result.evaluation);
        write_files(&out, &mut executor, &model, &dataset, &history, &config)?;
        report(&out, &dataset, &history, epochs);
        let predictions = result.as_ref().and_then(|result| result.predictions.as_ref());
        let finished = Finished { history: &history, config: &config, layers: &layers, dataset: &dataset, predictions };
        finished.write(execution.report.then_some(&out), tensorboard.as_mut())?;
        // After the files are written, because measuring changes the weights.
        if let Some(timeline) = timeline.filter(|_| history.evaluation.is_some()) {
            write_profile(&out, &executor, &timeline)?;
        }
        Ok(ending)
    }
}

/// The set, with no more training images than asked for, and then without those that are drawn for validation.
fn prepared(mut dataset: Dataset, spec: &RunSpec) -> anyhow::Result<Dataset> {
    if let Some(limit) = spec.limit {
        let images = dataset.train.len();
        if limit > images {
            bail!("--limit is {limit}, but {} has {images} training images; leave it out to use all", dataset.name);
        }
        dataset.train = Arc::new(dataset.train.take(limit));
    }
    match spec.validation_split {
        Some(share) => dataset.hold_out(share, spec.seed).map_err(with_remedy),
        None => Ok(dataset),
    }
}

/// Says how to resume the run, unless resuming would only fail in the same way.
fn say_what_is_kept(out: &OutputDir, error: &TrainError) {
    let diverged = matches!(error, TrainError::NotFinite { .. });
    if let Ok((Some(Checkpoint { position, state, .. }), _)) = Checkpoints::newest(out.path())
        && !diverged
        && state.updates > 0
    {
        let (step, epoch, out) = (position.step, position.epoch, out.path().display());
        note(&format!(
            "the run is saved up to step {step} of epoch {epoch}; `wgrad train --resume {out}` resumes the run"
        ));
    }
}

/// Refuses to replace a run that was stopped: its command may have been given again by mistake.
fn no_unfinished_run(out: &Path) -> Result<(), TrainError> {
    let Ok((Some(checkpoint), _)) = Checkpoints::newest(out) else { return Ok(()) };
    let position = checkpoint.position;
    if position.finished || checkpoint.state.updates == 0 {
        return Ok(());
    }
    Err(TrainError::Unfinished { path: out.into(), epoch: position.epoch, step: position.step })
}

/// A flag that Ctrl-C and a request to terminate set. The second of them ends the process, in case a step never ends.
fn stop_on_signals() -> anyhow::Result<&'static AtomicBool> {
    static STOP: AtomicBool = AtomicBool::new(false);
    static LISTENING: AtomicBool = AtomicBool::new(false);
    let handler = || {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(INTERRUPTED.into());
        }
    };
    // A process may train several times, but a handler can be set only once.
    if !LISTENING.swap(true, Ordering::Relaxed) {
        ctrlc::set_handler(handler).context("cannot listen for Ctrl-C; try again")?;
    }
    Ok(&STOP)
}

fn write_files(
    out: &OutputDir,
    executor: &mut Executor,
    model: &Network,
    dataset: &Dataset,
    history: &History,
    config: &RunConfig,
) -> anyhow::Result<()> {
    let gpu = executor.gpu().clone();
    let tensors = gpu.block_on(executor.parameters())?;
    let weights = Weights { tensors, model: Some(model.clone()), class_names: dataset.class_names.clone() };
    let mut files = vec![("weights.safetensors", weights.to_bytes()?)];
    if let Some(tensors) = gpu.block_on(executor.averaged_parameters())? {
        let average = Weights { tensors, ..weights };
        files.push(("average.safetensors", average.to_bytes()?));
    }
    let (csv, json, config) = (history.to_csv()?, history.to_json()?, config.to_json()?);
    files.extend([("history.csv", csv), ("history.json", json.into_bytes()), ("config.json", config.into_bytes())]);
    let files: Vec<(&str, &[u8])> = files.iter().map(|(name, bytes)| (*name, bytes.as_slice())).collect();
    out.write(&files)?;
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
                "interrupted: {finished} of {epochs} epochs were finished; `wgrad train --resume {place}` resumes the run"
            ));
            say(&files);
        }
    }
}
