//! A scale and an offset for each channel.

use super::{Case, OperationCase};

pub(super) fn cases() -> Vec<Case> {
    let shapes = [vec![2, 2, 3, 63], vec![1, 1, 2, 64], vec![3, 61], vec![2, 3, 62]];
    let case = |shape: Vec<usize>| {
        let c = shape[shape.len() - 1];
        OperationCase {
            name: format!("{shape:?}"),
            activations: vec![shape, vec![64 + c.next_multiple_of(4)]],
            weights: Vec::new(),
            build: Box::new(|graph, tensors| graph.affine("y", tensors[0], tensors[1])),
            reference: Box::new(move |inputs| {
                let (x, w) = (&inputs[0], &inputs[1]);
                x.iter().enumerate().map(|(i, x)| x * w[i % c] + w[64 + i % c]).collect()
            }),
        }
    };
    shapes.into_iter().map(case).map(Case::from).collect()
}
