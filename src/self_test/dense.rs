//! Dense layers, of sizes that fill no tile and no vec4.

use super::{Case, OperationCase};
use crate::ops::Dense;

/// Rows `x` by `w`, the kernel, followed by the bias if there is one.
pub(super) fn reference(Dense { input: [n, features], units, bias, relu }: Dense, x: &[f64], w: &[f64]) -> Vec<f64> {
    let cell = |i: usize| {
        let (row, unit) = (i / units, i % units);
        let bias = if bias { w[features * units + unit] } else { 0.0 };
        let sum = (0..features).map(|k| x[row * features + k] * w[k * units + unit]).sum::<f64>() + bias;
        if relu { sum.max(0.0) } else { sum }
    };
    (0..n * units).map(cell).collect()
}

pub(super) fn cases() -> Vec<Case> {
    operations().into_iter().map(Case::from).collect()
}

pub(super) fn operations() -> Vec<OperationCase> {
    let geometries = [
        ("one row", Dense { input: [1, 5], units: 3, bias: true, relu: false }),
        ("tutorial head", Dense { input: [7, 64], units: 10, bias: true, relu: false }),
        ("aligned relu", Dense { input: [8, 12], units: 16, bias: true, relu: true }),
        ("wider than a tile", Dense { input: [3, 9], units: 70, bias: true, relu: true }),
        ("more rows than a tile", Dense { input: [67, 6], units: 5, bias: true, relu: false }),
        ("split reduction", Dense { input: [300, 3], units: 2, bias: true, relu: false }),
        ("many features", Dense { input: [1, 1280], units: 2, bias: true, relu: false }),
        ("many units", Dense { input: [1, 3], units: 1030, bias: true, relu: true }),
        ("no bias", Dense { input: [5, 7], units: 6, bias: false, relu: true }),
    ];
    let case = |(name, geometry): (&str, Dense)| OperationCase {
        name: format!("{name}: {:?} to {}", geometry.input, geometry.units),
        activations: vec![geometry.input.to_vec()],
        weights: vec![geometry.variables("layer")],
        build: Box::new(move |graph, tensors| graph.dense("y", geometry, tensors[0], tensors[1])),
        reference: Box::new(move |inputs| reference(geometry, &inputs[0], &inputs[1..].concat())),
    };
    let over_the_last_axis = |outer: Vec<usize>| {
        let geometry = Dense { input: [outer.iter().product(), 6], units: 5, bias: true, relu: true };
        OperationCase {
            name: format!("over the last axis of {outer:?}"),
            activations: vec![[&outer[..], &[6]].concat()],
            weights: vec![geometry.variables("layer")],
            build: Box::new(move |graph, tensors| graph.dense("y", geometry, tensors[0], tensors[1])),
            reference: Box::new(move |inputs| reference(geometry, &inputs[0], &inputs[1..].concat())),
        }
    };
    let more_axes = [vec![2, 3, 4], vec![3, 2], vec![1, 1, 1]].map(over_the_last_axis);
    geometries.into_iter().map(case).chain(more_axes).collect()
}
