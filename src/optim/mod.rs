//! Optimizers, one file each, and the gradients that they all read.

mod adam;
mod gradients;
mod optimizer;
mod rmsprop;
mod sgd;

pub use adam::Adam;
pub use gradients::GradientTable;
pub use optimizer::{Decay, Form, Optimizer, Rule, RuleScalars};
pub use rmsprop::RmsProp;
pub use sgd::Sgd;
