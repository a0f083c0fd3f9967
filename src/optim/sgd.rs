//! Gradient descent.

use serde::Serialize;

use super::update_rule::{Form, RuleScalars, UpdateRule};
use crate::kernel::{Wgsl, wgsl};

/// Settings of gradient descent, with momentum (Polyak 1964) if asked. The defaults are those of Keras and PyTorch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize)]
pub struct Sgd {
    /// Share of the velocity that stays from step to step; none is kept if it is 0.
    pub momentum: f64,
    /// Whether the momentum is Nesterov's (Sutskever et al. 2013).
    pub nesterov: bool,
    /// Whose form it has. Keras multiplies a gradient by the learning rate of its step before it enters the velocity;
    /// PyTorch multiplies the velocity by the present learning rate. They differ where the rate changes.
    pub form: Form,
}

impl UpdateRule for Sgd {
    fn slots(&self) -> [Option<&'static str>; 3] {
        [(self.momentum != 0.0).then_some("velocity"), None, None]
    }

    fn scalars(&self, _: u64, learning_rate: f64) -> RuleScalars {
        RuleScalars { rate: learning_rate as f32, epsilon: 0.0 }
    }

    fn source(&self) -> Wgsl {
        wgsl!("optimizer/sgd")
    }

    fn constants(&self) -> Vec<(&'static str, f64)> {
        vec![
            ("MOMENTUM", self.momentum),
            ("NESTEROV", self.nesterov.into()),
            ("RATE_INSIDE", (self.form == Form::Keras).into()),
        ]
    }

    fn flops(&self) -> u64 {
        8
    }
}
