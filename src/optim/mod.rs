//! Optimizers, one file each, and the gradients that they all read.

mod accumulation;
mod adam;
mod gradients;
mod group;
mod lookahead;
mod loss_scale;
mod matrices;
mod muon;
mod optimizer;
mod penalty;
mod rmsprop;
mod sgd;
mod update_rule;

pub use accumulation::Accumulation;
pub use adam::Adam;
pub use gradients::GradientTable;
use gradients::TableChunk;
pub use group::Group;
pub use lookahead::Lookahead;
pub use loss_scale::LossScale;
pub use muon::Muon;
pub use optimizer::{Decay, Optimizer, Rule};
pub use penalty::Penalties;
pub use rmsprop::RmsProp;
pub use sgd::Sgd;
pub use update_rule::{Form, RuleScalars};
