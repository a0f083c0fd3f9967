//! Average pooling: windows that overlap, touch, or leave gaps; odd sizes; the whole image.

use super::{Case, OperationCase};
use crate::ops::Pool2d;

fn reference(pool: Pool2d, x: &[f64]) -> Vec<f64> {
    let [_, h, w, _] = pool.input;
    let [n, oh, ow, c] = pool.output();
    let mut y = Vec::new();
    for i in 0..n * oh * ow * c {
        let (channel, ox, oy, image) = (i % c, i / c % ow, i / (c * ow) % oh, i / (c * ow * oh));
        let mut sum = 0.0;
        for ky in 0..pool.window[0] {
            for kx in 0..pool.window[1] {
                let (iy, ix) = (oy * pool.stride[0] + ky, ox * pool.stride[1] + kx);
                sum += x[((image * h + iy) * w + ix) * c + channel];
            }
        }
        y.push(sum / (pool.window[0] * pool.window[1]) as f64);
    }
    y
}

pub(super) fn cases() -> Vec<Case> {
    let windows = [
        ([2, 6, 8, 4], [2, 2], [2, 2]),
        ([2, 7, 5, 8], [2, 2], [2, 2]),
        ([1, 9, 8, 6], [3, 3], [2, 2]),
        ([2, 6, 7, 3], [3, 4], [1, 1]),
        ([1, 9, 10, 5], [2, 2], [3, 4]),
        ([2, 5, 9, 4], [1, 3], [2, 1]),
        ([3, 4, 5, 7], [4, 5], [4, 5]),
    ];
    let case = |(input, window, stride): ([usize; 4], _, _)| {
        let pool = Pool2d { input, window, stride };
        OperationCase {
            name: format!("{input:?} by {window:?}, stride {stride:?}"),
            activations: vec![input.to_vec()],
            parameter: None,
            build: Box::new(move |graph, tensors| graph.average_pool2d("y", pool, tensors[0])),
            reference: Box::new(move |inputs| reference(pool, &inputs[0])),
        }
    };
    windows.into_iter().map(case).map(Case::from).collect()
}
