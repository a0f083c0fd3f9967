//! Convolution with max pooling of 2 x 2 cells: odd outputs that the pooling crops, channels that fill no vec4, relu or
//! none, ties; and a second layer behind it, which writes the gradient of the cells itself.

use std::cell::OnceCell;
use std::sync::Arc;

use super::case::{add_layer, central_differences, distinct, graph, read_gradients, widened};
use super::operation_case::GRADIENT;
use super::{Case, Comparison, OperationCase, dense};
use crate::exec::ExecError;
use crate::exec::Program;
use crate::gpu::{Gpu, RuntimeChecks};
use crate::graph::{Graph, GraphError, Mode, Plan, TensorId};
use crate::kernel::MicroKernel;
use crate::ops::{Conv2d, Conv2dMaxPool2d, Dense, Padding};

fn geometry(input: [usize; 4], filters: usize, kernel: [usize; 2], padding: Padding, relu: bool) -> Conv2d {
    Conv2d { input, filters, kernel, stride: [1, 1], padding, bias: true, relu }
}

/// The convolution cell by cell, and the largest of each window.
pub(super) fn reference(geometry: Conv2d, x: &[f64], w: &[f64]) -> Vec<f64> {
    let [n, h, width, c] = geometry.input;
    let ([kh, kw], [oh, ow], f) = (geometry.kernel, geometry.output_size(), geometry.filters);
    let before = |size: usize, out: usize, k: usize| (out - 1 + k).saturating_sub(size) / 2;
    let (pad_y, pad_x) = (before(h, oh, kh), before(width, ow, kw));
    let cell = |image: usize, oy: usize, ox: usize, filter: usize| {
        let mut sum = if geometry.bias { w[kh * kw * c * f + filter] } else { 0.0 };
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

pub(super) fn cases() -> Vec<Case> {
    let two_layers = [behind_another(), before_a_dense_layer()];
    let ties = Case::new("ties go to the first cell", ties_go_to_the_first_cell);
    operations().into_iter().map(Case::from).chain(two_layers).chain([ties]).collect()
}

pub(super) fn operations() -> Vec<OperationCase> {
    let geometries = [
        ("three channels and relu", geometry([2, 8, 6, 3], 8, [3, 3], Padding::Valid, true)),
        ("odd output is cropped", geometry([1, 9, 7, 4], 6, [3, 3], Padding::Valid, true)),
        ("same padding without relu", geometry([2, 6, 5, 5], 4, [3, 2], Padding::Same, false)),
        ("many filters", geometry([1, 7, 7, 8], 37, [2, 2], Padding::Valid, true)),
        ("four lines of windows", geometry([2, 6, 8, 5], 36, [3, 3], Padding::Valid, true)),
        ("no bias", Conv2d { bias: false, ..geometry([2, 6, 7, 3], 5, [3, 2], Padding::Same, true) }),
    ];
    let case = |(name, geometry): (&str, Conv2d)| OperationCase {
        name: format!("{name}: {:?} by {:?}", geometry.input, geometry.kernel_shape()),
        activations: vec![geometry.input.to_vec()],
        weights: vec![geometry.variables("layer")],
        build: Box::new(move |graph, tensors| {
            graph.add_own_node("y", Conv2dMaxPool2d { convolution: geometry }, &[tensors[0], tensors[1]])
        }),
        reference: Box::new(move |inputs| reference(geometry, &inputs[0], &inputs[1..].concat())),
    };
    geometries.into_iter().map(case).collect()
}

/// Two pooled layers: the second writes the gradient of the first one's cells.
fn behind_another() -> Case {
    let second = geometry([2, 4, 4, 4], 5, [3, 3], Padding::Same, true);
    let weights: Vec<f32> = distinct(5 * 4 * 9 + 5, 8).iter().map(|w| w * 0.5).collect();
    let wide = widened(&weights);
    TwoLayers {
        name: "behind another",
        first: geometry([2, 8, 9, 2], 4, [1, 1], Padding::Valid, true),
        kernel: second.kernel_shape(),
        weights,
        second: move |graph: &mut Graph, x, w| {
            graph.add_own_node("second", Conv2dMaxPool2d { convolution: second }, &[x, w])
        },
        reference_second: move |x: &[f64]| reference(second, x, &wide),
    }
    .into()
}

/// A dense layer behind a pooled one, through the view that flattens.
fn before_a_dense_layer() -> Case {
    let second = Dense { input: [3, 48], units: 6, bias: true, relu: false };
    let weights = distinct(48 * 6 + 6, 8);
    let wide = widened(&weights);
    TwoLayers {
        name: "before a dense layer",
        first: geometry([3, 6, 7, 2], 8, [2, 2], Padding::Valid, true),
        kernel: vec![48, 6],
        weights,
        second: move |graph: &mut Graph, x, w| {
            let rows = graph.flatten("flat", x)?;
            graph.dense("second", second, rows, w)
        },
        reference_second: move |x: &[f64]| dense::reference(second, x, &wide),
    }
    .into()
}

/// A pooled layer in front of a second layer, where nothing else uses the first one's output.
struct TwoLayers<S, R> {
    name: &'static str,
    first: Conv2d,
    /// Of the second layer.
    kernel: Vec<usize>,
    weights: Vec<f32>,
    second: S,
    reference_second: R,
}

impl<S, R> From<TwoLayers<S, R>> for Case
where
    S: Fn(&mut Graph, TensorId, TensorId) -> Result<TensorId, GraphError> + 'static,
    R: Fn(&[f64]) -> Vec<f64> + 'static,
{
    fn from(layers: TwoLayers<S, R>) -> Self {
        let expected = OnceCell::new();
        Self::new(layers.name, move |gpu, micro_kernel| {
            let [dx, dw] = layers.gradients(gpu, micro_kernel)?;
            let [expected_dx, expected_dw] = expected.get_or_init(|| layers.expected());
            Ok(vec![
                Comparison::close("gradient", "dx", &dx, expected_dx, GRADIENT),
                Comparison::close("gradient", "dw", &dw, expected_dw, GRADIENT),
            ])
        })
    }
}

impl<S, R> TwoLayers<S, R>
where
    S: Fn(&mut Graph, TensorId, TensorId) -> Result<TensorId, GraphError>,
    R: Fn(&[f64]) -> Vec<f64>,
{
    /// Input and weights of the first layer.
    fn inputs(&self) -> [Vec<f32>; 2] {
        let weights = self.first.kernel_shape().iter().product::<usize>() + self.first.filters;
        [distinct(self.first.input.iter().product(), 3), distinct(weights, 14)]
    }

    fn upstream(n: usize) -> Vec<f32> {
        distinct(n, 5)
    }

    fn expected(&self) -> [Vec<f64>; 2] {
        let inputs = self.inputs().map(|values| widened(&values));
        let forward = |x: &[f64], w: &[f64]| (self.reference_second)(&reference(self.first, x, w));
        let dy = widened(&Self::upstream(forward(&inputs[0], &inputs[1]).len()));
        let loss = |y: Vec<f64>| y.iter().zip(&dy).map(|(y, dy)| y * dy).sum::<f64>();
        [
            central_differences(&inputs[0], |x| loss(forward(x, &inputs[1]))),
            central_differences(&inputs[1], |w| loss(forward(&inputs[0], w))),
        ]
    }

    /// Of the first layer's input and weights.
    fn gradients(&self, gpu: &Arc<Gpu>, micro_kernel: MicroKernel) -> Result<[Vec<f32>; 2], ExecError> {
        let first = self.first;
        let mut graph = graph(micro_kernel, 4);
        let [input, other] = ["x", "zero"].map(|name| graph.input(name, first.input));
        let sum = graph.add("sum", input, other)?;
        let w1 = add_layer(&mut graph, "first", first.kernel_shape())?;
        let pooled = graph.add_own_node("pooled", Conv2dMaxPool2d { convolution: first }, &[sum, w1])?;
        let w2 = add_layer(&mut graph, "second", self.kernel.clone())?;
        let y = (self.second)(&mut graph, pooled, w2)?;
        let upstream = graph.input("dy", graph.tensor(y).shape.clone());
        let mut dispatches = graph.record_forward(Mode::Train);
        let (backward, found) = graph.record_backward(&[(y, upstream)], &[input])?;
        dispatches.extend(backward);
        let plan = Plan::new(&graph, dispatches, &[found[&input]])?;
        let program = Program::new(gpu.clone(), &graph, &[&plan], RuntimeChecks::Off)?;
        program.fill_slots(f32::NAN);
        let [x, w] = self.inputs();
        program.write(&graph, &plan, input, &x)?;
        program.write(&graph, &plan, other, &vec![0.0; x.len()])?;
        program.write(&graph, &plan, w1, &graph.pad_weights(w1, &w))?;
        program.write(&graph, &plan, w2, &graph.pad_weights(w2, &self.weights))?;
        program.write(&graph, &plan, upstream, &Self::upstream(graph.tensor(y).shape.elements()))?;
        program.run(0)?;
        let dx = gpu.block_on(program.read(&graph, &plan, found[&input]))?;
        Ok([dx, read_gradients(gpu, &program, &graph, &plan, w1)?])
    }
}

/// Of equal cells the first takes the gradient, as in Keras: here all cells of a window are equal.
fn ties_go_to_the_first_cell(gpu: &Arc<Gpu>, micro_kernel: MicroKernel) -> Result<Vec<Comparison>, ExecError> {
    let geometry = geometry([1, 4, 4, 4], 4, [1, 1], Padding::Valid, true);
    let mut graph = graph(micro_kernel, 1);
    let x = graph.input("x", [1, 4, 4, 4]);
    let w = add_layer(&mut graph, "layer", geometry.kernel_shape())?;
    let y = graph.add_own_node("y", Conv2dMaxPool2d { convolution: geometry }, &[x, w])?;
    let dy = graph.input("dy", [1, 2, 2, 4]);
    let mut dispatches = graph.record_forward(Mode::Train);
    let (backward, gradients) = graph.record_backward(&[(y, dy)], &[x])?;
    dispatches.extend(backward);
    let plan = Plan::new(&graph, dispatches, &[gradients[&x]])?;
    let program = Program::new(gpu.clone(), &graph, &[&plan], RuntimeChecks::Off)?;
    // The kernel is the identity, so dx shows which cell was chosen.
    let identity: Vec<f32> = (0..20).map(|i| if i < 16 && i / 4 == i % 4 { 1.0 } else { 0.0 }).collect();
    let upstream = distinct(16, 1);
    program.fill_slots(f32::NAN);
    program.write(&graph, &plan, x, &[2.5; 64])?;
    program.write(&graph, &plan, w, &graph.pad_weights(w, &identity))?;
    program.write(&graph, &plan, dy, &upstream)?;
    program.run(0)?;
    let dx = gpu.block_on(program.read(&graph, &plan, gradients[&x]))?;
    let mut expected = vec![0.0; 64];
    for (i, dy) in upstream.iter().enumerate() {
        let (py, px, channel) = (i / 8, i / 4 % 2, i % 4);
        expected[(py * 2 * 4 + px * 2) * 4 + channel] = *dy;
    }
    Ok(vec![Comparison::same_values("dx", &dx, &expected)])
}
