//! RMSprop as Keras writes it, centered or not, with and without momentum.

use super::Case;
use super::optimizer::Steps;
use crate::optim::{Optimizer, RmsProp, Rule};

/// `RMSprop.update_step` of Keras 3.
fn keras(optimizer: &Optimizer, _: i32, rate: f64, mut w: f64, g: f64, state: &mut [f64; 3]) -> f64 {
    let Rule::RmsProp(RmsProp { rho, momentum, epsilon, centered }) = optimizer.rule else { return f64::NAN };
    let [velocity, mean, momentum_of_steps] = state;
    w -= w * optimizer.weight_decay * rate;
    *velocity = rho * *velocity + (1.0 - rho) * g * g;
    let mut denominator = *velocity + epsilon;
    if centered {
        *mean = rho * *mean + (1.0 - rho) * g;
        denominator -= *mean * *mean;
    }
    let increment = rate * g / denominator.sqrt();
    if momentum > 0.0 {
        *momentum_of_steps = momentum * *momentum_of_steps + increment;
        return w - *momentum_of_steps;
    }
    w - increment
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for centered in [false, true] {
        for (momentum, weight_decay) in [(0.0, 0.0), (0.8, 0.0), (0.8, 0.3)] {
            let rule = Rule::RmsProp(RmsProp { momentum, centered, epsilon: 1e-4, ..RmsProp::default() });
            let optimizer = Optimizer { rule, learning_rate: 0.01, weight_decay, ..Optimizer::default() };
            let kind = if centered { "centered" } else { "plain" };
            let name = format!("{kind}, momentum {momentum}, decay {weight_decay}");
            cases.extend(Steps { name, optimizer, formula: keras, gradient: 0.1 }.cases());
        }
    }
    cases
}
