//! What a run is.

use std::convert::Infallible;
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{KeptWeights, LearningRateSchedule, Monitor, OptimizerKind, as_text};
use crate::data::DataSpec;
use crate::exec::Options;
use crate::file;
use crate::kernel::MicroKernel;
use crate::model::BuildOptions;
use crate::ops::Augmentation;
use crate::optim::{Form, Group};
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
    /// Whether each operation runs by itself. Otherwise some that follow each other run as one.
    pub no_fusion: bool,
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
            label_smoothing: 0.0,
            augment: Augmentation::default(),
            early_stopping: None,
            monitor: Monitor::default(),
            keep_weights: KeptWeights::default(),
            kernel: None,
            no_fusion: false,
            tune: false,
            tuning: TuningSource::default(),
        }
    }
}

/// A field of a [`RunSpec`] that makes no sense.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} {problem}")]
pub struct SpecError {
    /// The field's name.
    pub field: &'static str,
    /// What is wrong with it, and what would be right; it follows the name.
    pub problem: String,
}

/// A field that differs between two [`RunSpec`]s.
#[derive(Clone, Debug, PartialEq)]
pub struct Difference {
    /// The field's name.
    pub field: String,
    /// Its value in the first, as JSON has it.
    pub before: Value,
    /// Its value in the second.
    pub after: Value,
}

/// Where measured choices of the matrix products come from. Written as `auto`, `none` or a path.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum TuningSource {
    /// The user's cache.
    #[default]
    Auto,
    /// Nowhere: a rule chooses.
    None,
    /// The `config.json` of a run.
    Run(PathBuf),
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

    /// Fields that may change when a run is resumed: its length, and the place of its data, which a checksum compares.
    const MAY_CHANGE: [&str; 2] = ["epochs", "data"];

    /// Makes sure that the numbers make sense.
    ///
    /// # Errors
    /// The first field that does not.
    pub fn check(&self) -> Result<(), SpecError> {
        let wrong = |field, problem: String| Err(SpecError { field, problem });
        let (rate, smoothing, epochs) = (self.learning_rate(), self.label_smoothing, self.epochs);
        if epochs == 0 {
            return wrong("epochs", "is 0; give 1 or more".into());
        }
        if self.batch_size == 0 {
            return wrong("batch_size", "is 0; give 1 or more images".into());
        }
        if self.limit == Some(0) {
            return wrong("limit", "is 0; give 1 or more images, or leave it out to train on all".into());
        }
        if let Some(share) = self.validation_split.filter(|share| !(*share > 0.0 && *share < 1.0)) {
            return wrong("validation_split", format!("is {share}; give a number between 0 and 1, such as 0.1"));
        }
        self.check_optimizer()?;
        if !(0.0..1.0).contains(&smoothing) {
            return wrong("label_smoothing", format!("is {smoothing}; give 0 or more and less than 1, such as 0.1"));
        }
        if self.early_stopping == Some(0) {
            return wrong("early_stopping", "is 0; give 1 or more epochs, or leave it out to train all".into());
        }
        match self.lr_schedule {
            LearningRateSchedule::Cosine { warm_up } if warm_up >= epochs => {
                wrong("lr_schedule", format!("warms up for {warm_up} epochs, but the run has {epochs}; give fewer"))
            }
            LearningRateSchedule::OneCycle { max } if max <= rate => wrong(
                "lr_schedule",
                format!("rises to {max}, which is not above its first learning rate {rate}; change one of the two"),
            ),
            _ => Ok(()),
        }
    }

    /// The fields in which a run that was begun as `self` may not be resumed as `other`.
    ///
    /// # Errors
    /// None is known: every field can be written as JSON.
    pub fn conflicts(&self, other: &Self) -> serde_json::Result<Vec<Difference>> {
        let differences = self.differences(other)?;
        Ok(differences.into_iter().filter(|found| !Self::MAY_CHANGE.contains(&found.field.as_str())).collect())
    }

    /// The fields in which `other` differs.
    ///
    /// # Errors
    /// As [`Self::conflicts`].
    pub fn differences(&self, other: &Self) -> serde_json::Result<Vec<Difference>> {
        // As JSON, so that a field that is added is compared too.
        let (Value::Object(before), Value::Object(mut after)) =
            (serde_json::to_value(self)?, serde_json::to_value(other)?)
        else {
            return Ok(Vec::new());
        };
        let pairs = before.into_iter().map(|(field, before)| {
            let after = after.remove(&field).unwrap_or_default();
            Difference { field, before, after }
        });
        Ok(pairs.filter(|pair| pair.before != pair.after).collect())
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
            ..BuildOptions::default()
        }
    }

    /// How an executor trains it, but for the measured choices.
    pub fn options(&self) -> Options {
        Options {
            batch_size: self.batch_size,
            seed: self.seed,
            optimizer: self.optimizer(),
            micro_kernel: self.kernel,
            build: self.build(),
            ..Options::default()
        }
    }
}

impl fmt::Display for TuningSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Auto => f.write_str("auto"),
            Self::None => f.write_str("none"),
            Self::Run(path) => path.display().fmt(f),
        }
    }
}

impl FromStr for TuningSource {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        Ok(match text {
            "auto" => Self::Auto,
            "none" => Self::None,
            path => Self::Run(path.into()),
        })
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

    #[test]
    fn only_what_leaves_the_bits_may_change() {
        let spec = RunSpec::default();
        let other = RunSpec { epochs: 20, batch_size: 16, freeze: vec!["dense".into()], ..RunSpec::default() };
        let fields = |found: Vec<Difference>| found.into_iter().map(|found| found.field).collect::<Vec<_>>();
        assert_eq!(fields(spec.differences(&other).unwrap()), ["batch_size", "epochs", "freeze"]);
        assert_eq!(fields(spec.conflicts(&other).unwrap()), ["batch_size", "freeze"]);
        assert!(spec.differences(&spec).unwrap().is_empty());
    }

    #[test]
    fn numbers_that_make_no_sense_are_named() {
        let check = |change: fn(&mut RunSpec)| {
            let mut spec = RunSpec::default();
            change(&mut spec);
            spec.check().unwrap_err().field
        };
        assert_eq!(RunSpec::default().check(), Ok(()));
        assert_eq!(check(|spec| spec.epochs = 0), "epochs");
        assert_eq!(check(|spec| spec.batch_size = 0), "batch_size");
        assert_eq!(check(|spec| spec.limit = Some(0)), "limit");
        assert_eq!(check(|spec| spec.validation_split = Some(1.0)), "validation_split");
        assert_eq!(check(|spec| spec.learning_rate = Some(f64::NAN)), "learning_rate");
        assert_eq!(check(|spec| spec.weight_decay = Some(-1.0)), "weight_decay");
        assert_eq!(check(|spec| spec.label_smoothing = 1.0), "label_smoothing");
        assert_eq!(check(|spec| spec.early_stopping = Some(0)), "early_stopping");
        assert_eq!(check(|spec| spec.lr_schedule = "cosine@10".parse().unwrap()), "lr_schedule");
    }
}
