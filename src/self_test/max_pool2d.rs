//! Max pooling: windows that overlap, touch, or leave gaps; odd sizes; borders; whole images; ties; and with a relu.

use std::sync::Arc;

use super::case::{distinct, graph};
use super::{Case, Comparison, OperationCase};
use crate::exec::ExecError;
use crate::exec::Program;
use crate::gpu::{Gpu, RuntimeChecks};
use crate::graph::{Mode, Plan};
use crate::kernel::MicroKernel;
use crate::ops::{Conv2d, MaxPool2d, Padding, Pool2d};

fn reference(pool: Pool2d, x: &[f64]) -> Vec<f64> {
    windows(pool).into_iter().map(|cells| cells.into_iter().map(|cell| x[cell]).fold(f64::MIN, f64::max)).collect()
}

/// The cells of the window of each element of the output. As in Keras, the border that `same` adds has none, and its smaller
/// half comes before the image.
pub(super) fn windows(pool: Pool2d) -> Vec<Vec<usize>> {
    let [n, h, w, c] = pool.input;
    let ([kh, kw], [sy, sx]) = (pool.window, pool.stride);
    let extent = |size: usize, k: usize, s: usize| match pool.padding {
        Padding::Valid => ((size - k) / s + 1, 0),
        Padding::Same => {
            let out = size.div_ceil(s);
            (out, ((out - 1) * s + k).saturating_sub(size) / 2)
        }
    };
    let ((oh, top), (ow, left)) = (extent(h, kh, sy), extent(w, kw, sx));
    let window = |i: usize| {
        let (channel, ox, oy, image) = (i % c, i / c % ow, i / (c * ow) % oh, i / (c * ow * oh));
        let cell = |k: usize| {
            let (y, x) = ((oy * sy + k / kw).wrapping_sub(top), (ox * sx + k % kw).wrapping_sub(left));
            (y < h && x < w).then(|| ((image * h + y) * w + x) * c + channel)
        };
        (0..kh * kw).filter_map(cell).collect()
    };
    (0..n * oh * ow * c).map(window).collect()
}

/// An image, a window, a stride and a padding.
type Windows = ([usize; 4], [usize; 2], [usize; 2], Padding);

pub(super) const WINDOWS: [Windows; 13] = [
    ([2, 6, 8, 4], [2, 2], [2, 2], Padding::Valid),
    ([2, 7, 5, 8], [2, 2], [2, 2], Padding::Valid),
    ([1, 9, 8, 6], [3, 3], [2, 2], Padding::Valid),
    ([2, 6, 7, 3], [3, 4], [1, 1], Padding::Valid),
    ([1, 9, 10, 5], [2, 2], [3, 4], Padding::Valid),
    ([2, 5, 9, 4], [1, 3], [2, 1], Padding::Valid),
    ([3, 4, 5, 7], [4, 5], [4, 5], Padding::Valid),
    ([1, 8, 6, 4], [3, 3], [2, 2], Padding::Same),
    ([2, 7, 5, 3], [3, 3], [2, 2], Padding::Same),
    ([1, 5, 6, 5], [2, 3], [1, 1], Padding::Same),
    ([2, 7, 7, 4], [2, 2], [3, 2], Padding::Same),
    ([1, 3, 2, 6], [5, 4], [1, 1], Padding::Same),
    ([2, 1, 1, 1], [3, 3], [2, 2], Padding::Same),
];

pub(super) fn cases() -> Vec<Case> {
    let ties = Case::new("ties go to the first cell", ties_go_to_the_first_cell);
    operations().into_iter().map(Case::from).chain([ties]).collect()
}

