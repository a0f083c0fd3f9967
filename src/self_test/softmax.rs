//! Softmax over the last axis, with sharp and flat rows.

use super::{Case, OperationCase};

fn reference(columns: usize, x: &[f64]) -> Vec<f64> {
    let row = |row: &[f64]| {
        let exponentials: Vec<f64> = row.iter().map(|x| x.exp()).collect();
        let sum: f64 = exponentials.iter().sum();
        exponentials.into_iter().map(|e| e / sum).collect::<Vec<_>>()
    };
    x.chunks(columns).flat_map(row).collect()
}

pub(super) fn cases() -> Vec<Case> {
    let shapes = [vec![1, 1], vec![2, 3], vec![3, 4], vec![1, 16], vec![2, 3, 2, 5], vec![2, 3, 37], vec![70, 2]];
    let case = |(shape, doublings): (Vec<usize>, u32)| {
        let columns = shape[shape.len() - 1];
        OperationCase {
            name: format!("{shape:?} times {}", 1 << doublings),
            activations: vec![shape],
            weights: Vec::new(),
            build: Box::new(move |graph, tensors| {
                let mut x = tensors[0];
                for _ in 0..doublings {
                    x = graph.add("twice", x, x)?;
                }
                graph.softmax("y", x)
            }),
            reference: Box::new(move |inputs| {
                let x: Vec<f64> = inputs[0].iter().map(|x| x * f64::from(1 << doublings)).collect();
                reference(columns, &x)
            }),
        }
    };
    // The last would overflow if it were computed from exp(x).
    let sharp = [(vec![4, 7], 3), (vec![3, 6], 7)];
    shapes.into_iter().map(|shape| (shape, 0)).chain(sharp).map(case).map(Case::from).collect()
}
