//! Dense layers, of sizes that fill no tile and no vec4.

use wgrad::ops::Dense;

use crate::harness::Case;

fn check(n: usize, features: usize, units: usize, relu: bool) {
    let geometry = Dense { input: [n, features], units, bias: true, relu };
    Case {
        name: format!("{geometry:?}"),
        activations: vec![vec![n, features]],
        parameter: Some(vec![features, units]),
        build: Box::new(move |graph, tensors| graph.dense("y", geometry, tensors[0], tensors[1])),
        reference: Box::new(move |inputs| {
            let (x, w) = (&inputs[0], &inputs[1]);
            let cell = |i: usize| {
                let (row, unit) = (i / units, i % units);
                let bias = w[features * units + unit];
                let sum = (0..features).map(|k| x[row * features + k] * w[k * units + unit]).sum::<f64>() + bias;
                if relu { sum.max(0.0) } else { sum }
            };
            (0..n * units).map(cell).collect()
        }),
    }
    .check();
}

#[test]
fn one_row() {
    check(1, 5, 3, false);
}

#[test]
fn tutorial_head() {
    check(7, 64, 10, false);
}

#[test]
fn aligned_relu() {
    check(8, 12, 16, true);
}

#[test]
fn wider_than_a_tile() {
    check(3, 9, 70, true);
}

#[test]
fn more_rows_than_a_tile() {
    check(67, 6, 5, false);
}

#[test]
fn split_reduction() {
    check(300, 3, 2, false);
}
