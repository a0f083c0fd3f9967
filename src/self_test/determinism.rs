//! Tests whether a device gives the same bits each time. If it does not, a shader has a race, or the device is faulty.

use std::sync::Arc;

use super::{Case, Comparison};
use crate::data::{Batch, shapes};
use crate::exec::ExecError;
use crate::exec::{Executor, Options, Program};
use crate::gpu::Gpu;
use crate::graph::{Arena, Graph, Mode, Plan};
use crate::kernel::MicroKernel;
use crate::minibatch::{Minibatch, Step};
use crate::model::{BuildOptions, Sequential};
use crate::ops::{Augmentation, Padding};

const BATCH: usize = 16;

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("five steps, twice from the start", training_twice),
        Case::new("one step, six times", one_step_again),
    ]
}

fn model() -> Sequential {
    Sequential::new([32, 32, 3])
        .rescaling(1.0 / 255.0)
        .conv2d_with(16, [3, 3], [2, 2], Padding::Valid)
        .relu()
        .max_pool2d(2)
        .dropout(0.2)
        .conv2d(24, 3)
        .relu()
        .average_pool2d(2)
        .flatten()
        .dense(32)
        .relu()
        .dropout(0.5)
        .dense(10)
}

fn options(micro_kernel: MicroKernel) -> Options {
    let augmentation = Augmentation { flip: true, crop: 2, cutout: 4 };
    let build = BuildOptions { augmentation, ..BuildOptions::default() };
    Options { batch_size: BATCH, micro_kernel: Some(micro_kernel), build, ..Options::default() }
}

pub(super) fn minibatches(count: usize) -> Vec<Batch> {
    let split = shapes::generate(count * BATCH, 0).train;
    let pixels = split.pixels().chunks(BATCH * split.image_len());
    let labels = split.labels().chunks(BATCH);
    let batch = |(pixels, labels): (&[u8], &[u16])| Batch {
        pixels: pixels.to_vec(),
        labels: labels.iter().map(|label| u32::from(*label)).collect(),
        len: labels.len(),
    };
    pixels.zip(labels).map(batch).collect()
}

/// Weights after five steps, dropout and augmentation included.
fn trained(gpu: &Arc<Gpu>, micro_kernel: MicroKernel, batches: &[Batch]) -> Result<Vec<f32>, ExecError> {
    let mut executor = Executor::new(gpu.clone(), &model(), options(micro_kernel))?;
    for batch in batches {
        gpu.block_on(executor.train_step(batch))?;
    }
    let tensors = gpu.block_on(executor.parameters())?;
    Ok(tensors.into_iter().flat_map(|tensor| tensor.values).collect())
}

fn training_twice(gpu: &Arc<Gpu>, micro_kernel: MicroKernel) -> Result<Vec<Comparison>, ExecError> {
    let batches = minibatches(5);
    let first = trained(gpu, micro_kernel, &batches)?;
    let again = trained(gpu, micro_kernel, &batches)?;
    Ok(vec![finite(&first), Comparison::same_bits("weights, the second time", &again, &first)])
}

fn one_step_again(gpu: &Arc<Gpu>, micro_kernel: MicroKernel) -> Result<Vec<Comparison>, ExecError> {
    let options = options(micro_kernel);
    let built = model().build_with(BATCH, options.target(gpu)?, options.build)?;
    let mut graph = built.graph;
    let mut dispatches = graph.record_forward(Mode::Train);
    dispatches.extend(graph.record_backward(&[], &[])?.0);
    let plan = Plan::new(&graph, dispatches, &[])?;
    let program = Program::new(gpu.clone(), &graph, &[&plan], options.checks)?;
    let weights = trained(gpu, micro_kernel, &[])?;
    let mut weights = &weights[..];
    for variable in graph.variables() {
        let (values, rest) = weights.split_at(variable.len());
        program.write_variable(&graph, Arena::Weights, variable, values)?;
        weights = rest;
    }
    for batch in minibatches(1) {
        let minibatch = Minibatch::new(BATCH, model().input());
        let step = Step::over(BATCH as u32);
        let words = minibatch.encode(&step, &batch.labels, &batch.pixels, built.classes)?;
        program.write(&graph, &plan, built.minibatch, bytemuck::cast_slice(&words))?;
    }
    let first = gradients(gpu, &program, &graph)?;
    let mut comparisons = vec![finite(&first)];
    for time in 2..=6 {
        let again = gradients(gpu, &program, &graph)?;
        comparisons.push(Comparison::same_bits(&format!("gradients, time {time}"), &again, &first));
    }
    Ok(comparisons)
}

/// All gradients of one more run.
fn gradients(gpu: &Gpu, program: &Program, graph: &Graph) -> Result<Vec<f32>, ExecError> {
    program.fill_slots(f32::NAN);
    program.run(0)?;
    let gradients = gpu.block_on(program.read_gradients(graph))?;
    Ok(gradients.into_iter().flat_map(|(_, rows)| rows).collect())
}

/// Asserts that no value is NaN or infinite: NaN would have the same bits each time.
fn finite(values: &[f32]) -> Comparison {
    let wrong = values.iter().enumerate().filter(|(_, value)| !value.is_finite());
    Comparison::exact(wrong.map(|(i, value)| format!("element {i} is {value}")))
}
