//! Borders of zeros, of another width on each side.

use super::{Case, OperationCase};

pub(super) fn cases() -> Vec<Case> {
    let geometries = [
        ([2, 3, 4, 8], [[1, 1], [1, 1]]),
        ([1, 5, 3, 3], [[0, 1], [0, 1]]),
        ([2, 2, 3, 5], [[3, 0], [1, 2]]),
        ([1, 1, 1, 1], [[2, 1], [0, 3]]),
        ([3, 4, 2, 6], [[0, 0], [0, 0]]),
    ];
    let case = |(input, padding): ([usize; 4], [[usize; 2]; 2])| OperationCase {
        name: format!("{input:?} by {padding:?}"),
        activations: vec![input.to_vec()],
        weights: Vec::new(),
        build: Box::new(move |graph, tensors| graph.zero_padding2d("y", padding, tensors[0])),
        reference: Box::new(move |inputs| {
            let [n, h, w, c] = input;
            let [[top, bottom], [left, right]] = padding;
            let (oh, ow) = (top + h + bottom, left + w + right);
            let mut y = vec![0.0; n * oh * ow * c];
            for (i, x) in inputs[0].iter().enumerate() {
                let (channel, column, row, image) = (i % c, i / c % w, i / (c * w) % h, i / (c * w * h));
                y[((image * oh + top + row) * ow + left + column) * c + channel] = *x;
            }
            y
        }),
    };
    geometries.into_iter().map(case).map(Case::from).collect()
}
