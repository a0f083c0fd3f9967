//! Relu as a layer of its own.

use crate::harness::Case;

#[test]
fn every_rest_of_four() {
    for shape in [vec![1, 1], vec![2, 3], vec![3, 5, 2], vec![2, 3, 3, 5], vec![1, 16], vec![260, 1]] {
        Case {
            name: format!("relu {shape:?}"),
            activations: vec![shape],
            parameter: None,
            build: Box::new(|graph, tensors| graph.relu("y", tensors[0])),
            reference: Box::new(|inputs| inputs[0].iter().map(|x| x.max(0.0)).collect()),
        }
        .check();
    }
}
