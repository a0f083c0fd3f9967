//! Convolution with max pooling of 2 x 2 cells: odd outputs that the pooling crops, channels that fill no vec4, relu or
//! none, ties; and a second layer behind it, which writes the gradient of the cells itself.

use wgrad::exec::Program;
use wgrad::gpu::RuntimeChecks;
use wgrad::graph::{Graph, Mode, Plan, Target};
use wgrad::ops::{Conv2d, Dense, Padding};

use crate::harness::{Case, distinct, gpu, micro_kernels};

fn geometry(input: [usize; 4], filters: usize, kernel: [usize; 2], padding: Padding, relu: bool) -> Conv2d {
    Conv2d { input, filters, kernel, stride: [1, 1], padding, bias: true, relu }
}

fn check(geometry: Conv2d) {
    Case {
        name: format!("pooled {geometry:?}"),
        activations: vec![geometry.input.to_vec()],
        parameter: Some(geometry.kernel_shape()),
        build: Box::new(move |graph, tensors| graph.conv2d_max_pool2d("y", geometry, tensors[0], tensors[1])),
        reference: Box::new(move |inputs| reference(geometry, &inputs[0], &inputs[1])),
    }
    .check();
}

/// The convolution cell by cell, and the largest of each window.
fn reference(geometry: Conv2d, x: &[f64], w: &[f64]) -> Vec<f64> {
    let [n, h, width, c] = geometry.input;
    let ([kh, kw], [oh, ow], f) = (geometry.kernel, geometry.output_size(), geometry.filters);
    let before = |size: usize, out: usize, k: usize| (out - 1 + k).saturating_sub(size) / 2;
    let (pad_y, pad_x) = (before(h, oh, kh), before(width, ow, kw));
    let cell = |image: usize, oy: usize, ox: usize, filter: usize| {
        let mut sum = w[kh * kw * c * f + filter];
        for i in 0..kh * kw * c {
            let (iy, ix) = ((oy + i / (kw * c)).wrapping_sub(pad_y), (ox + i / c % kw).wrapping_sub(pad_x));
            if iy < h && ix < width {
                sum += x[((image * h + iy) * width + ix) * c + i % c] * w[i * f + filter];
            }
        }
        if geometry.relu { sum.max(0.0) } else { sum }
    };
    let mut y = Vec::new();
    for i in 0..n * (oh / 2) * (ow / 2) * f {
        let (image, py, px, filter) =
            (i / f / (ow / 2) / (oh / 2), i / f / (ow / 2) % (oh / 2), i / f % (ow / 2), i % f);
        let cells = [0, 1, 2, 3].map(|j| cell(image, 2 * py + j / 2, 2 * px + j % 2, filter));
        y.push(cells.into_iter().fold(f64::MIN, f64::max));
    }
    y
}

#[test]
fn three_channels_and_relu() {
    check(geometry([2, 8, 6, 3], 8, [3, 3], Padding::Valid, true));
}

#[test]
fn odd_output_is_cropped() {
    check(geometry([1, 9, 7, 4], 6, [3, 3], Padding::Valid, true));
}

#[test]
fn same_padding_without_relu() {
    check(geometry([2, 6, 5, 5], 4, [3, 2], Padding::Same, false));
}

#[test]
fn many_filters() {
    check(geometry([1, 7, 7, 8], 37, [2, 2], Padding::Valid, true));
}

/// Two pooled layers: the second writes the gradient of the first one's cells.
#[test]
fn behind_another() {
    let first = geometry([2, 8, 9, 2], 4, [1, 1], Padding::Valid, true);
    let second = geometry([2, 4, 4, 4], 5, [3, 3], Padding::Same, true);
    let weights: Vec<f32> = distinct(5 * 4 * 9 + 5, 8).iter().map(|w| w * 0.5).collect();
    let wide: Vec<f64> = weights.iter().map(|w| f64::from(*w)).collect();
    two_layers(
        "two pooled",
        first,
        second.kernel_shape(),
        &weights,
        move |graph, x, w| graph.conv2d_max_pool2d("second", second, x, w),
        move |x| reference(second, x, &wide),
    );
}

/// A dense layer behind a pooled one, through the view that flattens.
#[test]
fn before_a_dense_layer() {
    let first = geometry([3, 6, 7, 2], 8, [2, 2], Padding::Valid, true);
    let dense = Dense { input: [3, 48], units: 6, bias: true, relu: false };
    let weights = distinct(48 * 6 + 6, 8);
    let wide: Vec<f64> = weights.iter().map(|w| f64::from(*w)).collect();
    two_layers(
        "pooled, dense",
        first,
        vec![48, 6],
        &weights,
        move |graph, x, w| {
            let rows = graph.flatten("flat", x);
            graph.dense("second", dense, rows, w)
        },
        move |x| {
            let unit = |row: &[f64], j: usize| {
                wide[288 + j] + row.iter().enumerate().map(|(i, x)| x * wide[i * 6 + j]).sum::<f64>()
            };
            x.chunks(48).flat_map(|row| (0..6).map(|j| unit(row, j)).collect::<Vec<_>>()).collect()
        },
    );
}

