//! A scale and an offset for each channel.

use super::{Case, OperationCase};
use crate::graph::{Initializer, VariableSpec};

pub(super) fn cases() -> Vec<Case> {
    let shapes = [vec![2, 3, 4, 3], vec![1, 5, 2, 8], vec![7, 5], vec![2, 3, 6], vec![1, 1, 1, 1]];
    let vector = |name: &str, c: usize| VariableSpec::vector("layer", name, c, Initializer::Zeros);
    let case = |shape: Vec<usize>| {
        let c = shape[shape.len() - 1];
        OperationCase {
            name: format!("{shape:?}"),
            activations: vec![shape],
            weights: vec![vec![vector("scale", c), vector("offset", c)]],
            build: Box::new(|graph, tensors| graph.affine("y", tensors[0], tensors[1])),
            reference: Box::new(move |inputs| {
                let [x, scale, offset] = [0, 1, 2].map(|input| &inputs[input]);
                x.iter().enumerate().map(|(i, x)| x * scale[i % c] + offset[i % c]).collect()
            }),
        }
    };
    shapes.into_iter().map(case).map(Case::from).collect()
}
