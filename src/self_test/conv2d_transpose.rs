//! Transposed convolution: strides larger and smaller than the kernel, paddings, outputs with more pixels than the windows
//! need, channels that fill no vec4. Its matrix products are those of convolution, whose cases run with every micro-kernel.

use super::{Case, OperationCase};
use crate::ops::{Conv2dTranspose, Padding};

/// Each pixel of `x` adds its kernel to a window of the output.
fn reference(geometry: Conv2dTranspose, x: &[f64], w: &[f64]) -> Vec<f64> {
    let Conv2dTranspose { input: [n, h, width, c], filters, output: [oh, ow], kernel: [kh, kw], stride, padding } =
        geometry;
    let before = |size: usize, windows: usize, k: usize, s: usize| match padding {
        Padding::Valid => 0,
        Padding::Same => ((windows - 1) * s + k).saturating_sub(size) / 2,
    };
    let (pad_y, pad_x) = (before(oh, h, kh, stride[0]), before(ow, width, kw, stride[1]));
    let mut y = vec![0.0; n * oh * ow * filters];
    for (i, value) in x.iter().enumerate() {
        let (channel, ix, iy, image) = (i % c, i / c % width, i / (c * width) % h, i / (c * width * h));
        for ky in 0..kh {
            for kx in 0..kw {
                let oy = (iy * stride[0] + ky).wrapping_sub(pad_y);
                let ox = (ix * stride[1] + kx).wrapping_sub(pad_x);
                if oy < oh && ox < ow {
                    for filter in 0..filters {
                        let weight = w[((ky * kw + kx) * filters + filter) * c + channel];
                        y[((image * oh + oy) * ow + ox) * filters + filter] += value * weight;
                    }
                }
            }
        }
    }
    y
}

pub(super) fn cases() -> Vec<Case> {
    let (valid, same) = (Padding::Valid, Padding::Same);
    let geometries = [
        ("stride two same", [2, 3, 4, 8], 4, [6, 8], [3, 3], [2, 2], same),
        ("stride one same, odd channels", [2, 5, 4, 3], 6, [5, 4], [3, 3], [1, 1], same),
        ("kernel smaller than the stride", [1, 3, 2, 4], 4, [9, 4], [2, 1], [3, 2], same),
        ("more pixels than windows need", [2, 3, 3, 4], 4, [8, 8], [3, 3], [2, 2], valid),
        ("fewer pixels", [1, 3, 4, 5], 4, [5, 7], [3, 3], [2, 2], same),
        ("unequal strides", [1, 4, 3, 7], 9, [4, 9], [5, 4], [1, 3], same),
        ("one pixel", [3, 1, 1, 5], 6, [4, 4], [4, 4], [1, 1], valid),
    ];
    let case = |(name, input, filters, output, kernel, stride, padding): (&str, [usize; 4], _, _, _, _, _)| {
        let geometry = Conv2dTranspose { input, filters, output, kernel, stride, padding };
        OperationCase {
            name: format!("{name}: {input:?} by {kernel:?} to {output:?}"),
            activations: vec![input.to_vec()],
            weights: vec![geometry.variables("layer")],
            build: Box::new(move |graph, tensors| graph.conv2d_transpose("y", geometry, tensors[0], tensors[1])),
            reference: Box::new(move |inputs| reference(geometry, &inputs[0], &inputs[1])),
        }
    };
    geometries.into_iter().map(case).map(Case::from).collect()
}
