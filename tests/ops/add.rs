//! Sum of two tensors.

use crate::harness::Case;

#[test]
fn every_rest_of_four() {
    for shape in [vec![1, 1], vec![2, 3], vec![3, 5, 2], vec![2, 3, 3, 5], vec![1, 16], vec![260, 1]] {
        Case {
            name: format!("add {shape:?}"),
            activations: vec![shape.clone(), shape],
            parameter: None,
            build: Box::new(|graph, tensors| graph.add("y", tensors[0], tensors[1])),
            reference: Box::new(|inputs| inputs[0].iter().zip(&inputs[1]).map(|(a, b)| a + b).collect()),
        }
        .check();
    }
}

/// The same tensor twice: its gradient counts twice.
#[test]
fn of_a_tensor_with_itself() {
    Case {
        name: "x + x".into(),
        activations: vec![vec![3, 7]],
        parameter: None,
        build: Box::new(|graph, tensors| graph.add("y", tensors[0], tensors[0])),
        reference: Box::new(|inputs| inputs[0].iter().map(|x| x + x).collect()),
    }
    .check();
}
