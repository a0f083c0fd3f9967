//! Convolutions by Winograd's algorithm: odd sizes, sizes that are no multiple of a tile, one pixel, channels that fill no
//! vec4 or no block, batches in several parts, pooling, and the rounding of 256 channels.

use std::cell::OnceCell;
use std::sync::Arc;

use super::case::{distinct, graph, widened, with_and_without_runtime_checks};
use super::{Case, Comparison, OperationCase, conv2d, conv2d_max_pool2d};
use crate::exec::{ExecError, Program};
use crate::gpu::{Gpu, RuntimeChecks};
use crate::graph::{Arena, Graph, Mode, Plan, Target, TensorId, Winograd};
use crate::kernel::MicroKernel;
use crate::ops::{Conv2d, Conv2dMaxPool2d, Padding};

/// Limit of a result and of the gradient of the input with 256 channels, as a share of the largest element. The direct
/// convolution has half of it.
const LIMIT_OF_256_CHANNELS: f64 = 2e-5;

fn geometry(input: [usize; 4], filters: usize, padding: Padding, relu: bool) -> Conv2d {
    Conv2d { input, filters, kernel: [3, 3], stride: [1, 1], padding, bias: true, relu }
}

fn use_winograd(graph: &mut Graph) {
    graph.retarget(Target { winograd: Winograd::Always, ..graph.target() });
}

fn case((name, geometry): (&str, Conv2d)) -> OperationCase {
    OperationCase {
        name: format!("{name}: {:?} to {}", geometry.input, geometry.filters),
        activations: vec![geometry.input.to_vec()],
        weights: vec![geometry.variables("layer")],
        build: Box::new(move |graph, tensors| {
            use_winograd(graph);
            graph.conv2d("y", geometry, tensors[0], tensors[1])
        }),
        reference: Box::new(move |inputs| conv2d::reference(geometry, &inputs[0], &inputs[1..].concat())),
    }
}

fn pooled((name, geometry): (&str, Conv2d)) -> OperationCase {
    OperationCase {
        name: format!("pooled, {name}: {:?} to {}", geometry.input, geometry.filters),
        build: Box::new(move |graph, tensors| {
            use_winograd(graph);
            graph.add_own_node("y", Conv2dMaxPool2d { convolution: geometry }, &[tensors[0], tensors[1]])
        }),
        reference: Box::new(move |inputs| conv2d_max_pool2d::reference(geometry, &inputs[0], &inputs[1..].concat())),
        ..case((name, geometry))
    }
}

/// Convolutions, and then pooled ones.
pub(super) fn operations() -> Vec<OperationCase> {
    let plain = [
        ("one tile", geometry([1, 4, 4, 4], 4, Padding::Same, false)),
        ("odd sizes, no padding", geometry([1, 9, 6, 5], 21, Padding::Valid, false)),
        ("one pixel", geometry([3, 1, 1, 5], 6, Padding::Same, true)),
        ("one window", geometry([1, 3, 3, 9], 5, Padding::Valid, false)),
        ("a line", geometry([2, 1, 9, 4], 3, Padding::Same, false)),
        ("no bias", Conv2d { bias: false, ..geometry([2, 4, 8, 18], 7, Padding::Same, true) }),
    ];
    let of_pooled = [
        ("odd output is cropped", geometry([1, 9, 7, 4], 6, Padding::Valid, true)),
        ("same padding", geometry([2, 6, 5, 5], 4, Padding::Same, false)),
    ];
    plain.into_iter().map(case).chain(of_pooled.into_iter().map(pooled)).collect()
}

pub(super) fn cases() -> Vec<Case> {
    let first = case(("odd sizes, same padding", geometry([2, 5, 7, 3], 6, Padding::Same, true)));
    let in_parts = Conv2d { bias: false, ..geometry([9, 1, 61, 4], 4, Padding::Same, true) };
    let in_parts = OperationCase {
        build: Box::new(move |graph, tensors| {
            // Eight images of 16 tiles.
            let binding_bytes = 8 * 16 * 36 * 4 * 4;
            graph.retarget(Target { winograd: Winograd::Always, binding_bytes, ..graph.target() });
            graph.conv2d("y", in_parts, tensors[0], tensors[1])
        }),
        ..case(("a batch in parts", in_parts))
    };
    let cases = operations().into_iter().chain([in_parts]);
    // The micro-kernels compute nothing but the products.
    let of_one_kernel = cases.map(|case| Case::from(case).large());
    std::iter::once(first.into()).chain(of_one_kernel).chain([many_channels()]).collect()
}

/// Forward pass and gradient of the input with 256 channels.
fn many_channels() -> Case {
    let geometry = Conv2d { bias: false, ..geometry([1, 8, 8, 256], 256, Padding::Same, false) };
    let expected = OnceCell::new();
    Case::new("256 channels", move |gpu, micro_kernel| {
        let [x, w, dy] = values(geometry);
        let [y, dx] = expected.get_or_init(|| {
            let (x, w, dy) = (widened(&x), widened(&w), widened(&dy));
            // The gradient is a convolution by the turned kernel, with its two last sizes exchanged.
            let channels = 256;
            let turned: Vec<f64> = (0..w.len())
                .map(|i| {
                    let (cell, f, c) = (i / channels / channels, i / channels % channels, i % channels);
                    w[((8 - cell) * channels + c) * channels + f]
                })
                .collect();
            [conv2d::reference(geometry, &x, &w), conv2d::reference(geometry, &dy, &turned)]
        });
        with_and_without_runtime_checks(
            gpu,
            |checks| results(gpu, micro_kernel, checks, geometry, [&x, &w, &dy]),
            |results| {
                vec![
                    Comparison::close("forward", "y", &results[0], y, LIMIT_OF_256_CHANNELS),
                    Comparison::close("gradient", "dx", &results[1], dx, LIMIT_OF_256_CHANNELS),
                ]
            },
        )
    })
    .large()
}

/// `x`, `w` and `dy`.
fn values(geometry: Conv2d) -> [Vec<f32>; 3] {
    let len = |sizes: &[usize]| sizes.iter().product();
    [len(&geometry.input), len(&geometry.kernel_shape()), len(&geometry.output())].map(|len| distinct(len, len % 100))
}

fn results(
    gpu: &Arc<Gpu>,
    micro_kernel: MicroKernel,
    checks: RuntimeChecks,
    geometry: Conv2d,
    [x_values, w_values, dy_values]: [&[f32]; 3],
) -> Result<Vec<Vec<f32>>, ExecError> {
    let mut graph = graph(micro_kernel, 5);
    use_winograd(&mut graph);
    let x = graph.input("x", geometry.input);
    let w = graph.add_weights("layer", geometry.variables("layer"))?;
    let y = graph.conv2d("y", geometry, x, w)?;
    let dy = graph.input("dy", geometry.output());
    let mut dispatches = graph.record_forward(Mode::Train);
    let (backward, gradients) = graph.record_backward(&[(y, dy)], &[x])?;
    dispatches.extend(backward);
    let wanted: [TensorId; 2] = [y, gradients[&x]];
    let plan = Plan::new(&graph, dispatches, &wanted)?;
    let program = Program::new(gpu.clone(), &graph, &[&plan], checks)?;
    program.fill_slots(f32::NAN);
    program.write(&graph, &plan, x, x_values)?;
    program.write(&graph, &plan, dy, dy_values)?;
    for variable in graph.variables() {
        program.write_variable(&graph, Arena::Weights, variable, w_values)?;
    }
    program.run(0)?;
    wanted.iter().map(|tensor| gpu.block_on(program.read(&graph, &plan, *tensor))).collect()
}
