//! RMSprop.

use serde::Serialize;

use super::update_rule::{RuleScalars, UpdateRule};
use crate::kernel::{Wgsl, wgsl};

/// Settings of RMSprop (Hinton 2012) as Keras writes it; the defaults are Keras's.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct RmsProp {
    /// Share of the averages that stays from step to step.
    pub rho: f64,
    /// Share of the velocity that stays from step to step; none is kept if it is 0.
    pub momentum: f64,
    /// Added to the average of the squared gradient before its root is taken.
    pub epsilon: f64,
    /// Whether gradients are divided by their deviation instead of the root of their mean square.
    pub centered: bool,
}

impl Default for RmsProp {
    fn default() -> Self {
        Self { rho: 0.9, momentum: 0.0, epsilon: 1e-7, centered: false }
    }
}

impl UpdateRule for RmsProp {
    fn slots(&self) -> [Option<&'static str>; 3] {
        let velocity = (self.momentum != 0.0).then_some("velocity");
        [Some("mean_square"), velocity, self.centered.then_some("mean_gradient")]
    }

    fn scalars(&self, _: u64, learning_rate: f64) -> RuleScalars {
        RuleScalars { rate: learning_rate as f32, epsilon: self.epsilon as f32 }
    }

    fn source(&self) -> Wgsl {
        wgsl!("optimizer/rmsprop")
    }

    fn constants(&self) -> Vec<(&'static str, f64)> {
        vec![("NEW", 1.0 - self.rho), ("CENTERED", self.centered.into()), ("MOMENTUM", self.momentum)]
    }

    fn flops(&self) -> u64 {
        14
    }
}
