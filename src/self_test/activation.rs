//! Smooth activations, on small and on large values.

use super::{Case, OperationCase};
use crate::ops::Smooth;

/// The error function by its Taylor series, which converges everywhere.
fn erf(x: f64) -> f64 {
    let mut term = x;
    let mut sum = x;
    for n in 1..200 {
        term *= -x * x / f64::from(n);
        sum += term / f64::from(2 * n + 1);
    }
    sum * 2.0 / std::f64::consts::PI.sqrt()
}

fn reference(function: Smooth, x: f64) -> f64 {
    match function {
        Smooth::Gelu => x * 0.5 * (1.0 + erf(x / 2.0_f64.sqrt())),
        Smooth::Tanh => x.tanh(),
        Smooth::Sigmoid => 1.0 / (1.0 + (-x).exp()),
    }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for function in [Smooth::Gelu, Smooth::Tanh, Smooth::Sigmoid] {
        for shape in [vec![1, 1], vec![2, 3], vec![3, 5, 2], vec![2, 3, 3, 5], vec![1, 16], vec![260, 1]] {
            let case = OperationCase {
                name: format!("{function:?} of {shape:?}"),
                activations: vec![shape],
                parameter: None,
                // Values in ±1, added up to reach further out.
                build: Box::new(move |graph, tensors| {
                    let mut x = tensors[0];
                    for _ in 0..2 {
                        x = graph.add("twice", x, x)?;
                    }
                    graph.activation("y", function, x)
                }),
                reference: Box::new(move |inputs| inputs[0].iter().map(|x| reference(function, 4.0 * x)).collect()),
            };
            cases.push(case.into());
        }
    }
    cases
}
