//! `wgrad predict`

use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressStyle};
use serde::Serialize;
use wgrad::data::{Batch, DataError, Decoder, LeftOut, listing::Listing, published::PUBLISHED};
use wgrad::exchange::Weights;
use wgrad::exec::{Executor, Options};
use wgrad::file;
use wgrad::model::{Answer, Network};
use wgrad::report::units;
use wgrad::train::Predictions;

use super::class_names::ClassNames;
use super::model_options::WeightsModel;
use super::operation_options::OperationOptions;
use super::options::{BatchSize, DeviceOptions, note_left_out, paced, with_remedy};
use super::terminal::{note, printable};
use super::weights_file;

/// The most bytes that a file of class names may have.
const MOST_NAMES: u64 = 4 << 20;

/// The most bytes of pixels that are decoded ahead of the device.
const MOST_AHEAD: usize = 1 << 28;

/// Options of `wgrad predict`.
#[derive(Debug, Args)]
#[command(
    after_help = "A picture that cannot be used is named on standard error, and the other pictures are still predicted. \
    The exit code is 0 if all pictures could be used, else 1.\n\n\
    Example: wgrad predict --weights runs/latest/weights.safetensors cat.jpg photos/"
)]
pub struct Predict {
    /// Pictures, and directories of them, which are searched with their sub-directories in sorted order; symbolic links
    /// are followed, and hidden files are left out
    #[arg(required = true, value_name = "PATH")]
    paths: Vec<PathBuf>,
    /// Weights that `wgrad train` wrote
    #[arg(long, value_name = "FILE")]
    weights: PathBuf,
    #[command(flatten)]
    model: WeightsModel,
    /// Names of the classes, if the weights do not have any: those of a data set, or a text file with a name on each line
    #[arg(long, value_name = "cifar10|cifar100|mnist|fashion-mnist|FILE")]
    classes: Option<String>,
    /// Number of classes to print for each picture, the most probable ones first
    #[arg(long, value_name = "CLASSES", default_value_t = 5)]
    top_k: usize,
    #[command(flatten)]
    matching: ClassNames,
    #[command(flatten)]
    batch_size: BatchSize,
    #[command(flatten)]
    operations: OperationOptions,
    #[command(flatten)]
    device: DeviceOptions,
    /// Stop before the first picture if anything in a directory would be left out
    #[arg(long)]
    strict: bool,
    /// Print a line with a JSON object for each picture. Its `answer` says what the probabilities are: `softmax` over all
    /// classes, so that they sum to 1; `sigmoid` of each class by itself; or `binary`, one sigmoid for two classes
    #[arg(long)]
    json: bool,
}

#[derive(Serialize)]
struct Prediction<'a> {
    path: &'a str,
    answer: &'a str,
    top: Vec<ClassProbability<'a>>,
}

#[derive(Serialize)]
struct ClassProbability<'a> {
    class: &'a str,
    probability: f64,
}

impl Predict {
    /// Prints the most probable classes of each picture.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let batch_size = self.batch_size.get()?;
        if self.top_k == 0 {
            bail!("--top-k is 0; give 1 or more classes");
        }
        let pictures: Arc<[PathBuf]> = pictures(&self.paths, self.strict)?.into();
        let mut weights = weights_file::read(&self.weights)?;
        let model = self.model.complete(&mut weights).map_err(|error| weights_file::about(&self.weights, error))?;
        let class_names = self.class_names(&weights, &model)?;
        let [h, w, channels] = model.input();
        if ![1, 3, 4].contains(&channels) {
            bail!(
                "the network is for images of {channels} channels, but pictures can be read with 1, 3 or 4 channels only"
            );
        }
        let image = h * w * channels;
        if batch_size.checked_mul(image).is_none_or(|bytes| bytes > MOST_AHEAD) {
            let most = MOST_AHEAD / image;
            bail!("the network is for images of {h} x {w}, which is too much for this batch; give --batch-size {most}");
        }
        let gpu = Arc::new(self.device.open()?);
        let (build, precision) = (self.operations.build(), self.operations.precision());
        let micro_kernel = self.device.micro_kernel();
        let options = Options { batch_size, micro_kernel, precision, build, ..Options::default() };
        let options = paced(options, &gpu, &model)?;
        let mut executor = Executor::new(gpu.clone(), &model, options)?;
        let loaded = gpu.block_on(executor.set_parameters(&weights.tensors));
        loaded.map_err(|error| weights_file::about(&self.weights, error))?;