/// The gradients of `first` in front of a second layer, against central differences; here nothing but the second layer
/// uses the first one's output.
fn two_layers(
    name: &str,
    first: Conv2d,
    kernel: Vec<usize>,
    weights: &[f32],
    second: impl Fn(&mut Graph, wgrad::graph::TensorId, wgrad::graph::TensorId) -> wgrad::graph::TensorId,
    reference_second: impl Fn(&[f64]) -> Vec<f64>,
) {
    let elements: usize = first.input.iter().product();
    let x = distinct(elements, 3);
    let w = distinct(first.kernel_shape().iter().product::<usize>() + first.filters, 14);
    let wide: [Vec<f64>; 2] = [&x, &w].map(|v| v.iter().map(|v| f64::from(*v)).collect());
    let forward = |inputs: &[Vec<f64>; 2]| reference_second(&reference(first, &inputs[0], &inputs[1]));
    let dy = distinct(forward(&wide).len(), 5);
    let gradients = [0, 1].map(|which| {
        let mut inputs = wide.clone();
        (0..inputs[which].len())
            .map(|i| {
                let value = inputs[which][i];
                let loss = [1e-6, -1e-6].map(|step| {
                    inputs[which][i] = value + step;
                    forward(&inputs).iter().zip(&dy).map(|(y, dy)| y * f64::from(*dy)).sum::<f64>()
                });
                inputs[which][i] = value;
                (loss[0] - loss[1]) / 2e-6
            })
            .collect::<Vec<f64>>()
    });
    for micro_kernel in micro_kernels() {
        let mut graph = Graph::new(Target { micro_kernel, storage: micro_kernel.storage(), busy_workgroups: 4 });
        let input = graph.input("x", first.input);
        let other = graph.input("zero", first.input);
        let sum = graph.add("sum", input, other);
        let w1 = graph.add_parameter("first", first.kernel_shape(), true);
        let pooled = graph.conv2d_max_pool2d("pooled", first, sum, w1);
        let w2 = graph.add_parameter("second", kernel.clone(), true);
        let y = second(&mut graph, pooled, w2);
        let upstream = graph.input("dy", graph.tensor(y).shape.clone());
        let mut dispatches = graph.record_forward(Mode::Train);
        let (backward, found) = graph.record_backward(&[(y, upstream)], &[input]);
        dispatches.extend(backward);
        // Only the gradient that arrives from above is in need of a dispatch of its own.
        let alone = dispatches.iter().filter(|dispatch| dispatch.kernel.name.contains("max_pool2d/dx")).count();
        assert_eq!(alone, usize::from(graph.places_of(y).is_some()));
        let plan = Plan::new(&graph, dispatches, &[found[&input]]).unwrap();
        let program = Program::new(gpu(), &graph, &[&plan], RuntimeChecks::Off).unwrap();
        program.fill_slots(f32::NAN);
        let parameters = graph.parameters();
        program.write(&graph, &plan, input, &x);
        program.write(&graph, &plan, other, &vec![0.0; elements]);
        program.write(&graph, &plan, w1, &parameters[0].pad(&w));
        program.write(&graph, &plan, w2, &parameters[1].pad(weights));
        program.write(&graph, &plan, upstream, &dy);
        program.run(0);
        let dx = gpu().block_on(program.read(&graph, &plan, found[&input])).unwrap();
        let dw = gpu().block_on(program.read_gradient(&graph, &plan, &parameters[0])).unwrap();
        crate::harness::assert_close(&format!("{name} ({micro_kernel}) dx"), &dx, &gradients[0], 1e-4);
        crate::harness::assert_close(
            &format!("{name} ({micro_kernel}) dw"),
            &parameters[0].unpad(&dw),
            &gradients[1],
            1e-4,
        );
    }
}

/// Of equal cells the first takes the gradient, as in Keras: here all cells of a window are equal.
#[test]
fn ties_go_to_the_first_cell() {
    let geometry = geometry([1, 4, 4, 4], 4, [1, 1], Padding::Valid, true);
    for micro_kernel in micro_kernels() {
        let mut graph = Graph::new(Target { micro_kernel, storage: micro_kernel.storage(), busy_workgroups: 1 });
        let x = graph.input("x", [1, 4, 4, 4]);
        let w = graph.add_parameter("layer", geometry.kernel_shape(), true);
        let y = graph.conv2d_max_pool2d("y", geometry, x, w);
        let dy = graph.input("dy", [1, 2, 2, 4]);
        let mut dispatches = graph.record_forward(Mode::Train);
        let (backward, gradients) = graph.record_backward(&[(y, dy)], &[x]);
        dispatches.extend(backward);
        let plan = Plan::new(&graph, dispatches, &[gradients[&x]]).unwrap();
        let program = Program::new(gpu(), &graph, &[&plan], RuntimeChecks::Off).unwrap();
        // The kernel is the identity, so dx shows which cell was chosen.
        let identity: Vec<f32> = (0..20).map(|i| if i < 16 && i / 4 == i % 4 { 1.0 } else { 0.0 }).collect();
        let upstream = distinct(16, 1);
        program.fill_slots(f32::NAN);
        program.write(&graph, &plan, x, &[2.5; 64]);
        program.write(&graph, &plan, w, &graph.parameters()[0].pad(&identity));
        program.write(&graph, &plan, dy, &upstream);
        program.run(0);
        let dx = gpu().block_on(program.read(&graph, &plan, gradients[&x])).unwrap();
        let mut expected = vec![0.0; 64];
        for (i, dy) in upstream.iter().enumerate() {
            let (py, px, channel) = (i / 8, i / 4 % 2, i % 4);
            expected[(py * 2 * 4 + px * 2) * 4 + channel] = *dy;
        }
        assert_eq!(dx, expected, "{micro_kernel}");
    }
}
