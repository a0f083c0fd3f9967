//! Gradient descent with and without momentum, in the forms of Keras and PyTorch.

use super::Case;
use super::optimizer::Steps;
use crate::optim::{Decay, Form, Optimizer, Rule, Sgd};

fn sgd(optimizer: &Optimizer) -> Sgd {
    match optimizer.rule {
        Rule::Sgd(sgd) => sgd,
        _ => Sgd::default(),
    }
}

/// `SGD.update_step` of Keras 3: the learning rate is inside the velocity.
fn keras(optimizer: &Optimizer, _: i32, rate: f64, mut w: f64, g: f64, [velocity, ..]: &mut [f64; 3]) -> f64 {
    let Sgd { momentum, nesterov, .. } = sgd(optimizer);
    w -= w * optimizer.weight_decay * rate;
    *velocity = momentum * *velocity - g * rate;
    if nesterov { w + momentum * *velocity - g * rate } else { w + *velocity }
}

/// `torch.optim.SGD`, without dampening.
fn pytorch(optimizer: &Optimizer, t: i32, rate: f64, w: f64, g: f64, [buffer, ..]: &mut [f64; 3]) -> f64 {
    let Sgd { momentum, nesterov, .. } = sgd(optimizer);
    let g = g + optimizer.weight_decay * w;
    *buffer = if t == 1 { g } else { momentum * *buffer + g };
    w - rate * if nesterov { g + momentum * *buffer } else { *buffer }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for form in [Form::Keras, Form::PyTorch] {
        for (momentum, nesterov) in [(0.0, false), (0.9, false), (0.9, true)] {
            for weight_decay in [0.0, 0.3] {
                let (formula, decay): (super::optimizer::Formula, Decay) = match form {
                    Form::Keras => (keras, Decay::Decoupled),
                    Form::PyTorch => (pytorch, Decay::L2),
                };
                let rule = Rule::Sgd(Sgd { momentum, nesterov, form });
                let optimizer = Optimizer { rule, learning_rate: 0.01, weight_decay, decay, ..Optimizer::default() };
                let kind = if nesterov { "Nesterov's momentum" } else { "momentum" };
                let name = format!("{form:?}, {kind} {momentum}, decay {weight_decay}");
                cases.extend(Steps { name, optimizer, formula, gradient: 1.0 }.cases());
            }
        }
    }
    cases
}
