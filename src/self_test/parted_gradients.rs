//! The update by gradients that come in parts.

use std::sync::Arc;

use super::Comparison;
use super::case::{add_layer, distinct, graph, read_gradients, widened};
use super::update::{Update, empty, minibatch};
use crate::exec::ExecError;
use crate::exec::Program;
use crate::gpu::{Gpu, RuntimeChecks};
use crate::graph::{Graph, Mode, Plan, TensorId, Variable};
use crate::kernel::MicroKernel;
use crate::ops::{Conv2d, Padding};
use crate::optim::Optimizer;

/// Kernels of two convolutions whose gradients are in parts, and between them one whose gradient is not.
const KERNELS: [[usize; 4]; 3] = [[3, 3, 3, 6], [1, 1, 4, 4], [2, 2, 6, 20]];

/// Start weights. They and the gradients below are small, so that the update depends on the size of each part, and not
/// only on its sign.
fn start(elements: usize) -> Vec<f32> {
    distinct(elements, 3).iter().map(|w| w * 0.05).collect()
}

/// Elements of the variables in a tensor of weights.
fn len(graph: &Graph, weights: TensorId) -> usize {
    graph.variables_of(weights).map(Variable::len).sum()
}

/// The gradient of a kernel with its bias, and the two after the update.
type Updated = [Vec<f32>; 2];

/// The number of parts of each kernel's gradient, and the results where the optimizer adds the parts up.
fn updated_by_parts(gpu: &Arc<Gpu>, micro_kernel: MicroKernel) -> Result<(Vec<usize>, Vec<Updated>), ExecError> {
    let mut graph = graph(micro_kernel, 5);
    let tensor = graph.minibatch(empty());
    let mut w = Vec::new();
    for kernel in KERNELS {
        w.push(add_layer(&mut graph, "layer", kernel.to_vec())?);
    }
    let geometry = |size, kernel: [usize; 4]| Conv2d {
        input: [4, size, size, kernel[2]],
        filters: kernel[3],
        kernel: [kernel[0], kernel[1]],
        stride: [1, 1],
        padding: Padding::Valid,
        bias: true,
        relu: false,
    };
    let x = graph.input("x", [4, 16, 16, 3]);
    let y = graph.conv2d("y", geometry(16, KERNELS[0]), x, w[0])?;
    let y = graph.conv2d("y", geometry(14, KERNELS[2]), y, w[2])?;
    let dy = graph.input("dy", graph.tensor(y).shape.clone());
    let mut dispatches = graph.record_forward(Mode::Train);
    dispatches.extend(graph.record_backward(&[(y, dy)], &[])?.0);
    let optimizer = Optimizer::default();
    let (update, table) = optimizer.record(&mut graph, tensor)?;
    dispatches.extend(update);
    let plan = Plan::new(&graph, dispatches, &[])?;
    let program = Program::new(gpu.clone(), &graph, &[&plan], RuntimeChecks::Off)?;
    program.fill_slots(f32::NAN);
    for (tensor, values) in table.inputs() {
        program.write(&graph, &plan, tensor, values)?;
    }
    program.write(&graph, &plan, x, &distinct(4 * 16 * 16 * 3, 1))?;
    let upstream: Vec<f32> = distinct(graph.tensor(dy).shape.elements(), 2).iter().map(|dy| dy * 1e-6).collect();
    program.write(&graph, &plan, dy, &upstream)?;
    let gradient_of = |w: TensorId| graph.gradient_of(w).map(|dw| (dw, graph.gradient_parts(dw)));
    for w in &w {
        program.write(&graph, &plan, *w, &graph.pad_weights(*w, &start(len(&graph, *w))))?;
        let Some((whole, (gradient, parts))) = gradient_of(*w) else { continue };
        if parts > 1 {
            // Nothing reads the place of the whole gradient.
            let floats = vec![f32::NAN; graph.tensor(gradient).shape.elements()];
            program.write(&graph, &plan, gradient, &floats)?;
            program.write(&graph, &plan, whole, &floats[..floats.len() / parts])?;
        }
    }
    program.write(&graph, &plan, tensor, &minibatch(&optimizer, 1, 1e-3)?)?;
    program.run(0)?;
    let parts = w.iter().map(|w| gradient_of(*w).map_or(0, |(_, (_, parts))| parts)).collect();
    let mut read = Vec::new();
    for w in w {
        let gradient = read_gradients(gpu, &program, &graph, &plan, w)?;
        let floats = gpu.block_on(program.read(&graph, &plan, w))?;
        read.push([gradient, graph.unpad_weights(w, &floats)]);
    }
    Ok((parts, read))
}

/// The update by a gradient in parts equals the update by their sum. On a software adapter the bits are equal, while a
/// GPU's compiler may add the parts in another order.
pub(super) fn gradients_in_parts(gpu: &Arc<Gpu>, micro_kernel: MicroKernel) -> Result<Vec<Comparison>, ExecError> {
    let (parts, results) = updated_by_parts(gpu, micro_kernel)?;
    let mut graph = graph(micro_kernel, 5);
    let mut w = Vec::new();
    for kernel in KERNELS {
        w.push(add_layer(&mut graph, "layer", kernel.to_vec())?);
    }
    let update = Update::new(gpu, &mut graph, &Optimizer::default(), RuntimeChecks::Off)?;
    let (plan, program) = (&update.plan, &update.program);
    for (w, [gradient, _]) in w.iter().zip(&results) {
        program.write(&graph, plan, *w, &graph.pad_weights(*w, &start(len(&graph, *w))))?;
        if let Some(dw) = graph.gradient_of(*w) {
            program.write(&graph, plan, dw, &graph.pad_weights(*w, gradient))?;
        }
    }
    update.run(&graph, 1, 1e-3)?;
    let mut wrong = Vec::new();
    if !(parts[0] > 1 && parts[1] == 1 && parts[2] > 1) {
        wrong.push(format!("the gradients are in {parts:?} parts, expected several, one, several"));
    }
    let all: Vec<f32> = results.iter().flatten().flatten().copied().collect();
    if let Some(element) = all.iter().find(|element| !element.is_finite()) {
        wrong.push(format!("an element of a gradient or of the weights is {element}"));
    }
    let mut comparisons = vec![Comparison::exact(wrong)];
    for (w, [_, weights]) in w.into_iter().zip(&results) {
        let floats = gpu.block_on(program.read(&graph, plan, w))?;
        let expected = graph.unpad_weights(w, &floats);
        if gpu.is_software() {
            comparisons.push(Comparison::same_bits("weights", weights, &expected));
        }
        let start = start(weights.len());
        let [moved, expected] =
            [weights, &expected].map(|w| w.iter().zip(&start).map(|(w, s)| w - s).collect::<Vec<f32>>());
        comparisons.push(Comparison::close("update", "weights' move", &moved, &widened(&expected), 1e-4));
    }
    Ok(comparisons)
}
