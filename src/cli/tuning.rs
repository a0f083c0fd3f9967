//! `wgrad tune`, and the measured choices that other commands load.

use std::fmt::Write;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::{Context, anyhow, bail};
use clap::Args;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Deserialize;
use wgrad::exec::{Options, Tuned, TunedProduct, tune};
use wgrad::file;
use wgrad::gpu::Gpu;
use wgrad::graph::{Algorithm, Mode, ProductChoice, Tuning};
use wgrad::model::{BuildOptions, Network};
use wgrad::train::{TuningCache, TuningSource};

use super::model_options::ModelOptions;
use super::operation_options::OperationOptions;
use super::options::{BatchSize, DeviceOptions, InputOptions, adapter_line};
use super::remedy;
use super::terminal::{note, say};

/// Largest config.json that is read, in bytes.
const MOST_CONFIG: u64 = 4 << 20;

/// The part of a run's config.json that is read.
#[derive(Deserialize)]
struct Recorded {
    products: Tuning,
}

/// Options of `wgrad tune`.
#[derive(Debug, Args)]
#[command(after_help = "Example: wgrad tune --batch-size 128")]
pub struct Tune {
    #[command(flatten)]
    model: ModelOptions,
    #[command(flatten)]
    input: InputOptions,
    #[command(flatten)]
    batch_size: BatchSize,
    #[command(flatten)]
    device: DeviceOptions,
    #[command(flatten)]
    operations: OperationOptions,
}

impl Tune {
    /// Measures, prints the table and saves the choices.
    pub fn run(self) -> anyhow::Result<ExitCode> {
        let batch_size = self.batch_size.get()?;
        let gpu = Arc::new(self.device.open()?);
        say(&adapter_line(gpu.info()));
        let model = self.model.open(self.input.shape(), 10)?;
        let options = Options {
            batch_size,
            micro_kernel: self.device.micro_kernel(),
            precision: self.operations.precision(),
            build: self.operations.build(),
            ..Options::default()
        };
        measure(&gpu, &model, &options)?;
        Ok(ExitCode::SUCCESS)
    }
}

/// Measures the products of a training step, and saves the choices in the user's cache.
pub fn measure(gpu: &Arc<Gpu>, model: &Network, options: &Options) -> anyhow::Result<Tuning> {
    // It stays hidden if standard output is not a terminal.
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stdout());
    if let Ok(style) = ProgressStyle::with_template("{pos}/{len} {bar:20.green} tuning") {
        bar.set_style(style.progress_chars("━━─"));
    }
    let start = Instant::now();
    let clock = || start.elapsed();
    let mut on_product = |done: usize, all: usize| {
        bar.set_length(all as u64);
        bar.set_position(done as u64);
    };
    let tuned = gpu.block_on(tune(gpu, model, options, &clock, &mut on_product));
    bar.finish_and_clear();
    let tuned = tuned?;
    say(&table(&tuned));
    if let Some(noise) = tuned.noise {
        note(&format!(
            "warning: a kernel that was measured again took {:.0} % more or less time, which is more than another kernel saves. \
             So nothing was chosen. Tune again while nothing else uses the device.",
            100.0 * noise
        ));
        return Ok(Tuning::default());
    }
    let tuning = tuned.tuning();
    if let Some(cache) = TuningCache::of_user() {
        cache.store(&key(gpu, model, options)?, &tuning)?;
        say(&format!("The choices are saved in {}; `--tuning none` trains without them.", cache.path().display()));
    }
    Ok(tuning)
}

/// The choices that `--tuning` asks for: those of the user's cache, none, or those that a run recorded in its config.json.
pub fn load(source: &TuningSource, gpu: &Gpu, model: &Network, options: &Options) -> anyhow::Result<Tuning> {
    match source {
        TuningSource::None => Ok(Tuning::default()),
        TuningSource::Auto => Ok(from_cache(gpu, model, options)),
        TuningSource::Run(path) => from_run(path, gpu),
    }
}

