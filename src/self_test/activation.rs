//! Activations, on small and on large values.

use super::{Case, OperationCase};
use crate::ops::ActivationFunction as Function;

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

pub(super) fn reference(function: Function, x: f64) -> f64 {
    match function {
        Function::Gelu => x * 0.5 * (1.0 + erf(x / 2.0_f64.sqrt())),
        Function::Tanh => x.tanh(),
        Function::Sigmoid => 1.0 / (1.0 + (-x).exp()),
        Function::Relu { negative_slope, threshold, max_value } => {
            if x > threshold {
                x.min(max_value.unwrap_or(x))
            } else {
                negative_slope * (x - threshold)
            }
        }
        Function::Silu => x / (1.0 + (-x).exp()),
        Function::HardSigmoid => (x + 3.0).clamp(0.0, 6.0) / 6.0,
        Function::HardSilu => x * (x + 3.0).clamp(0.0, 6.0) / 6.0,
    }
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for function in [
        Function::Gelu,
        Function::Tanh,
        Function::Sigmoid,
        Function::RELU6,
        Function::leaky_relu(0.3),
        Function::leaky_relu(-0.5),
        Function::Relu { negative_slope: 0.25, threshold: 0.0, max_value: Some(2.1) },
        Function::Relu { negative_slope: 0.5, threshold: 0.7771, max_value: None },
        Function::Relu { negative_slope: 0.0, threshold: 0.0, max_value: None },
        Function::Silu,
        Function::HardSigmoid,
        Function::HardSilu,
    ] {
        // Relu6 ends further out than the others bend.
        let doublings = if function == Function::RELU6 { 3 } else { 2 };
        for shape in [vec![1, 1], vec![2, 3], vec![3, 5, 2], vec![2, 3, 3, 5], vec![1, 16], vec![260, 1]] {
            let case = OperationCase {
                name: format!("{function:?} of {shape:?}"),
                activations: vec![shape],
                weights: Vec::new(),
                // Values in ±1, added up to reach further out.
                build: Box::new(move |graph, tensors| {
                    let mut x = tensors[0];
                    for _ in 0..doublings {
                        x = graph.add("twice", x, x)?;
                    }
                    graph.activation("y", function, x)
                }),
                reference: Box::new(move |inputs| {
                    let scale = f64::from(1 << doublings);
                    inputs[0].iter().map(|x| reference(function, scale * x)).collect()
                }),
            };
            cases.push(case.into());
        }
    }
    cases
}
