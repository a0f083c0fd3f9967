//! Flatten between two layers that compute, since alone it does nothing.

use super::{Case, OperationCase};

pub(super) fn cases() -> Vec<Case> {
    let shapes = [vec![2, 3, 5, 4], vec![1, 1, 1, 1], vec![3, 2, 2, 3], vec![4, 7], vec![2, 5, 3]];
    let case = |shape: Vec<usize>| OperationCase {
        name: format!("{shape:?}"),
        activations: vec![shape],
        parameter: None,
        build: Box::new(|graph, tensors| {
            let x = graph.relu("relu", tensors[0])?;
            let flat = graph.flatten("flat", x)?;
            graph.relu("y", flat)
        }),
        reference: Box::new(|inputs| inputs[0].iter().map(|x| x.max(0.0)).collect()),
    };
    shapes.into_iter().map(case).map(Case::from).collect()
}
