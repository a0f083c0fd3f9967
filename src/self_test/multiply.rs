//! Products of two tensors: of one shape, of a tensor with itself, and with a factor for each channel.

use super::{Case, OperationCase};

pub(super) fn cases() -> Vec<Case> {
    let shapes = [vec![1, 1], vec![2, 3], vec![3, 5, 2], vec![2, 3, 3, 5], vec![1, 16], vec![260, 1]];
    let product = |shape: Vec<usize>| OperationCase {
        name: format!("{shape:?}"),
        activations: vec![shape.clone(), shape],
        weights: Vec::new(),
        build: Box::new(|graph, tensors| graph.multiply("y", tensors[0], tensors[1])),
        reference: Box::new(|inputs| inputs[0].iter().zip(&inputs[1]).map(|(a, b)| a * b).collect()),
    };
    let square = OperationCase {
        name: "x x".into(),
        activations: vec![vec![3, 7]],
        weights: Vec::new(),
        build: Box::new(|graph, tensors| graph.multiply("y", tensors[0], tensors[0])),
        reference: Box::new(|inputs| inputs[0].iter().map(|x| x * x).collect()),
    };
    let images = [[2, 3, 4, 8], [1, 5, 3, 3], [3, 1, 1, 5], [2, 1, 1, 1], [1, 13, 12, 2], [2, 20, 19, 1]];
    let per_channel = |(image, factors_first): ([usize; 4], bool)| {
        let [n, h, w, c] = image;
        let mut activations = vec![image.to_vec(), vec![n, 1, 1, c]];
        if factors_first {
            activations.reverse();
        }
        OperationCase {
            name: format!("{:?} by {:?}", activations[0], activations[1]),
            activations,
            weights: Vec::new(),
            build: Box::new(|graph, tensors| graph.multiply("y", tensors[0], tensors[1])),
            reference: Box::new(move |inputs| {
                let [x, factors] = if factors_first { [&inputs[1], &inputs[0]] } else { [&inputs[0], &inputs[1]] };
                x.iter().enumerate().map(|(i, x)| x * factors[i / (h * w * c) * c + i % c]).collect()
            }),
        }
    };
    let with_factors = images.into_iter().flat_map(|image| [(image, false), (image, true)]);
    shapes.into_iter().map(product).chain([square]).chain(with_factors.map(per_channel)).map(Case::from).collect()
}
