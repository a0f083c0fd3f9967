//! Muon: tall and wide kernels of one and of several parts together with what Adam updates, under a changing learning rate,
//! against Keras's and PyTorch's formulas in f64.

use std::sync::Arc;

use super::case::{distinct, graph, widened, with_and_without_runtime_checks};
use super::optimizer::RATES;
use super::update::Update;
use super::{Case, Comparison};
use crate::exec::ExecError;
use crate::gpu::Gpu;
use crate::graph::{Arena, Graph, Initializer, Layout, Variable, VariableSpec};
use crate::kernel::MicroKernel;
use crate::optim::{Form, Muon, Optimizer, Rule};

/// Largest error of the move of a weight, of the largest move: five steps multiply what rounding adds to small singular
/// values by up to 3.4^5.
const LIMIT: f64 = 1e-3;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for (form, nesterov) in [(Form::Keras, true), (Form::PyTorch, true), (Form::Keras, false)] {
        let kind = if nesterov { "" } else { ", without Nesterov's momentum" };
        cases.push(Case::new(format!("{form:?}{kind}"), move |gpu, micro_kernel| {
            let rule = Rule::Muon(Muon { form, nesterov, ..Muon::default() });
            compare(
                gpu,
                micro_kernel,
                &Optimizer { rule, learning_rate: 0.02, weight_decay: 0.1, ..Optimizer::default() },
            )
        }));
    }
    cases
}

/// Kernels that are tall, wide, square and of one element, some with odd sizes; a depthwise kernel and a bias; a frozen one.
fn variables(micro_kernel: MicroKernel) -> Result<Graph, ExecError> {
    let mut graph = graph(micro_kernel, 1);
    for (layer, shape) in
        [("tall", vec![3, 3, 3, 6]), ("wide", vec![5, 75]), ("several", vec![70, 66]), ("one", vec![1, 1])]
    {
        graph.add_weights(layer, VariableSpec::kernel_and_bias(layer, shape, true))?;
    }
    let depthwise = VariableSpec::kernel("depthwise", vec![3, 3, 5, 2]);
    graph.add_weights("depthwise", vec![VariableSpec { layout: Layout::Rows { columns: 10 }, ..depthwise }])?;
    let more = VariableSpec::vector("frozen", "bias", 3, Initializer::Zeros);
    graph.add_weights("frozen", vec![VariableSpec::kernel("frozen", vec![4, 7]), more])?;
    graph.freeze("frozen");
    Ok(graph)
}

/// The update of a matrix of `rows` by Keras's `zeropower_via_newtonschulz5`.
fn orthogonal(x: &[f64], rows: usize) -> Vec<f64> {
    let columns = x.len() / rows;
    let transposed = |x: &[f64], rows: usize| -> Vec<f64> {
        let columns = x.len() / rows;
        (0..x.len()).map(|i| x[i % rows * columns + i / rows]).collect()
    };
    if rows > columns {
        return transposed(&orthogonal(&transposed(x, rows), columns), columns);
    }
    let product = |a: &[f64], b: &[f64], inner: usize| -> Vec<f64> {
        let (rows, columns) = (a.len() / inner, b.len() / inner);
        let cell = |i: usize| (0..inner).map(|k| a[i / columns * inner + k] * b[k * columns + i % columns]).sum();
        (0..rows * columns).map(cell).collect()
    };
    let norm = x.iter().map(|x| x * x).sum::<f64>().sqrt() + 1e-7;
    let mut x: Vec<f64> = x.iter().map(|x| x / norm).collect();
    for _ in 0..5 {
        let gram = product(&x, &transposed(&x, rows), columns);
        let square = product(&gram, &gram, rows);
        let polynomial: Vec<f64> = gram.iter().zip(&square).map(|(a, aa)| -4.7750 * a + 2.0315 * aa).collect();
        let next = product(&polynomial, &x, rows);
        x.iter_mut().zip(next).for_each(|(x, next)| *x = 3.4445 * *x + next);
    }
    x
}

