//! Sum of two tensors, of a tensor with itself, whose gradient counts twice, and of several.

use super::{Case, OperationCase};

pub(super) fn cases() -> Vec<Case> {
    let shapes = [vec![1, 1], vec![2, 3], vec![3, 5, 2], vec![2, 3, 3, 5], vec![1, 16], vec![260, 1]];
    let sum = |shape: Vec<usize>| OperationCase {
        name: format!("{shape:?}"),
        activations: vec![shape.clone(), shape],
        weights: Vec::new(),
        build: Box::new(|graph, tensors| graph.add("y", tensors[0], tensors[1])),
        reference: Box::new(|inputs| inputs[0].iter().zip(&inputs[1]).map(|(a, b)| a + b).collect()),
    };
    let twice = OperationCase {
        name: "x + x".into(),
        activations: vec![vec![3, 7]],
        weights: Vec::new(),
        build: Box::new(|graph, tensors| graph.add("y", tensors[0], tensors[0])),
        reference: Box::new(|inputs| inputs[0].iter().map(|x| x + x).collect()),
    };
    let several = |tensors: usize| OperationCase {
        name: format!("{tensors} tensors"),
        activations: vec![vec![2, 3, 5]; tensors],
        weights: Vec::new(),
        build: Box::new(|graph, tensors| graph.add_all("y", tensors)),
        reference: Box::new(|inputs| (0..30).map(|i| inputs.iter().map(|input| input[i]).sum()).collect()),
    };
    shapes.into_iter().map(sum).chain([twice]).chain([2, 3, 5].map(several)).map(Case::from).collect()
}
