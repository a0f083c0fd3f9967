//! Convolution of groups of channels and by kernels whose cells are apart: groups that fill no vec4, strides, paddings, sums in
//! several parts.

use super::{Case, OperationCase};
use crate::ops::{GroupedConv2d, Padding};

fn reference(geometry: GroupedConv2d, x: &[f64], w: &[f64]) -> Vec<f64> {
    let GroupedConv2d { input: [n, h, width, c], filters, kernel: [kh, kw], groups, stride, dilation, .. } = geometry;
    // Keras: ceil(size / stride) outputs, the smaller half of the padding before.
    let extent = |axis: usize, size: usize, k: usize| {
        let window = (k - 1) * dilation[axis] + 1;
        match geometry.padding {
            Padding::Valid => ((size - window) / stride[axis] + 1, 0),
            Padding::Same => {
                let out = size.div_ceil(stride[axis]);
                (out, ((out - 1) * stride[axis] + window).saturating_sub(size) / 2)
            }
        }
    };
    let ((oh, pad_y), (ow, pad_x)) = (extent(0, h, kh), extent(1, width, kw));
    let (own, each) = (c / groups, filters / groups);
    let mut y = Vec::new();
    for i in 0..n * oh * ow * filters {
        let (filter, ox, oy, image) = (i % filters, i / filters % ow, i / (filters * ow) % oh, i / (filters * ow * oh));
        let mut sum = if geometry.bias { w[kh * kw * own * filters + filter] } else { 0.0 };
        for ky in 0..kh {
            for kx in 0..kw {
                let iy = (oy * stride[0] + ky * dilation[0]).wrapping_sub(pad_y);
                let ix = (ox * stride[1] + kx * dilation[1]).wrapping_sub(pad_x);
                if iy < h && ix < width {
                    for channel in 0..own {
                        let place = ((ky * kw + kx) * own + channel) * filters + filter;
                        sum += x[((image * h + iy) * width + ix) * c + filter / each * own + channel] * w[place];
                    }
                }
            }
        }
        y.push(sum);
    }
    y
}

pub(super) fn cases() -> Vec<Case> {
    let (valid, same) = (Padding::Valid, Padding::Same);
    let geometries = [
        ("two groups of four to four", [2, 5, 6, 8], 8, 2, [3, 3], [1, 1], [1, 1], same, true),
        ("three groups of one to two", [1, 6, 5, 3], 6, 3, [3, 2], [1, 1], [1, 1], valid, true),
        ("three groups of two to one", [2, 5, 4, 6], 3, 3, [3, 3], [1, 1], [1, 1], same, false),
        ("two groups of three to five", [1, 7, 6, 6], 10, 2, [2, 3], [2, 1], [1, 1], same, true),
        ("two groups of four to three, stride two", [2, 7, 8, 8], 6, 2, [3, 3], [2, 2], [1, 1], valid, true),
        ("two groups of three to four", [1, 5, 5, 6], 8, 2, [3, 3], [1, 2], [1, 1], same, false),
        ("four groups of one by one", [2, 3, 5, 8], 16, 4, [1, 1], [1, 1], [1, 1], valid, true),
        ("each channel a group, two filters each", [1, 4, 5, 5], 10, 5, [3, 3], [1, 1], [1, 1], same, true),
        ("each channel a group", [2, 6, 5, 6], 6, 6, [3, 3], [2, 2], [1, 1], same, true),
        ("one group, apart by two", [2, 7, 8, 8], 8, 1, [3, 3], [1, 1], [2, 2], same, true),
        ("one group of odd channels, apart", [1, 8, 9, 5], 7, 1, [3, 2], [1, 1], [2, 3], valid, false),
        ("one channel, apart", [2, 7, 6, 1], 1, 1, [3, 3], [1, 1], [2, 1], same, true),
        ("apart by more than the image", [1, 3, 4, 4], 4, 1, [3, 3], [1, 1], [5, 3], same, false),
        ("each channel a group, apart", [2, 6, 7, 6], 6, 6, [3, 3], [1, 1], [2, 2], same, true),
        ("each channel a group, two filters each, apart", [1, 7, 5, 3], 6, 3, [2, 3], [1, 1], [3, 1], same, false),
        ("two groups, apart", [2, 6, 6, 8], 12, 2, [2, 2], [1, 1], [3, 2], valid, true),
        ("many parts", [6, 14, 13, 4], 2, 2, [2, 2], [1, 1], [1, 1], valid, true),
    ];
    let case = |(name, input, filters, groups, kernel, stride, dilation, padding, bias): (
        &str,
        [usize; 4],
        _,
        _,
        _,
        _,
        _,
        _,
        _,
    )| {
        let geometry = GroupedConv2d { input, filters, kernel, stride, dilation, groups, padding, bias };
        OperationCase {
            name: format!("{name}: {input:?} by {:?}", geometry.kernel_shape()),
            activations: vec![input.to_vec()],
            weights: vec![geometry.variables("layer")],
            build: Box::new(move |graph, tensors| graph.grouped_conv2d("y", geometry, tensors[0], tensors[1])),
            reference: Box::new(move |inputs| reference(geometry, &inputs[0], &inputs[1..].concat())),
        }
    };
    geometries.into_iter().map(case).map(Case::from).collect()
}
