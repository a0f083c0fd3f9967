//! Adam and AdamW in the forms of Keras and PyTorch.

use super::Case;
use super::optimizer::Steps;
use crate::optim::{Adam, Decay, Form, Optimizer, Rule};

/// `Adam.update_step` of Keras 3.
fn keras(optimizer: &Optimizer, t: i32, rate: f64, mut w: f64, g: f64, [m, v, _]: &mut [f64; 3]) -> f64 {
    *m = 0.9 * *m + 0.1 * g;
    *v = 0.999 * *v + 0.001 * g * g;
    w -= rate * optimizer.weight_decay * w;
    let alpha = rate * (1.0 - 0.999_f64.powi(t)).sqrt() / (1.0 - 0.9_f64.powi(t));
    w - alpha * *m / (v.sqrt() + 1e-7)
}

/// `torch.optim.Adam` and `torch.optim.AdamW`.
fn pytorch(optimizer: &Optimizer, t: i32, rate: f64, mut w: f64, mut g: f64, [m, v, _]: &mut [f64; 3]) -> f64 {
    match optimizer.decay {
        Decay::Decoupled => w *= 1.0 - rate * optimizer.weight_decay,
        Decay::L2 => g += optimizer.weight_decay * w,
    }
    *m = 0.9 * *m + 0.1 * g;
    *v = 0.999 * *v + 0.001 * g * g;
    let root = v.sqrt() / (1.0 - 0.999_f64.powi(t)).sqrt() + 1e-3;
    w - rate / (1.0 - 0.9_f64.powi(t)) * *m / root
}

pub(super) fn cases() -> Vec<Case> {
    let adam = Adam::of(Form::Keras);
    // An epsilon that is large enough to show where it is added.
    let torch = Adam { epsilon: 1e-3, ..Adam::of(Form::PyTorch) };
    let steps = [
        ("Keras", adam, 0.0, Decay::Decoupled),
        ("Keras, decay", adam, 0.5, Decay::Decoupled),
        ("PyTorch", torch, 0.0, Decay::L2),
        ("PyTorch, L2 decay", torch, 0.01, Decay::L2),
        ("PyTorch, decoupled decay", torch, 0.5, Decay::Decoupled),
    ];
    let case = |(name, adam, weight_decay, decay): (&str, Adam, f64, Decay)| {
        let formula = if adam.form == Form::Keras { keras } else { pytorch };
        // Steps that are large against the rounding of weights near 1.
        let rule = Rule::Adam(adam);
        let optimizer = Optimizer { rule, learning_rate: 0.01, weight_decay, decay, ..Optimizer::default() };
        Steps { name: name.into(), optimizer, formula, gradient: 0.01 }.cases()
    };
    steps.into_iter().flat_map(case).collect()
}
