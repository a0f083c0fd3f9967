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

fn elu(alpha: f64, x: f64) -> f64 {
    if x > 0.0 { x } else { alpha * x.exp_m1() }
}

fn softplus(x: f64) -> f64 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

/// The doublings of values in ±1 with which a function is tested.
fn doublings(function: Function) -> &'static [u32] {
    match function {
        // It ends further out than the others bend.
        Function::RELU6 => &[3],
        // The exponentials of the largest values overflow.
        Function::Elu { .. } | Function::Selu | Function::Softplus | Function::Mish | Function::Silu => &[2, 8],
        _ => &[2],
    }
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
        Function::Elu { alpha } => elu(alpha, x),
        Function::Selu => 1.050_700_987_355_480_5 * elu(1.673_263_242_354_377_2, x),
        Function::Softplus => softplus(x),
        Function::Mish => x * softplus(x).tanh(),
        Function::Exponential => x.exp(),
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
        Function::Elu { alpha: 1.0 },
        Function::Elu { alpha: 0.4 },
        Function::Selu,
        Function::Softplus,
        Function::Mish,
        Function::Exponential,
    ] {
        let shapes = [vec![1, 1], vec![2, 3], vec![3, 5, 2], vec![2, 3, 3, 5], vec![1, 16], vec![260, 1]];
        let sizes =
            doublings(function).iter().flat_map(|doublings| shapes.iter().map(|shape| (*doublings, shape.clone())));
        for (doublings, shape) in sizes {
            let case = OperationCase {
                name: format!("{function:?} of {shape:?} in ±{}", 1 << doublings),
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
