//! What a run is.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{KeptWeights, LearningRateSchedule, Monitor, OptimizerKind, TuningSource, as_text};
use crate::data::DataSpec;
use crate::exec::Options;
use crate::file;
use crate::graph::Winograd;
use crate::kernel::{MicroKernel, Precision};
use crate::model::BuildOptions;
use crate::ops::Augmentation;
use crate::optim::{Form, Group, Lookahead};
use crate::text::one_line;

/// All that decides what a run computes. The command line makes one, and a checkpoint stores it.
///
/// A field that a file leaves out has its default, so that files of before a field was added can be read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RunSpec {
    /// The data set.
    pub data: DataSpec,
    /// Number of training images, taken from the first on; all if none.
    pub limit: Option<usize>,
    /// Share of the training images, after the limit, that each epoch is evaluated on instead of being trained with.
    pub validation_split: Option<f64>,
    /// The model file; the network of TensorFlow's tutorial if none.
    #[serde(serialize_with = "file::serialize_path")]
    pub model: Option<PathBuf>,
    /// The file of the weights that training starts from; initial weights are drawn if none.
    #[serde(serialize_with = "file::serialize_path")]
    pub from: Option<PathBuf>,
    /// The model file of the layers that are put on top of the network.
    #[serde(serialize_with = "file::serialize_path")]
    pub append: Option<PathBuf>,
    /// Whether the classes of `from` and of the data are matched by place instead of by name.
    pub ignore_class_names: bool,
    /// Names of the layers that are not trained.
    pub freeze: Vec<String>,
    /// Passes over the training images.
    pub epochs: usize,
    /// Images of a minibatch.
    pub batch_size: usize,
    /// Chooses the initial weights and the order of the images.
    pub seed: u64,
    /// The optimizer.
    pub optimizer: OptimizerKind,
    /// Whose form it has.
    pub optimizer_form: Form,
    /// Share of the velocity that stays from step to step.
    pub momentum: f64,
    /// Whether the momentum is Nesterov's.
    pub nesterov: bool,
    /// Whether RMSprop divides by the deviation of the gradient.
    pub centered: bool,
    /// The learning rate, which a schedule begins with; the optimizer's own if none.
    pub learning_rate: Option<f64>,
    /// How the learning rate changes. A plateau is one of `monitor`.
    #[serde(with = "as_text")]
    pub lr_schedule: LearningRateSchedule,
    /// The decay of weights; the optimizer's own if none.
    pub weight_decay: Option<f64>,
    /// The largest norm of the gradient, which is scaled down where it is above; not clipped if none.
    pub clip_norm: Option<f64>,
    /// Variables with a learning rate and a decay of their own.
    pub group: Vec<Group>,
    /// Minibatches whose mean gradient makes one update.
    pub accumulate: usize,
    /// Momentum of the exponential average of the weights; none is kept if none.
    pub ema: Option<f64>,
    /// Whether epochs and the end of training are evaluated with that average, and the best epoch's and the last weights are
    /// those of it.
    pub evaluate_average: bool,
    /// Updates between two steps of the slow weights of lookahead; there are none if none.
    pub lookahead: Option<u32>,
    /// Share of the way to the weights that slow weights go.
    pub lookahead_alpha: f64,
    /// Whether statistics of normalizations take part in lookahead.
    pub lookahead_statistics: bool,
    /// Share of each label that the loss spreads over all classes.
    pub label_smoothing: f64,
    /// Random changes of the training images.
    #[serde(with = "as_text")]
    pub augment: Augmentation,
    /// Epochs without gain that end training; all epochs are trained if none.
    pub early_stopping: Option<usize>,
    /// The figure that says which epoch is better.
    pub monitor: Monitor,
    /// The weights that are written while training continues.
    pub keep_weights: KeptWeights,
    /// The loop of the matrix products; the adapter's own if none.
    pub kernel: Option<MicroKernel>,
    /// What activations and their gradients are in memory.
    pub precision: Precision,
    /// Whether each operation runs by itself. Otherwise some that follow each other run as one.
    pub no_fusion: bool,
    /// Whether convolutions do without Winograd's algorithm.
    pub exact: bool,
    /// Whether the matrix products are measured before training.
    pub tune: bool,
    /// Where measured choices come from if they are not measured.
    #[serde(with = "as_text")]
    pub tuning: TuningSource,
}

