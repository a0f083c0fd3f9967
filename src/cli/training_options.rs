//! Options of how a network is trained.

use clap::Args;
use wgrad::ops::Augmentation;
use wgrad::optim::{Form, Group};
use wgrad::train::{KeptWeights, LearningRateSchedule, Monitor, OptimizerKind, RunSpec};

use super::options::{update, update_some};

/// How the weights change, what is done to images and labels, and what is done between the epochs.
#[derive(Debug, Args)]
pub struct TrainingOptions {
    /// The optimizer: `adam`, `adamw`, `sgd`, `rmsprop` or `muon` [default: adam]
    #[arg(long, value_name = "NAME")]
    optimizer: Option<OptimizerKind>,
    /// Whose form the optimizer has where the two differ: that of `keras` or of `pytorch` [default: keras]
    #[arg(long, value_name = "WHOSE", value_parser = form)]
    optimizer_form: Option<Form>,
    /// Momentum of sgd, rmsprop and muon: the share of the velocity that stays from step to step [default: 0; 0.95 with muon]
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    momentum: Option<f64>,
    /// Use Nesterov's momentum in sgd
    #[arg(long)]
    nesterov: bool,
    /// Divide by the deviation of the gradient in rmsprop, instead of by the root of its mean square
    #[arg(long)]
    centered: bool,
    /// The learning rate [default: 0.001; 0.01 with sgd]
    #[arg(long, value_name = "RATE", allow_negative_numbers = true)]
    learning_rate: Option<f64>,
    /// How the learning rate changes: `constant`, `step:FACTOR@EPOCHS`, `cosine`, `cosine@WARM-UP EPOCHS`,
    /// `one-cycle:MAX` or `plateau:FACTOR@EPOCHS` [default: constant]
    #[arg(long, value_name = "SCHEDULE")]
    lr_schedule: Option<LearningRateSchedule>,
    /// Decay of weights: the share of each weight that an update subtracts, times the learning rate; in PyTorch's form of
    /// adam and sgd, the share that is added to its gradient [default: 0; 0.004 with adamw and muon]
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    weight_decay: Option<f64>,
    /// Scale the gradient down where its norm, over all layers together, is above this
    #[arg(long, value_name = "NORM", allow_negative_numbers = true)]
    clip_norm: Option<f64>,
    /// Give variables a learning rate and a decay of their own, as factors. PATTERN is the name of a layer or of a variable,
    /// in which * stands for any text; `*/bias=1,0` takes the decay from all biases. Of several the first counts
    #[arg(long, value_name = "PATTERN=RATE[,DECAY]")]
    group: Vec<Group>,
    /// Update once for this many minibatches, by the mean of their gradients [default: 1]
    #[arg(long, value_name = "MINIBATCHES")]
    accumulate: Option<usize>,
    /// Keep an exponential average of the weights with this momentum, and write it to average.safetensors
    #[arg(long, value_name = "MOMENTUM", allow_negative_numbers = true)]
    ema: Option<f64>,
    /// Evaluate with the average of the weights that --ema keeps, choose the best epoch by that, and write it as the weights
    #[arg(long)]
    evaluate_average: bool,
    /// Keep slow weights, which go a share of the way to the weights after this many updates, where the weights go on
    #[arg(long, value_name = "UPDATES")]
    lookahead: Option<u32>,
    /// Share of the way to the weights that the slow weights of --lookahead go [default: 0.5]
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    lookahead_alpha: Option<f64>,
    /// Let statistics of normalizations take part in --lookahead
    #[arg(long)]
    lookahead_statistics: bool,
    /// Label smoothing: the share of each label that the loss spreads over all classes [default: 0]
    #[arg(long, value_name = "SHARE", allow_negative_numbers = true)]
    label_smoothing: Option<f64>,
    /// Random changes of the training images: `flip`, `crop:PIXELS`, `cutout:PIXELS`, or several, as in
    /// flip,crop:4,cutout:8
    #[arg(long, value_name = "CHANGES", value_parser = augmentation)]
    augment: Option<Augmentation>,
    /// End training after this many epochs that were no better than the best one, and go back to its weights
    #[arg(long, value_name = "EPOCHS")]
    early_stopping: Option<usize>,
    /// The figure that says which epoch is better, for --early-stopping, --keep-weights and `plateau` [default:
    /// val_loss]
    #[arg(long, value_enum, value_name = "FIGURE")]
    monitor: Option<Monitor>,
    /// Weights to write after epochs, while training continues [default: best]
    #[arg(long, value_enum, value_name = "EPOCHS")]
    keep_weights: Option<KeptWeights>,
}

impl TrainingOptions {
    /// Changes in `spec` what the options say.
    pub fn update(&self, spec: &mut RunSpec) {
        update(&mut spec.optimizer, self.optimizer);
        update(&mut spec.optimizer_form, self.optimizer_form);
        update(&mut spec.momentum, self.momentum);
        spec.nesterov |= self.nesterov;
        spec.centered |= self.centered;
        update_some(&mut spec.learning_rate, self.learning_rate);
        update(&mut spec.lr_schedule, self.lr_schedule);
        update_some(&mut spec.weight_decay, self.weight_decay);
        update_some(&mut spec.clip_norm, self.clip_norm);
        update(&mut spec.group, Some(&self.group).filter(|groups| !groups.is_empty()).cloned());
        update(&mut spec.accumulate, self.accumulate);
        update_some(&mut spec.ema, self.ema);
        spec.evaluate_average |= self.evaluate_average;
        update_some(&mut spec.lookahead, self.lookahead);
        update(&mut spec.lookahead_alpha, self.lookahead_alpha);
        spec.lookahead_statistics |= self.lookahead_statistics;
        update(&mut spec.label_smoothing, self.label_smoothing);
        update(&mut spec.augment, self.augment);
        update_some(&mut spec.early_stopping, self.early_stopping);
        update(&mut spec.monitor, self.monitor);
        update(&mut spec.keep_weights, self.keep_weights);
    }
}

/// Reads whose form an optimizer has.
fn form(text: &str) -> Result<Form, String> {
    match text {
        "keras" => Ok(Form::Keras),
        "pytorch" => Ok(Form::PyTorch),
        _ => Err("give keras or pytorch".into()),
    }
}

/// Reads a list of changes, which must have one at least.
fn augmentation(text: &str) -> Result<Augmentation, String> {
    if text.is_empty() {
        return Err("give flip, crop:PIXELS or cutout:PIXELS".into());
    }
    text.parse()
}
