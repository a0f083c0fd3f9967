//! Options of how a network is trained.

use anyhow::{anyhow, bail};
use clap::Args;
use wgrad::model::BuildOptions;
use wgrad::ops::Augmentation;
use wgrad::optim::Adam;
use wgrad::train::{KeptWeights, LearningRateSchedule, Monitor, TrainingConfig};

/// How the weights change, what is done to images and labels, and what is done between the epochs.
#[derive(Debug, Args)]
pub struct TrainingOptions {
    /// Adam's step size
    #[arg(long, value_name = "RATE", default_value = "1e-3", allow_negative_numbers = true)]
    learning_rate: f64,
    /// How the learning rate changes: `constant`, `step:FACTOR@EPOCHS`, `cosine`, `cosine@WARM-UP EPOCHS`,
    /// `one-cycle:MAX` or `plateau:FACTOR@EPOCHS`
    #[arg(long, value_name = "SCHEDULE", default_value_t)]
    lr_schedule: LearningRateSchedule,
    /// Share of each weight that a step takes away, times the learning rate: AdamW
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, allow_negative_numbers = true)]
    weight_decay: f64,
    /// Share of each label that is spread over all classes, in the loss of training and of evaluation
    #[arg(long, value_name = "SHARE", default_value_t = 0.0, allow_negative_numbers = true)]
    label_smoothing: f64,
    /// Changes of the training images: `flip`, `crop:PIXELS`, `cutout:PIXELS`, or several, as in flip,crop:4,cutout:8
    #[arg(long, value_name = "CHANGES", value_parser = augmentation)]
    augment: Option<Augmentation>,
    /// End training after this many epochs that were no better than the best one, and go back to its weights
    #[arg(long, value_name = "EPOCHS")]
    early_stopping: Option<usize>,
    /// What says which epoch is better, for --early-stopping, --keep-weights and `plateau`
    #[arg(long, value_enum, value_name = "FIGURE", default_value_t)]
    pub monitor: Monitor,
    /// Weights to keep in the directory of results while training goes on: best.safetensors, last.safetensors
    #[arg(long, value_enum, value_name = "EPOCHS", default_value_t)]
    pub keep_weights: KeptWeights,
}

impl TrainingOptions {
    /// Makes sure that all numbers make sense for a training of `epochs`.
    pub fn check(&self, epochs: usize) -> anyhow::Result<()> {
        let (rate, decay) = (self.learning_rate, self.weight_decay);
        if !(rate.is_finite() && rate > 0.0) {
            bail!("--learning-rate is {rate}; give a number above 0, such as 1e-3");
        }
        if !(decay.is_finite() && decay >= 0.0) {
            bail!("--weight-decay is {decay}; give 0 or more, such as 4e-3");
        }
        if !(0.0..1.0).contains(&self.label_smoothing) {
            bail!("--label-smoothing is {}; give 0 or more and less than 1, such as 0.1", self.label_smoothing);
        }
        if self.early_stopping == Some(0) {
            bail!("--early-stopping is 0; give 1 or more epochs, or leave it out to train all");
        }
        match self.lr_schedule {
            LearningRateSchedule::Cosine { warm_up } if warm_up >= epochs => {
                bail!("--lr-schedule warms up for {warm_up} epochs, but --epochs is {epochs}; give fewer than that")
            }
            LearningRateSchedule::OneCycle { max } if max <= rate => {
                bail!("--lr-schedule rises to {max} from a --learning-rate of {rate}; give a larger or a smaller one")
            }
            _ => Ok(()),
        }
    }

    /// Makes sure that images `[h, w, c]` can be changed as asked.
    pub fn check_images(&self, image: [usize; 3]) -> anyhow::Result<()> {
        self.build().check(image).map_err(|error| anyhow!("--augment: {error}"))
    }

    /// The optimizer.
    pub fn adam(&self) -> Adam {
        Adam { learning_rate: self.learning_rate, weight_decay: self.weight_decay, ..Adam::default() }
    }

    /// How the network is built.
    pub fn build(&self) -> BuildOptions {
        BuildOptions {
            augmentation: self.augment.unwrap_or_default(),
            label_smoothing: self.label_smoothing,
            ..BuildOptions::default()
        }
    }

    /// What is done between the steps of a training that starts from the weights in the file `from`.
    pub fn config(&self, from: Option<String>) -> TrainingConfig {
        TrainingConfig {
            learning_rate_schedule: self.lr_schedule.watching(self.monitor),
            early_stopping: self.early_stopping,
            monitor: self.monitor,
            kept_weights: self.keep_weights,
            from,
        }
    }
}

/// Reads a list such as `flip,crop:4,cutout:8`.
fn augmentation(text: &str) -> Result<Augmentation, String> {
    let mut augmentation = Augmentation::default();
    for part in text.split(',') {
        let before = augmentation;
        let (name, pixels) = match part.split_once(':') {
            Some((name, pixels)) => (name, Some(pixels)),
            None => (part, None),
        };
        let size = || match pixels.map(str::parse) {
            Some(Ok(pixels)) if pixels > 0 => Ok(pixels),
            _ => Err(format!("`{part}` needs a number of pixels above 0, as in `{name}:4`")),
        };
        match name {
            "flip" if pixels.is_none() => augmentation.flip = true,
            "crop" => augmentation.crop = size()?,
            "cutout" => augmentation.cutout = size()?,
            _ => return Err(format!("`{part}` is no change of images; give flip, crop:PIXELS or cutout:PIXELS")),
        }
        let given_before = match name {
            "flip" => before.flip,
            "crop" => before.crop > 0,
            _ => before.cutout > 0,
        };
        if given_before {
            return Err(format!("`{name}` is there twice; give it once"));
        }
    }
    Ok(augmentation)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_read_and_what_is_wrong_is_said() {
        let all = Augmentation { flip: true, crop: 4, cutout: 8 };
        assert_eq!(augmentation("flip,crop:4,cutout:8"), Ok(all));
        assert_eq!(augmentation("cutout:8,crop:4,flip"), Ok(all));
        assert_eq!(augmentation("crop:2"), Ok(Augmentation { crop: 2, ..Augmentation::default() }));
        for (text, words) in [
            ("", "`` is no change of images; give flip, crop:PIXELS or cutout:PIXELS"),
            ("rotate:3", "`rotate:3` is no change"),
            ("flip:2", "`flip:2` is no change"),
            ("flip,", "`` is no change"),
            ("crop", "`crop` needs a number of pixels above 0, as in `crop:4`"),
            ("cutout:0", "`cutout:0` needs a number"),
            ("crop:-1", "`crop:-1` needs a number"),
            ("crop:4,crop:4", "`crop` is there twice"),
            ("flip,flip", "`flip` is there twice"),
        ] {
            let error = augmentation(text).unwrap_err();
            assert!(error.contains(words), "{text}: {error}");
        }
    }
}
