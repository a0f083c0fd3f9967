//! Borders of zeros and parts of images, of another width on each side.

use super::{Case, OperationCase};

pub(super) fn cases() -> Vec<Case> {
    let padded = [
        ([2, 3, 4, 8], [[1, 1], [1, 1]]),
        ([1, 5, 3, 3], [[0, 1], [0, 1]]),
        ([2, 2, 3, 5], [[3, 0], [1, 2]]),
        ([1, 1, 1, 1], [[2, 1], [0, 3]]),
        ([3, 4, 2, 6], [[0, 0], [0, 0]]),
    ];
    let cropped = [
        ([2, 5, 6, 8], [[1, 1], [1, 1]]),
        ([1, 5, 3, 3], [[1, 0], [1, 0]]),
        ([2, 7, 6, 5], [[3, 0], [1, 2]]),
        ([1, 4, 3, 1], [[2, 1], [0, 2]]),
        ([3, 4, 2, 6], [[0, 0], [0, 0]]),
    ];
    let zero_padding = padded.into_iter().map(|(input, sides)| case(input, sides, true));
    zero_padding.chain(cropped.into_iter().map(|(input, sides)| case(input, sides, false))).collect()
}

fn case(input: [usize; 4], sides: [[usize; 2]; 2], pads: bool) -> Case {
    let verb = if pads { "padded" } else { "cropped" };
    OperationCase {
        name: format!("{input:?} {verb} by {sides:?}"),
        activations: vec![input.to_vec()],
        weights: Vec::new(),
        build: Box::new(move |graph, tensors| match pads {
            true => graph.zero_padding2d("y", sides, tensors[0]),
            false => graph.cropping2d("y", sides, tensors[0]),
        }),
        reference: Box::new(move |inputs| {
            let [n, h, w, c] = input;
            let [[top, bottom], [left, right]] = sides;
            let grown = |size: usize, sides: usize| if pads { size + sides } else { size - sides };
            let (oh, ow) = (grown(h, top + bottom), grown(w, left + right));
            let mut y = Vec::new();
            for i in 0..n * oh * ow * c {
                let (channel, column, row, image) = (i % c, i / c % ow, i / (c * ow) % oh, i / (c * ow * oh));
                let from = |place: usize, before: usize| if pads { place.wrapping_sub(before) } else { place + before };
                let (row, column) = (from(row, top), from(column, left));
                let inside = row < h && column < w;
                y.push(if inside { inputs[0][((image * h + row) * w + column) * c + channel] } else { 0.0 });
            }
            y
        }),
    }
    .into()
}
