//! Everything that a run was made with, for `config.json`.

use serde::{Deserialize, Serialize};

use super::{KeptWeights, LearningRateSchedule, Monitor, OptimizerKind, RunSpec, Validation, as_text};
use crate::data::Dataset;
use crate::exec::Executor;
use crate::gpu::RuntimeChecks;
use crate::graph::Tuning;
use crate::kernel::Precision;
use crate::model::{ModelError, Network};
use crate::ops::Augmentation;
use crate::optim::{Decay, Group, Lookahead, Rule};

/// Settings, adapter and data of a run: what `config.json` holds.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct RunConfig {
    /// wgrad's version.
    pub wgrad: &'static str,
    /// Epochs asked for.
    pub epochs: usize,
    /// Images of a minibatch.
    pub batch_size: usize,
    /// Chooses the initial weights and the order of the images.
    pub seed: u64,
    /// The optimizer.
    pub optimizer: OptimizerKind,
    /// Its settings.
    #[serde(flatten)]
    pub rule: Rule,
    /// The learning rate; the one that a schedule begins with.
    pub learning_rate: f64,
    /// The decay of weights.
    pub weight_decay: f64,
    /// How it enters the update.
    pub decay: Decay,
    /// The largest norm of the gradient; not clipped if none.
    pub clip_norm: Option<f64>,
    /// Variables with a learning rate and a decay of their own.
    pub groups: Vec<Group>,
    /// Minibatches whose mean gradient makes one update.
    pub accumulate: usize,
    /// Momentum of the exponential average of the weights; none is kept if none.
    pub ema: Option<f64>,
    /// Whether evaluation takes that average.
    pub evaluate_average: bool,
    /// Slow weights that follow the weights; none are kept if none.
    pub lookahead: Option<Lookahead>,
    /// Share of each label that the loss spreads over all classes, in training and in evaluation.
    pub label_smoothing: f64,
    /// Random changes of the training images.
    pub augmentation: Augmentation,
    /// How the learning rate changes.
    #[serde(with = "as_text")]
    pub learning_rate_schedule: LearningRateSchedule,
    /// Epochs without gain that end training; all epochs are trained if none.
    pub early_stopping: Option<usize>,
    /// The figure that should gain.
    pub monitor: Monitor,
    /// The weights that are written while training continues.
    pub kept_weights: KeptWeights,
    /// The file of the weights that training starts from; initial weights are drawn if none.
    pub from: Option<String>,
    /// The network, as a model file.
    pub model: String,
    /// The loop of the matrix products.
    pub kernel: String,
    /// What activations and their gradients were in memory.
    pub precision: Precision,
    /// How each matrix product was computed.
    pub products: Tuning,
    /// Whether shaders check indices and loops.
    pub runtime_checks: bool,
    /// The data set.
    pub dataset: DatasetConfig,
    /// The adapter.
    pub adapter: AdapterConfig,
}

/// The data of a run.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DatasetConfig {
    /// `cifar10`, `cifar100`, `mnist`, `fashion-mnist`, `shapes` or `folder`.
    pub name: String,
    /// Where it was read from.
    pub origin: String,
    /// SHA-256 of the whole set.
    pub checksum: String,
    /// Shape of an image, `[h, w, c]`.
    pub image_shape: [usize; 3],
    /// Training images asked for; all if none.
    pub limit: Option<usize>,
    /// Training images.
    pub train_images: usize,
    /// Validation images that are not test images; none if each epoch was evaluated on the test images.
    pub validation_images: Option<usize>,
    /// What the validation images are, in words.
    pub validation: String,
    /// Test images.
    pub test_images: usize,
}

/// The adapter of a run.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AdapterConfig {
    /// Its name.
    pub name: String,
    /// `vulkan`, `metal`, `dx12` or `gl`.
    pub backend: String,
    /// The driver.
    pub driver: String,
    /// The driver's version.
    pub driver_info: String,
}

impl RunConfig {
    /// The run that `spec` describes, which came to `model`, `executor` and `dataset`.
    ///
    /// # Errors
    /// A network that no model file can describe.
    pub fn new(spec: &RunSpec, model: &Network, executor: &Executor, dataset: &Dataset) -> Result<Self, ModelError> {
        let options = executor.options();
        Ok(Self {
            wgrad: env!("CARGO_PKG_VERSION"),
            epochs: spec.epochs,
            batch_size: options.batch_size,
            seed: options.seed,
            optimizer: spec.optimizer,
            rule: options.optimizer.rule,
            learning_rate: options.optimizer.learning_rate,
            weight_decay: options.optimizer.weight_decay,
            decay: options.optimizer.decay,
            clip_norm: options.optimizer.clip_norm,
            groups: options.optimizer.groups.clone(),
            accumulate: options.optimizer.accumulate,
            ema: options.optimizer.average,
            evaluate_average: options.evaluate_average,
            lookahead: options.optimizer.lookahead,
            label_smoothing: options.build.label_smoothing,
            augmentation: options.build.augmentation,
            learning_rate_schedule: spec.schedule(),
            early_stopping: spec.early_stopping,
            monitor: spec.monitor,
            kept_weights: spec.keep_weights,
            from: spec.from.as_ref().map(|path| path.display().to_string()),
            model: model.to_toml()?,
            kernel: executor.graph().target().micro_kernel.to_string(),
            precision: options.precision,
            products: executor.products(),
            runtime_checks: options.checks == RuntimeChecks::On,
            dataset: DatasetConfig {
                name: dataset.name.clone(),
                origin: dataset.origin.clone(),
                checksum: dataset.checksum.get().to_owned(),
                image_shape: dataset.image_shape,
                limit: spec.limit,
                train_images: dataset.train.len(),
                validation_images: dataset.validation.as_ref().map(|split| split.len()),
                validation: Validation::of(spec, dataset).to_string(),
                test_images: dataset.test.len(),
            },
            adapter: AdapterConfig::new(executor.gpu().info()),
        })
    }

    /// As JSON.
    ///
    /// # Errors
    /// Serialization fails only if the program is wrong: every value of this type can be written.
    pub fn to_json(&self) -> serde_json::Result<String> {
        serde_json::to_string_pretty(self).map(|json| json + "\n")
    }
}

impl AdapterConfig {
    /// The adapter as wgpu reports it.
    pub fn new(info: &wgpu::AdapterInfo) -> Self {
        Self {
            name: info.name.clone(),
            backend: info.backend.to_string(),
            driver: info.driver.clone(),
            driver_info: info.driver_info.clone(),
        }
    }
}
