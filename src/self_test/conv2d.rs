//! Convolution: odd sizes, strides, paddings, with and without bias, channels that fill no vec4, reductions in several parts.

use super::{Case, OperationCase};
use crate::ops::{Conv2d, Padding};

fn geometry(
    input: [usize; 4],
    filters: usize,
    kernel: [usize; 2],
    stride: [usize; 2],
    padding: Padding,
    relu: bool,
) -> Conv2d {
    Conv2d { input, filters, kernel, stride, padding, bias: true, relu }
}

/// `w` is the kernel, followed by the bias if there is one.
pub(super) fn reference(geometry: Conv2d, x: &[f64], w: &[f64]) -> Vec<f64> {
    let [n, h, width, c] = geometry.input;
    let [kh, kw] = geometry.kernel;
    // Keras: ceil(size / stride) outputs, the smaller half of the padding before.
    let extent = |size: usize, k: usize, s: usize| match geometry.padding {
        Padding::Valid => ((size - k) / s + 1, 0),
        Padding::Same => {
            let out = size.div_ceil(s);
            (out, ((out - 1) * s + k).saturating_sub(size) / 2)
        }
    };
    let (oh, pad_y) = extent(h, kh, geometry.stride[0]);
    let (ow, pad_x) = extent(width, kw, geometry.stride[1]);
    let f = geometry.filters;
    let mut y = Vec::new();
    for image in 0..n {
        for oy in 0..oh {
            for ox in 0..ow {
                for filter in 0..f {
                    let mut sum = if geometry.bias { w[kh * kw * c * f + filter] } else { 0.0 };
                    for ky in 0..kh {
                        for kx in 0..kw {
                            let iy = (oy * geometry.stride[0] + ky).wrapping_sub(pad_y);
                            let ix = (ox * geometry.stride[1] + kx).wrapping_sub(pad_x);
                            if iy < h && ix < width {
                                for channel in 0..c {
                                    sum += x[((image * h + iy) * width + ix) * c + channel]
                                        * w[((ky * kw + kx) * c + channel) * f + filter];
                                }
                            }
                        }
                    }
                    y.push(if geometry.relu { sum.max(0.0) } else { sum });
                }
            }
        }
    }
    y
}

pub(super) fn cases() -> Vec<Case> {
    operations().into_iter().map(Case::from).collect()
}

pub(super) fn operations() -> Vec<OperationCase> {
    let geometries = [
        ("three channels valid relu", geometry([2, 7, 6, 3], 8, [3, 3], [1, 1], Padding::Valid, true)),
        ("four channels valid", geometry([1, 6, 5, 4], 5, [3, 2], [1, 1], Padding::Valid, false)),
        ("same padding odd kernel", geometry([2, 5, 7, 4], 4, [3, 5], [1, 1], Padding::Same, true)),
        ("same padding stride two even image", geometry([1, 8, 6, 3], 6, [3, 3], [2, 2], Padding::Same, false)),
        ("unequal strides leave a rest", geometry([1, 9, 8, 5], 3, [2, 3], [3, 2], Padding::Valid, true)),
        ("stride larger than kernel", geometry([1, 9, 7, 4], 4, [2, 1], [3, 3], Padding::Valid, false)),
        ("many filters and a split reduction", geometry([2, 13, 12, 2], 37, [2, 2], [1, 1], Padding::Valid, false)),
        ("one by one", geometry([3, 3, 3, 8], 12, [1, 1], [1, 1], Padding::Valid, true)),
        ("lines of eight pixels", geometry([2, 5, 8, 6], 20, [3, 3], [1, 1], Padding::Same, true)),
        ("lines of eight pixels of ten", geometry([1, 5, 10, 5], 7, [2, 3], [1, 1], Padding::Valid, false)),
        ("lines of four pixels, many images", geometry([17, 2, 4, 3], 4, [3, 3], [1, 1], Padding::Same, false)),
        ("stride two, many images", geometry([16, 6, 8, 2], 4, [3, 3], [2, 2], Padding::Same, true)),
        ("stride two of one by one", geometry([4, 6, 8, 4], 5, [1, 1], [2, 2], Padding::Same, false)),
        ("stride three, a rest", geometry([2, 7, 8, 3], 4, [5, 4], [2, 3], Padding::Same, false)),
        ("stride three, no rest", geometry([8, 4, 9, 3], 4, [3, 5], [1, 3], Padding::Valid, true)),
        ("one pixel", geometry([3, 1, 1, 5], 6, [3, 3], [1, 1], Padding::Same, true)),
        ("one window", geometry([1, 3, 3, 9], 5, [3, 3], [1, 1], Padding::Valid, false)),
        ("lines of five pixels in two parts", geometry([7, 9, 5, 3], 18, [3, 3], [1, 1], Padding::Same, false)),
        ("three channels, lines of five pixels", geometry([1, 4, 7, 3], 18, [3, 3], [1, 1], Padding::Valid, true)),
        ("eleven lines, taken by fours", geometry([2, 11, 5, 9], 18, [3, 3], [1, 1], Padding::Same, true)),
        ("odd lines of nine taps", geometry([2, 8, 9, 21], 35, [3, 3], [1, 1], Padding::Valid, false)),
        ("tall kernel covers the image", geometry([2, 5, 4, 4], 66, [5, 4], [1, 1], Padding::Valid, false)),
    ];
    let without_bias = [
        ("no bias, odd channels, relu", geometry([2, 5, 7, 3], 5, [3, 3], [1, 1], Padding::Same, true)),
        ("no bias, stride two", geometry([1, 8, 6, 4], 8, [3, 3], [2, 2], Padding::Same, false)),
        ("no bias, one by one", geometry([3, 3, 3, 6], 12, [1, 1], [1, 1], Padding::Valid, false)),
        ("no bias, a split reduction", geometry([2, 13, 12, 2], 7, [2, 2], [1, 1], Padding::Valid, true)),
    ];
    let without_bias = without_bias.map(|(name, geometry)| (name, Conv2d { bias: false, ..geometry }));
    let case = |(name, geometry): (&str, Conv2d)| OperationCase {
        name: format!("{name}: {:?} by {:?}", geometry.input, geometry.kernel_shape()),
        activations: vec![geometry.input.to_vec()],
        weights: vec![geometry.variables("layer")],
        build: Box::new(move |graph, tensors| graph.conv2d("y", geometry, tensors[0], tensors[1])),
        reference: Box::new(move |inputs| reference(geometry, &inputs[0], &inputs[1..].concat())),
    };
    geometries.into_iter().chain(without_bias).map(case).collect()
}