impl Default for RunSpec {
    /// The training of TensorFlow's tutorial.
    fn default() -> Self {
        Self {
            data: DataSpec::default(),
            limit: None,
            validation_split: None,
            model: None,
            from: None,
            append: None,
            ignore_class_names: false,
            freeze: Vec::new(),
            epochs: 10,
            batch_size: 32,
            seed: 0,
            optimizer: OptimizerKind::default(),
            optimizer_form: Form::default(),
            momentum: 0.0,
            nesterov: false,
            centered: false,
            learning_rate: None,
            lr_schedule: LearningRateSchedule::default(),
            weight_decay: None,
            clip_norm: None,
            group: Vec::new(),
            accumulate: 1,
            ema: None,
            evaluate_average: false,
            lookahead: None,
            lookahead_alpha: Lookahead::default().alpha,
            lookahead_statistics: false,
            label_smoothing: 0.0,
            augment: Augmentation::default(),
            early_stopping: None,
            monitor: Monitor::default(),
            keep_weights: KeptWeights::default(),
            kernel: None,
            precision: Precision::default(),
            no_fusion: false,
            exact: false,
            tune: false,
            tuning: TuningSource::default(),
        }
    }
}

impl RunSpec {
    /// Reads a file of settings (TOML): the fields of this type, those of the data in the table `data`. What it leaves out
    /// has its default.
    ///
    /// ```
    /// use wgrad::train::RunSpec;
    ///
    /// let spec = RunSpec::from_toml("optimizer = \"sgd\"\nmomentum = 0.9\n\n[data]\ndataset = \"cifar10\"\n")?;
    /// assert_eq!((spec.momentum, spec.epochs), (0.9, 10));
    /// # Ok::<(), String>(())
    /// ```
    ///
    /// # Errors
    /// The reason in words: a field that there is none of, or a value that it can't have.
    pub fn from_toml(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| one_line(&error.to_string()))
    }

    /// The schedule of the learning rate, with the figure that it watches.
    pub fn schedule(&self) -> LearningRateSchedule {
        self.lr_schedule.watching(self.monitor)
    }

    /// How the network is built.
    pub fn build(&self) -> BuildOptions {
        BuildOptions {
            augmentation: self.augment,
            label_smoothing: self.label_smoothing,
            fusion: !self.no_fusion,
            winograd: Winograd::unless_exact(self.exact),
            ..BuildOptions::default()
        }
    }

    /// How an executor trains it, but for the measured choices.
    pub fn options(&self) -> Options {
        Options {
            batch_size: self.batch_size,
            seed: self.seed,
            optimizer: self.optimizer(),
            evaluate_average: self.evaluate_average,
            micro_kernel: self.kernel,
            precision: self.precision,
            build: self.build(),
            ..Options::default()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let spec = RunSpec {
            freeze: vec!["dense".into()],
            optimizer: OptimizerKind::RmsProp,
            learning_rate: Some(0.1 + 0.2),
            lr_schedule: "cosine@2".parse().unwrap(),
            augment: "flip,crop:4".parse().unwrap(),
            early_stopping: Some(3),
            kernel: Some(MicroKernel::Direct),
            tuning: TuningSource::Run("runs/a/config.json".into()),
            seed: u64::MAX,
            ..RunSpec::default()
        };
        let text = serde_json::to_string(&spec).unwrap();
        assert_eq!(serde_json::from_str::<RunSpec>(&text).unwrap(), spec);
        assert_eq!(serde_json::from_str::<RunSpec>("{}").unwrap(), RunSpec::default());
        for wrong in [r#"{"epoch": 3}"#, r#"{"epochs": -1}"#, r#"{"augment": "rotate"}"#, r#"{"data": {"path": "x"}}"#]
        {
            serde_json::from_str::<RunSpec>(wrong).unwrap_err();
        }
    }

    /// A file of settings has the keys that a checkpoint has, in another format.
    #[test]
    fn a_file_of_settings_is_read() {
        let text = "optimizer = \"adamw\"\nweight_decay = 0.01\ngroup = [\"*/bias=1,0\"]\nfreeze = [\"dense\"]\n\
                    lr_schedule = \"cosine@2\"\naccumulate = 4\nmodel = \"a.toml\"\n[data]\ndataset = \"shapes\"\n";
        let spec = RunSpec::from_toml(text).unwrap();
        let expected = RunSpec {
            optimizer: OptimizerKind::AdamW,
            weight_decay: Some(0.01),
            group: vec!["*/bias=1,0".parse().unwrap()],
            freeze: vec!["dense".into()],
            lr_schedule: "cosine@2".parse().unwrap(),
            accumulate: 4,
            model: Some("a.toml".into()),
            data: DataSpec { dataset: "shapes".parse().unwrap(), ..DataSpec::default() },
            ..RunSpec::default()
        };
        assert_eq!(spec, expected);
        for wrong in ["epoch = 3", "epochs = -1", "optimizer = \"lion\"", "group = \"a\"", "[data]\npath = 1", "epochs"]
        {
            RunSpec::from_toml(wrong).unwrap_err();
        }
    }
}
