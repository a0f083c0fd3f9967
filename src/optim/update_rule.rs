//! What the file of a rule says about it.

use serde::{Deserialize, Serialize};

use crate::kernel::Wgsl;

/// Whose way of writing an optimizer is followed where Keras and PyTorch differ.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// Keras 3.
    #[default]
    Keras,
    /// PyTorch 2.
    PyTorch,
}

/// Numbers of a rule that change from step to step.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RuleScalars {
    /// The learning rate, with what the rule multiplies it by.
    pub rate: f32,
    /// What the rule adds where it would divide by 0 else.
    pub epsilon: f32,
}

/// By what a number of a rule is multiplied in update `t`, so that Adam's moments, which begin with 0, count in full.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) enum Factor {
    /// Nothing.
    #[default]
    One,
    /// `sqrt(1 - beta2^t)`
    Root,
    /// `sqrt(1 - beta2^t) / (1 - beta1^t)`
    Whole,
}

/// How a rule's numbers depend on the number of updates.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Correction {
    /// `beta1` and `beta2`.
    pub betas: [f64; 2],
    /// The factor of the rate.
    pub rate: Factor,
    /// The factor of epsilon.
    pub epsilon: Factor,
}

/// What a rule's file says about it.
pub(super) trait UpdateRule {
    /// Names of the slots of its state, each of which has a value for every weight, at their places.
    fn slots(&self) -> [Option<&'static str>; 3];

    /// Its numbers for update `t`, counted from 1, at this learning rate.
    fn scalars(&self, t: u64, learning_rate: f64) -> RuleScalars;

    /// Its numbers without what depends on the number of updates, and that as a [`Correction`].
    fn uncorrected(&self, learning_rate: f64) -> (RuleScalars, Correction) {
        (self.scalars(1, learning_rate), Correction::default())
    }

    /// The WGSL that defines `step`, as `shaders/optimizer/update.wgsl` wants it.
    fn source(&self) -> Wgsl;

    /// Its `override` constants.
    fn constants(&self) -> Vec<(&'static str, f64)>;

    /// Operations for a weight.
    fn flops(&self) -> u64;
}
