//! Adam.

use serde::Serialize;

use super::update_rule::{Correction, Factor, Form, RuleScalars, UpdateRule};
use crate::kernel::{Wgsl, wgsl};

/// Settings of Adam (Kingma & Ba 2015); the defaults are Keras's. With a decoupled decay it is AdamW.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Adam {
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the square root of the second moment: in Keras before that is corrected for its bias, in PyTorch after it.
    pub epsilon: f64,
    /// Whose form it has.
    pub form: Form,
}

impl Default for Adam {
    fn default() -> Self {
        Self::of(Form::Keras)
    }
}

impl Adam {
    /// Adam with the defaults of Keras or PyTorch.
    pub fn of(form: Form) -> Self {
        let epsilon = match form {
            Form::Keras => 1e-7,
            Form::PyTorch => 1e-8,
        };
        Self { beta1: 0.9, beta2: 0.999, epsilon, form }
    }
}

impl UpdateRule for Adam {
    fn slots(&self) -> [Option<&'static str>; 3] {
        [Some("first_moment"), Some("second_moment"), None]
    }

    fn scalars(&self, t: u64, learning_rate: f64) -> RuleScalars {
        match self.form {
            // Computed in f32 as in Keras, where `1 - beta2^t` is off by 1e-5 of its value in the first steps. Parity with
            // Keras needs the same error.
            Form::Keras => {
                let power = |beta: f64| (beta as f32).powf(t as f32);
                let rate = learning_rate as f32 * (1.0 - power(self.beta2)).sqrt() / (1.0 - power(self.beta1));
                RuleScalars { rate, epsilon: self.epsilon as f32 }
            }
            // lr / (1 - beta1^t) m / (sqrt(v) / c + epsilon) is lr c / (1 - beta1^t) m / (sqrt(v) + c epsilon), where
            // c = sqrt(1 - beta2^t).
            Form::PyTorch => {
                let corrected = |beta: f64| 1.0 - beta.powf(t as f64);
                let c = corrected(self.beta2).sqrt();
                let rate = learning_rate * c / corrected(self.beta1);
                RuleScalars { rate: rate as f32, epsilon: (self.epsilon * c) as f32 }
            }
        }
    }

    fn uncorrected(&self, learning_rate: f64) -> (RuleScalars, Correction) {
        let scalars = RuleScalars { rate: learning_rate as f32, epsilon: self.epsilon as f32 };
        let epsilon = match self.form {
            Form::Keras => Factor::One,
            Form::PyTorch => Factor::Root,
        };
        (scalars, Correction { betas: [self.beta1, self.beta2], rate: Factor::Whole, epsilon })
    }

    fn source(&self) -> Wgsl {
        wgsl!("optimizer/adam")
    }

    fn constants(&self) -> Vec<(&'static str, f64)> {
        vec![("NEW1", 1.0 - self.beta1), ("NEW2", 1.0 - self.beta2)]
    }

    fn flops(&self) -> u64 {
        12
    }
}
