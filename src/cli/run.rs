//! A run: trains, evaluates and writes the files.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::{Context, anyhow, bail};
use wgrad::data::Dataset;
use wgrad::exchange::Weights;
use wgrad::exec::Executor;
use wgrad::gpu::Gpu;
use wgrad::model::Network;
use wgrad::report::units;
use wgrad::train::{
    Checkpoint, Checkpoints, Ending, EpochWeights, Execution, History, LearningRateSchedule, OutputDir, Phase,
    Progress, RunConfig, RunRecord, RunSpec, TensorBoard, TestResult, Timeline, TrainError, Trainer, Validation,
    evaluation_line,
};

use super::callbacks::Callbacks;
use super::class_names::ClassNames;
use super::exit_code::INTERRUPTED;
use super::layer_table::layer_table;
use super::model_options::{Start, check_data};
use super::options::{adapter_line, dataset_line, note_software, open_data, paced, with_remedy};
use super::profile::{ROOM_FOR_PROFILE, write_profile};
use super::report::{Finished, room_for_report};
use super::resume::{Resumed, option};
use super::terminal::{note, say};
use super::tuning;

/// More bytes than history and settings take.
const ROOM_FOR_TEXT: usize = 1 << 16;

/// Checkpoints that there is to be room for: each has the parameters, the slots of the optimizer's state, and the best
/// weights.
const CHECKPOINTS: usize = 3;

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
        // A driver needs its time too.
        let (dataset, gpu) = std::thread::scope(|scope| {
            let open = || Gpu::open_blocking(&execution.adapter());
            match std::thread::Builder::new().spawn_scoped(scope, open) {
                Ok(gpu) => (open_data(&spec.data), gpu.join()),
                Err(_) => (open_data(&spec.data), Ok(open())),
            }
        });
        let dataset = prepared(dataset?, &spec)?;
        spec.build().check(dataset.image_shape).map_err(|error| anyhow!("--augment: {error}"))?;
        let gpu = gpu.unwrap_or_else(|panic| std::panic::resume_unwind(panic))?;
        note_software(&gpu, &execution.adapter());
        let gpu = Arc::new(gpu);
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
        // It takes as long as compiling does.
        let checksum = dataset.checksum.clone();
        // Where no thread can be had, whoever needs it computes it.
        let _ = std::thread::Builder::new().spawn(move || {
            checksum.get();
        });
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
        let splits = [&dataset.train, dataset.validation_images()];
        let options = paced(options, &gpu, &model)?.holding(&gpu, &splits)?;
        let mut executor = Executor::new(gpu, &model, options)?;
        executor.begin_training();
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
            data_checksum: dataset.checksum.get().to_owned(),
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
            end_at_once(INTERRUPTED.into());
        }
    };
    // A process may train several times, but a handler can be set only once.
    if !LISTENING.swap(true, Ordering::Relaxed) {
        ctrlc::set_handler(handler).context("cannot listen for Ctrl-C; try again")?;
    }
    Ok(&STOP)
}

/// Ends the process without the cleanup of its libraries. Another thread may be compiling a shader, and a driver's compiler
/// whose data is taken away ends the process with an error of its own.
fn end_at_once(code: i32) -> ! {
    #[cfg(unix)]
    // SAFETY: `_exit` may be called at any time and from any thread, and it does not return.
    #[allow(unsafe_code)]
    unsafe {
        libc::_exit(code)
    }
    // Windows ends all other threads first.
    #[cfg(not(unix))]
    std::process::exit(code)
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
    let tensors = gpu.block_on(executor.evaluated_parameters())?;
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