        if let (Some(line), false) = (answer_line(executor.answer(), &class_names), self.json) {
            note(&line);
        }
        let bar = progress(pictures.len(), batch_size);
        let decoder = Decoder::new(pictures.clone(), [h, w, channels], (2 * batch_size).min(MOST_AHEAD / image))?;
        let mut batch = Batch { pixels: Vec::new(), labels: vec![0; batch_size], len: 0 };
        let (mut paths, mut failed) = (Vec::new(), 0);
        for (i, (path, decoded)) in pictures.iter().zip(decoder).enumerate() {
            match decoded {
                Ok(pixels) => {
                    batch.pixels.extend(pixels);
                    paths.push(path.as_path());
                }
                Err(error) => {
                    failed += 1;
                    bar.suspend(|| note(&format!("error: {error}")));
                }
            }
            if paths.len() == batch_size || i + 1 == pictures.len() {
                batch.len = paths.len();
                batch.pixels.resize(batch_size * image, 0);
                let lines = self.predict(&mut executor, &batch, &paths, &class_names)?;
                bar.suspend(|| io::stdout().write_all(printable(&lines).as_bytes()))?;
                batch.pixels.clear();
                paths.clear();
            }
            bar.set_position(i as u64 + 1);
        }
        bar.finish_and_clear();
        if failed == 0 {
            return Ok(ExitCode::SUCCESS);
        }
        let [failed, all] = [failed, pictures.len()].map(|count| units::count(count as u64));
        note(&format!("{failed} of {all} pictures could not be used"));
        Ok(ExitCode::FAILURE)
    }

    /// Names of the classes of `model`: those that the user gave, else those of the weights file, else numbers.
    fn class_names(&self, weights: &Weights, model: &Network) -> anyhow::Result<Vec<String>> {
        let own = match self.matching.ignore_class_names && self.classes.is_some() {
            true => &[],
            false => weights.class_names_of(model)?,
        };
        let named = match &self.classes {
            Some(source) => self.matching.match_names(own, class_names(source)?)?,
            None => own.to_vec(),
        };
        let classes = model.classes()?;
        match named.len() {
            0 => Ok((0..classes).map(|class| format!("class {class}")).collect()),
            names if names == classes => Ok(named),
            names => {
                bail!("there are names for {names} classes, but the network has {classes}; name as many with --classes")
            }
        }
    }

    /// Computes a batch, and returns the lines to print.
    fn predict(
        &self,
        executor: &mut Executor,
        batch: &Batch,
        paths: &[&Path],
        class_names: &[String],
    ) -> anyhow::Result<String> {
        let mut lines = String::new();
        if paths.is_empty() {
            return Ok(lines);
        }
        let gpu = executor.gpu().clone();
        let predictions = Predictions::new(executor.answer(), gpu.block_on(executor.logits(batch))?);
        for (i, path) in paths.iter().enumerate() {
            let path = path.to_string_lossy();
            if !predictions.logits(i).iter().all(|logit| logit.is_finite()) {
                bail!("the network's output for {path} is not finite; train again with a smaller --learning-rate");
            }
            let probabilities = predictions.probabilities(i);
            let top = predictions.top(i, self.top_k).into_iter();
            let top = top.map(|class| (class_names[class].as_str(), probabilities[class]));
            if self.json {
                let top = top.map(|(class, probability)| ClassProbability { class, probability }).collect();
                let answer = executor.answer().name();
                lines += &serde_json::to_string(&Prediction { path: &path, answer, top })?;
            } else {
                let top: Vec<_> =
                    top.map(|(class, probability)| format!("{class} {:.2} %", 100.0 * probability)).collect();
                lines += &format!("{path}: {}", top.join(", "));
            }
            lines.push('\n');
        }
        Ok(lines)
    }
}

/// The files that `paths` name, and those in the directories that they name.
fn pictures(paths: &[PathBuf], strict: bool) -> anyhow::Result<Vec<PathBuf>> {
    let (mut pictures, mut left_out) = (Vec::new(), LeftOut::default());
    for path in paths {
        if path.is_dir() {
            let below = Listing::below(path).map_err(with_remedy)?;
            if below.pictures.is_empty() {
                return Err(with_remedy(DataError::NoPictures { path: path.clone(), left_out: below.left_out }));
            }
            pictures.extend(below.pictures);
            left_out.extend(below.left_out);
        } else {
            pictures.push(path.clone());
        }
    }
    if strict && !left_out.is_empty() {
        return Err(with_remedy(DataError::LeftOut { path: paths[0].clone(), left_out }));
    }
    note_left_out(&left_out);
    Ok(pictures)
}

fn class_names(source: &str) -> anyhow::Result<Vec<String>> {
    if let Some(set) = PUBLISHED.into_iter().find(|set| set.name == source) {
        return Ok(set.class_names.iter().map(|&name| name.into()).collect());
    }
    let hint = || {
        format!("--classes {source}: give cifar10, cifar100, mnist, fashion-mnist, or a file with a name on each line")
    };
    let text = file::read_text(Path::new(source), MOST_NAMES).with_context(hint)?;
    let names: Vec<String> =
        text.lines().map(|line| line.trim().into()).filter(|line: &String| !line.is_empty()).collect();
    if names.is_empty() {
        bail!("{}: it is empty", hint());
    }
    Ok(names)
}

/// Explains the percentages if they do not sum to 100 or come from one output.
fn answer_line(answer: Answer, class_names: &[String]) -> Option<String> {
    match (answer, class_names) {
        (Answer::Binary, [first, second]) => Some(format!(
            "the network has one output, whose sigmoid is the probability of {second}; {first} has the rest"
        )),
        (Answer::Sigmoid { .. }, _) => Some(
            "the network ends in sigmoid: each class has a probability of its own, and they need not sum to 100 %"
                .into(),
        ),
        (Answer::Softmax { classes: 1 }, _) => {
            Some("the network ends in a softmax over one class, whose probability is 1 for every picture".into())
        }
        _ => None,
    }
}

/// A progress bar on standard error, which is hidden if that is no terminal or there is only one batch.
fn progress(pictures: usize, batch_size: usize) -> ProgressBar {
    if pictures <= batch_size {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(pictures as u64);
    if let Ok(style) = ProgressStyle::with_template("{pos}/{len} {bar:20.green} {per_sec} {eta}") {
        bar.set_style(style.progress_chars("━━─"));
    }
    bar
}