pub(super) fn operations() -> Vec<OperationCase> {
    let case = |(input, window, stride, padding): Windows| {
        let pool = Pool2d { input, window, stride, padding };
        OperationCase {
            name: format!("{input:?} by {window:?}, stride {stride:?}, {padding:?}"),
            activations: vec![input.to_vec()],
            weights: Vec::new(),
            build: Box::new(move |graph, tensors| graph.max_pool2d("y", pool, tensors[0])),
            reference: Box::new(move |inputs| reference(pool, &inputs[0])),
        }
    };
    let global = |keepdims: bool| OperationCase {
        name: format!("whole images, keepdims {keepdims}"),
        activations: vec![vec![2, 5, 3, 6]],
        weights: Vec::new(),
        build: Box::new(move |graph, tensors| {
            let y = graph.global_max_pool2d("y", keepdims, tensors[0])?;
            if keepdims { graph.flatten("flat", y) } else { Ok(y) }
        }),
        reference: Box::new(|inputs| reference(Pool2d::global([2, 5, 3, 6]), &inputs[0])),
    };
    let alone = WINDOWS.into_iter().map(case).chain([true, false].map(global));
    let relus = [Padding::Valid, Padding::Same].map(with_relu);
    alone.chain(relus).collect()
}

/// A relu before the pool, which the pool computes itself.
fn with_relu(padding: Padding) -> OperationCase {
    let input = [2, 6, 6, 3];
    let geometry =
        Conv2d { input, filters: 4, kernel: [1, 1], stride: [1, 1], padding: Padding::Valid, bias: true, relu: false };
    let pool = Pool2d { input: [2, 6, 6, 4], window: [3, 2], stride: [2, 2], padding };
    OperationCase {
        name: format!("with the relu behind a convolution, {padding:?}"),
        activations: vec![input.to_vec()],
        weights: vec![geometry.variables("layer")],
        build: Box::new(move |graph, tensors| {
            let y = graph.conv2d("conv", geometry, tensors[0], tensors[1])?;
            graph.add_own_node("y", MaxPool2d { pool, relu: true }, &[y])
        }),
        reference: Box::new(move |inputs| {
            let (x, w) = (&inputs[0], inputs[1..].concat());
            let cell = |i: usize| {
                let (pixel, filter) = (i / 4, i % 4);
                let sum: f64 = (0..3).map(|c| x[pixel * 3 + c] * w[c * 4 + filter]).sum();
                (sum + w[12 + filter]).max(0.0)
            };
            let y: Vec<f64> = (0..72 * 4).map(cell).collect();
            reference(pool, &y)
        }),
    }
}

/// Of equal cells the first in row-major order takes the gradient, as in Keras.
fn ties_go_to_the_first_cell(gpu: &Arc<Gpu>, micro_kernel: MicroKernel) -> Result<Vec<Comparison>, ExecError> {
    let mut graph = graph(micro_kernel, 1);
    let x = graph.input("x", [1, 4, 6, 4]);
    let y = graph.max_pool2d(
        "y",
        Pool2d { input: [1, 4, 6, 4], window: [2, 3], stride: [2, 3], padding: Padding::Valid },
        x,
    )?;
    let dy = graph.input("dy", [1, 2, 2, 4]);
    let mut dispatches = graph.record_forward(Mode::Train);
    let (backward, gradients) = graph.record_backward(&[(y, dy)], &[x])?;
    dispatches.extend(backward);
    let plan = Plan::new(&graph, dispatches, &[gradients[&x]])?;
    let program = Program::new(gpu.clone(), &graph, &[&plan], RuntimeChecks::Off)?;
    let upstream = distinct(16, 1);
    program.fill_slots(f32::NAN);
    program.write(&graph, &plan, x, &[-2.5; 96])?;
    program.write(&graph, &plan, dy, &upstream)?;
    program.run(0)?;
    let dx = gpu.block_on(program.read(&graph, &plan, gradients[&x]))?;
    let mut expected = vec![0.0; 96];
    for (i, dy) in upstream.iter().enumerate() {
        let (oy, ox, channel) = (i / 8, i / 4 % 2, i % 4);
        expected[(oy * 2 * 6 + ox * 3) * 4 + channel] = *dy;
    }
    Ok(vec![Comparison::same_values("dx", &dx, &expected)])
}