/// The choices that a run began with, or none if one of them cannot run on `gpu`.
pub fn of_run(products: &Tuning, gpu: &Gpu) -> Tuning {
    if runs_on(gpu, products).is_ok() { products.clone() } else { Tuning::default() }
}

/// Loads from the user's cache. A cache that cannot be used costs speed, not correctness, so there is only a warning.
fn from_cache(gpu: &Gpu, model: &Network, options: &Options) -> Tuning {
    let Some(cache) = TuningCache::of_user() else { return Tuning::default() };
    // A network that can't be built has no key; the executor says why.
    let Ok(key) = key(gpu, model, options) else { return Tuning::default() };
    let found = cache.load(&key).map_err(|error| error.into());
    match found.and_then(|tuning| runs_on(gpu, &tuning).map(|()| tuning)) {
        Ok(tuning) => tuning,
        Err(error) => {
            note(&format!("warning: {error:#}{}", remedy::suffix(&error)));
            Tuning::default()
        }
    }
}

fn from_run(path: &Path, gpu: &Gpu) -> anyhow::Result<Tuning> {
    let read = || -> anyhow::Result<Tuning> {
        let Recorded { products } = serde_json::from_str(&file::read_text(path, MOST_CONFIG)?)?;
        runs_on(gpu, &products)?;
        Ok(products)
    };
    let wrong =
        |error| anyhow!("--tuning {}: {error:#}; give `auto`, `none`, or the config.json of a run", path.display());
    read().map_err(wrong)
}

fn runs_on(gpu: &Gpu, tuning: &Tuning) -> anyhow::Result<()> {
    for (key, choice) in tuning.iter() {
        gpu.supports(choice.kernel).with_context(|| format!("the choice for `{key}`"))?;
        if choice.parts == 0 {
            bail!("the choice for `{key}` has 0 parts");
        }
    }
    Ok(())
}

/// The key in the cache for the choices of a training step of `model`. It is the same for all batch sizes.
fn key(gpu: &Gpu, model: &Network, options: &Options) -> anyhow::Result<String> {
    let build = BuildOptions { tuning: Tuning::default(), held_images: 0, ..options.build.clone() };
    let built = model.build_with(1, options.target(gpu)?, build)?;
    let mut graph = built.graph;
    let mut dispatches = graph.record_forward(Mode::Train);
    dispatches.extend(graph.record_backward(&[], &[])?.0);
    Ok(TuningCache::key(gpu.info(), &dispatches))
}

fn table(Tuned { products, .. }: &Tuned) -> String {
    let name = |choice: ProductChoice| match (choice.algorithm, choice.parts) {
        (Algorithm::Winograd, _) => format!("winograd, {}", choice.kernel),
        (Algorithm::Direct, 1) => choice.kernel.to_string(),
        (Algorithm::Direct, parts) => format!("{} in {parts} parts", choice.kernel),
    };
    let mut text =
        format!("{:<66} {:<26} {:>9}  {:<26} {:>9}", "matrix product", "rule", "time (us)", "best", "time (us)");
    for product in products {
        let (rule, best) = (product.rule, product.best);
        let chosen = if best.0 == rule.0 { "the rule's".into() } else { name(best.0) };
        let times = if product.count > 1 { format!("{} times ", product.count) } else { String::new() };
        let (key, rule_name) = (format!("{times}{}", product.key), name(rule.0));
        let _ = write!(text, "\n{key:<66} {rule_name:<26} {:>9.1}  {chosen:<26} {:>9.1}", rule.1, best.1);
        for wrong in &product.wrong {
            let _ =
                write!(text, "\n  {} computes a different result and was left out; please report this", name(*wrong));
        }
    }
    let sum = |time: fn(&TunedProduct) -> f64| products.iter().map(|p| p.count as f64 * time(p)).sum::<f64>();
    let (rule, best) = (sum(|product| product.rule.1), sum(|product| product.best.1));
    let _ = write!(text, "\n{:<66} {:<26} {rule:>9.1}  {:<26} {best:>9.1}", "sum", "", "");
    text
}
