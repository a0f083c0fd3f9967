//! Max pooling: windows that overlap, touch, or leave gaps; odd sizes; ties; and behind a relu.

use std::sync::Arc;

use super::case::{distinct, graph};
use super::{Case, Comparison, OperationCase};
use crate::Error;
use crate::exec::Program;
use crate::gpu::{Gpu, RuntimeChecks};
use crate::graph::{Mode, Plan};
use crate::kernel::MicroKernel;
use crate::ops::{Conv2d, Padding, Pool2d};

fn reference(pool: Pool2d, x: &[f64]) -> Vec<f64> {
    let ([n, h, w, c], window, stride) = (pool.input, pool.window, pool.stride);
    let (oh, ow) = ((h - window[0]) / stride[0] + 1, (w - window[1]) / stride[1] + 1);
    let mut y = Vec::new();
    for image in 0..n {
        for oy in 0..oh {
            for ox in 0..ow {
                for channel in 0..c {
                    let cell = |i: usize| {
                        let (iy, ix) = (oy * stride[0] + i / window[1], ox * stride[1] + i % window[1]);
                        x[((image * h + iy) * w + ix) * c + channel]
                    };
                    y.push((0..window[0] * window[1]).map(cell).fold(f64::MIN, f64::max));
                }
            }
        }
    }
    y
}

pub(super) fn cases() -> Vec<Case> {
    let windows = [
        ("two by two", [2, 6, 8, 4], [2, 2], [2, 2]),
        ("odd image drops a row and a column", [2, 7, 5, 8], [2, 2], [2, 2]),
        ("overlapping", [1, 9, 8, 6], [3, 3], [2, 2]),
        ("overlapping by more than half", [2, 6, 7, 3], [3, 4], [1, 1]),
        ("gaps", [1, 9, 10, 5], [2, 2], [3, 4]),
        ("flat window", [2, 5, 9, 4], [1, 3], [2, 1]),
    ];
    let case = |(name, input, window, stride): (&str, [usize; 4], _, _)| {
        let pool = Pool2d { input, window, stride };
        OperationCase {
            name: format!("{name}: {input:?} by {window:?}, stride {stride:?}"),
            activations: vec![input.to_vec()],
            parameter: None,
            build: Box::new(move |graph, tensors| graph.max_pool2d("y", pool, tensors[0])),
            reference: Box::new(move |inputs| reference(pool, &inputs[0])),
        }
    };
    let ties = Case::new("ties go to the first cell", ties_go_to_the_first_cell);
    windows.into_iter().map(case).chain([behind_a_relu()]).map(Case::from).chain([ties]).collect()
}

/// A relu before the pool, whose gradient the pool stops itself.
fn behind_a_relu() -> OperationCase {
    let input = [2, 6, 6, 3];
    let geometry =
        Conv2d { input, filters: 4, kernel: [1, 1], stride: [1, 1], padding: Padding::Valid, bias: true, relu: true };
    let pool = Pool2d { input: [2, 6, 6, 4], window: [2, 2], stride: [2, 2] };
    OperationCase {
        name: "behind a convolution with relu".into(),
        activations: vec![input.to_vec()],
        parameter: Some(geometry.kernel_shape()),
        build: Box::new(move |graph, tensors| {
            let y = graph.conv2d("conv", geometry, tensors[0], tensors[1])?;
            graph.max_pool2d("y", pool, y)
        }),
        reference: Box::new(move |inputs| {
            let (x, w) = (&inputs[0], &inputs[1]);
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
fn ties_go_to_the_first_cell(gpu: &Arc<Gpu>, micro_kernel: MicroKernel) -> Result<Vec<Comparison>, Error> {
    let mut graph = graph(micro_kernel, 1);
    let x = graph.input("x", [1, 4, 6, 4]);
    let y = graph.max_pool2d("y", Pool2d { input: [1, 4, 6, 4], window: [2, 3], stride: [2, 3] }, x)?;
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