/// The move of a variable in f64.
fn expected(optimizer: &Optimizer, variable: &Variable, place: usize) -> Vec<f64> {
    let Rule::Muon(Muon { momentum, nesterov, form, .. }) = optimizer.rule else { return Vec::new() };
    let start = widened(&distinct(variable.len(), place));
    let mut w = start.clone();
    let (mut m, mut v) = (vec![0.0; w.len()], vec![0.0; w.len()]);
    let is_matrix = !variable.name().ends_with("bias") && variable.layer() != "depthwise";
    for (t, factor) in RATES.into_iter().enumerate() {
        let rate = factor * optimizer.learning_rate;
        let gradient = widened(&gradient(variable, place, t));
        w.iter_mut().for_each(|w| *w -= *w * optimizer.weight_decay * rate);
        if is_matrix {
            m.iter_mut().zip(&gradient).for_each(|(m, g)| *m = momentum * *m + g);
            let direction = |(m, g): (&f64, &f64)| if nesterov { g + momentum * m } else { *m };
            let columns = variable.shape()[variable.shape().len() - 1];
            let rows = w.len() / columns;
            let update = orthogonal(&m.iter().zip(&gradient).map(direction).collect::<Vec<_>>(), rows);
            let factor = match form {
                Form::Keras => 0.2 * (rows.max(columns) as f64).sqrt(),
                Form::PyTorch => (columns as f64 / rows as f64).max(1.0).sqrt(),
            };
            w.iter_mut().zip(update).for_each(|(w, update)| *w -= rate * factor * update);
            continue;
        }
        let power = |beta: f64| beta.powi(t as i32 + 1);
        for (i, g) in gradient.into_iter().enumerate() {
            m[i] += (g - m[i]) * 0.1;
            v[i] += (g * g - v[i]) * 0.001;
            let alpha = rate * (1.0 - power(0.999)).sqrt() / (1.0 - power(0.9));
            w[i] -= alpha * m[i] / (v[i].sqrt() + 1e-7);
        }
    }
    if !variable.is_trained() {
        w.clone_from(&start);
    }
    w.iter().zip(&start).map(|(w, start)| w - start).collect()
}

fn gradient(variable: &Variable, place: usize, t: usize) -> Vec<f32> {
    distinct(variable.len(), 3 + 7 * place + t)
}

fn compare(gpu: &Arc<Gpu>, micro_kernel: MicroKernel, optimizer: &Optimizer) -> Result<Vec<Comparison>, ExecError> {
    let like = variables(micro_kernel)?;
    let expected: Vec<Vec<f64>> =
        like.variables().iter().enumerate().map(|(place, variable)| expected(optimizer, variable, place)).collect();
    let run = |checks| -> Result<Vec<Vec<f32>>, ExecError> {
        let mut graph = variables(micro_kernel)?;
        let update = Update::new(gpu, &mut graph, optimizer, checks)?;
        for (place, variable) in graph.variables().iter().enumerate() {
            update.program.write_variable(&graph, Arena::Weights, variable, &distinct(variable.len(), place))?;
        }
        for (t, factor) in RATES.into_iter().enumerate() {
            for (place, variable) in graph.variables().iter().enumerate() {
                let gradient = gradient(variable, place, t);
                update.program.write_variable(&graph, Arena::Gradients, variable, &gradient)?;
            }
            update.run(&graph, t as u64 + 1, factor * optimizer.learning_rate)?;
        }
        let read = gpu.block_on(update.program.read_arena(&graph, Arena::Weights))?.into_iter().enumerate();
        let moved = read.map(|(place, (variable, elements))| {
            elements.iter().zip(distinct(variable.len(), place)).map(|(w, start)| w - start).collect()
        });
        Ok(moved.collect())
    };
    with_and_without_runtime_checks(gpu, run, |moved| {
        let all = moved.iter().zip(&expected).zip(like.variables());
        all.map(|((moved, expected), variable)| match variable.is_trained() {
            true => Comparison::close("update", variable.name(), moved, expected, LIMIT),
            false => Comparison::same_values(variable.name(), moved, &vec![0.0; moved.len()]),
        })
        .collect()
    })
}
