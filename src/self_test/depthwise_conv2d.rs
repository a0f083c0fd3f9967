//! Depthwise convolution: strides, paddings, multipliers, kernels wider than an invocation takes, channels that fill no
//! vec4, sums in several parts.

use super::{Case, OperationCase};
use crate::ops::{DepthwiseConv2d, Padding};

pub(super) fn reference(geometry: DepthwiseConv2d, x: &[f64], w: &[f64]) -> Vec<f64> {
    let [n, h, width, c] = geometry.input;
    let ([kh, kw], m) = (geometry.kernel, geometry.multiplier);
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
    let mut y = Vec::new();
    for i in 0..n * oh * ow * c * m {
        let (filter, ox, oy, image) = (i % (c * m), i / (c * m) % ow, i / (c * m * ow) % oh, i / (c * m * ow * oh));
        let mut sum = if geometry.bias { w[kh * kw * c * m + filter] } else { 0.0 };
        for ky in 0..kh {
            for kx in 0..kw {
                let iy = (oy * geometry.stride[0] + ky).wrapping_sub(pad_y);
                let ix = (ox * geometry.stride[1] + kx).wrapping_sub(pad_x);
                if iy < h && ix < width {
                    // The kernel is [kh, kw, c, m].
                    let place = ((ky * kw + kx) * c + filter / m) * m + filter % m;
                    sum += x[((image * h + iy) * width + ix) * c + filter / m] * w[place];
                }
            }
        }
        y.push(sum);
    }
    y
}

pub(super) fn cases() -> Vec<Case> {
    operations().into_iter().map(Case::from).collect()
}

pub(super) fn operations() -> Vec<OperationCase> {
    let (valid, same) = (Padding::Valid, Padding::Same);
    let geometries = [
        ("three by three same", [2, 5, 6, 8], 1, [3, 3], [1, 1], same, true),
        ("odd channels without bias", [1, 7, 5, 6], 1, [3, 3], [1, 1], valid, false),
        ("stride two same even image", [2, 8, 6, 4], 1, [3, 3], [2, 2], same, false),
        ("stride two same odd image", [1, 9, 7, 5], 1, [3, 3], [2, 2], same, true),
        ("five by five same", [2, 5, 6, 8], 1, [5, 5], [1, 1], same, true),
        ("five by five, stride two same even image", [1, 8, 6, 5], 1, [5, 5], [2, 2], same, false),
        ("five by five, stride two valid odd image", [1, 9, 11, 4], 1, [5, 5], [2, 2], valid, true),
        ("unequal strides leave a rest", [1, 9, 8, 3], 1, [2, 3], [3, 2], valid, true),
        ("stride larger than kernel", [1, 9, 7, 4], 1, [2, 1], [3, 3], valid, false),
        ("five by seven, wider than a block", [2, 6, 9, 4], 1, [5, 7], [1, 1], same, true),
        ("kernel covers the image", [3, 4, 5, 4], 1, [4, 5], [1, 1], valid, true),
        ("kernel larger than the image", [2, 3, 2, 7], 1, [5, 5], [1, 1], same, false),
        ("one by one", [2, 3, 3, 5], 1, [1, 1], [1, 1], valid, true),
        ("one pixel", [1, 1, 1, 1], 1, [1, 1], [1, 1], valid, false),
        ("multiplier two, odd channels", [2, 5, 4, 3], 2, [3, 2], [1, 1], same, true),
        ("multiplier three", [1, 6, 5, 5], 3, [2, 3], [2, 1], same, false),
        ("multiplier four, one channel", [2, 4, 4, 1], 4, [3, 3], [1, 1], valid, true),
        ("multiplier five", [1, 4, 5, 2], 5, [3, 3], [1, 2], same, true),
        ("bias of many filters, stride two", [2, 6, 7, 8], 4, [2, 3], [2, 2], same, true),
        ("many parts", [6, 14, 13, 2], 1, [2, 2], [1, 1], valid, true),
    ];
    let case = |(name, input, multiplier, kernel, stride, padding, bias): (&str, [usize; 4], _, _, _, _, _)| {
        let geometry = DepthwiseConv2d { input, multiplier, kernel, stride, padding, bias };
        OperationCase {
            name: format!("{name}: {input:?} by {:?}", geometry.kernel_shape()),
            activations: vec![input.to_vec()],
            weights: vec![geometry.variables("layer")],
            build: Box::new(move |graph, tensors| graph.depthwise_conv2d("y", geometry, tensors[0], tensors[1])),
            reference: Box::new(move |inputs| reference(geometry, &inputs[0], &inputs[1..].concat())),
        }
    };
    geometries.into_iter().map(case).collect()
}
