//! Images made larger, from the nearest pixels and between them: even and odd factors, single pixels.

use super::{Case, OperationCase};
use crate::ops::Interpolation;

/// The pixels that a new one is made of along an axis, and their shares.
fn taps(interpolation: Interpolation, place: usize, factor: usize, size: usize) -> [(usize, f64); 2] {
    if interpolation == Interpolation::Nearest {
        return [(place / factor, 1.0), (0, 0.0)];
    }
    let at = (place as f64 + 0.5) / factor as f64 - 0.5;
    let within = |place: f64| place.clamp(0.0, (size - 1) as f64) as usize;
    let share = at - at.floor();
    [(within(at.floor()), 1.0 - share), (within(at.floor() + 1.0), share)]
}

pub(super) fn cases() -> Vec<Case> {
    let geometries = [
        ([2, 3, 4, 8], [2, 2]),
        ([1, 4, 3, 5], [3, 2]),
        ([2, 1, 5, 3], [4, 1]),
        ([1, 2, 1, 1], [5, 7]),
        ([3, 2, 2, 6], [1, 1]),
        ([1, 1, 1, 4], [64, 2]),
    ];
    let mut cases = Vec::new();
    for interpolation in [Interpolation::Nearest, Interpolation::Bilinear] {
        for (input, factors) in geometries {
            let case = OperationCase {
                name: format!("{interpolation:?}, {input:?} by {factors:?}"),
                activations: vec![input.to_vec()],
                weights: Vec::new(),
                build: Box::new(move |graph, tensors| graph.up_sampling2d("y", factors, interpolation, tensors[0])),
                reference: Box::new(move |inputs| {
                    let [n, h, w, c] = input;
                    let (oh, ow) = (h * factors[0], w * factors[1]);
                    let mut y = Vec::new();
                    for i in 0..n * oh * ow * c {
                        let (channel, ox, oy, image) = (i % c, i / c % ow, i / (c * ow) % oh, i / (c * ow * oh));
                        let mut sum = 0.0;
                        for (iy, of_line) in taps(interpolation, oy, factors[0], h) {
                            for (ix, of_column) in taps(interpolation, ox, factors[1], w) {
                                sum += of_line * of_column * inputs[0][((image * h + iy) * w + ix) * c + channel];
                            }
                        }
                        y.push(sum);
                    }
                    y
                }),
            };
            cases.push(case.into());
        }
    }
    cases
}
