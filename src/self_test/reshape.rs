//! Other shapes of the same elements, between two layers that compute, since alone many do nothing.

use super::{Case, OperationCase};

pub(super) fn cases() -> Vec<Case> {
    let flattened = [vec![2, 3, 5, 4], vec![1, 1, 1, 1], vec![3, 2, 2, 3], vec![4, 7], vec![2, 5, 3], vec![2, 1, 1, 6]];
    let flatten = |shape: Vec<usize>| OperationCase {
        name: format!("flatten {shape:?}"),
        activations: vec![shape],
        weights: Vec::new(),
        build: Box::new(|graph, tensors| {
            let x = graph.relu("relu", tensors[0])?;
            let flat = graph.flatten("flat", x)?;
            graph.relu("y", flat)
        }),
        reference: Box::new(|inputs| inputs[0].iter().map(|x| x.max(0.0)).collect()),
    };
    let shapes = [
        (vec![2, 3, 5, 4], vec![6, 20]),
        (vec![2, 30], vec![2, 5, 2, 3]),
        (vec![2, 5, 3], vec![10, 3]),
        (vec![3, 8], vec![3, 2, 1, 4]),
        (vec![12], vec![3, 4]),
        (vec![1, 6], vec![6, 1]),
        (vec![4, 9], vec![6, 6]),
    ];
    let reshape = |(from, to): (Vec<usize>, Vec<usize>)| OperationCase {
        name: format!("{from:?} as {to:?}"),
        activations: vec![from],
        weights: Vec::new(),
        build: Box::new(move |graph, tensors| {
            let x = graph.relu("relu", tensors[0])?;
            let y = graph.reshape("reshaped", to.clone(), x)?;
            graph.relu("y", y)
        }),
        reference: Box::new(|inputs| inputs[0].iter().map(|x| x.max(0.0)).collect()),
    };
    flattened.into_iter().map(flatten).chain(shapes.into_iter().map(reshape)).map(Case::from).collect()
}
