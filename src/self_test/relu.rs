//! Relu as a layer of its own.

use super::{Case, OperationCase};

pub(super) fn cases() -> Vec<Case> {
    let shapes = [vec![1, 1], vec![2, 3], vec![3, 5, 2], vec![2, 3, 3, 5], vec![1, 16], vec![260, 1]];
    let case = |shape: Vec<usize>| OperationCase {
        name: format!("{shape:?}"),
        activations: vec![shape],
        weights: Vec::new(),
        build: Box::new(|graph, tensors| graph.relu("y", tensors[0])),
        reference: Box::new(|inputs| inputs[0].iter().map(|x| x.max(0.0)).collect()),
    };
    shapes.into_iter().map(case).map(Case::from).collect()
}
