//! Functions of a number and of a trained weight: of channels, of all places of an image, sums in several parts.

use super::{Case, OperationCase};
use crate::graph::Initializer;
use crate::ops::{Parametric, ParametricFunction as Function};

fn reference(function: Function, x: f64, w: f64) -> f64 {
    match function {
        Function::Scale => x * w,
        Function::Offset => x + w,
        Function::Prelu if x > 0.0 => x,
        Function::Prelu => x * w,
    }
}

pub(super) fn cases() -> Vec<Case> {
    let shapes: [(&[usize], usize); 7] = [
        (&[2, 3, 4, 8], 1),
        (&[2, 3, 4, 5], 1),
        (&[3, 2, 3, 6], 3),
        (&[5, 3], 1),
        (&[1, 1, 1, 1], 3),
        (&[9, 20, 21, 3], 1),
        (&[700, 2], 1),
    ];
    let mut cases = Vec::new();
    for function in [Function::Scale, Function::Offset, Function::Prelu] {
        for (shape, sizes) in shapes {
            let weights = shape[shape.len() - sizes..].to_vec();
            let variable = Parametric::variable("layer", "w", weights.clone(), Initializer::Zeros);
            let period: usize = weights.iter().product();
            let case = OperationCase {
                name: format!("{function:?} of {shape:?} by {weights:?}"),
                activations: vec![shape.to_vec()],
                weights: vec![vec![variable]],
                build: Box::new(move |graph, tensors| {
                    graph.parametric("y", function, &weights, [tensors[0], tensors[1]])
                }),
                reference: Box::new(move |inputs| {
                    let elements = inputs[0].iter().enumerate();
                    elements.map(|(i, x)| reference(function, *x, inputs[1][i % period])).collect()
                }),
            };
            cases.push(case.into());
        }
    }
    cases
}
