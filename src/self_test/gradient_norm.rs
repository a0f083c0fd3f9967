//! The norm of the gradient against its sum in f64: kernels of many sizes, frozen ones, parts, and values whose squares
//! no f32 holds.

use std::sync::Arc;

use super::case::{add_layer, distinct, graph, with_and_without_runtime_checks};
use super::{Case, Comparison};
use crate::exec::ExecError;
use crate::exec::Program;
use crate::gpu::{Gpu, RuntimeChecks};
use crate::graph::{Arena, Graph, Initializer, Plan, Role, Variable, VariableSpec};
use crate::kernel::MicroKernel;
use crate::ops::{Conv2d, Padding};
use crate::optim::GradientTable;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let kernels = [
        ("one element", vec![vec![1, 1]]),
        ("sizes that fill no block", vec![vec![3, 5], vec![3, 3, 2, 7], vec![1, 1]]),
        ("more than one workgroup", vec![vec![64, 64], vec![70, 66], vec![5, 3]]),
        ("more workgroups than one adds up at once", vec![vec![640, 512]]),
    ];
    for (name, kernels) in kernels {
        for scale in [1.0, 1e-30, 1e30, 0.0] {
            let kernels = kernels.clone();
            let name = format!("{name}, times {scale:e}");
            cases.push(Case::new(name, move |gpu, micro_kernel| of_kernels(gpu, micro_kernel, &kernels, scale)));
        }
    }
    cases.push(Case::new("only trained variables count", only_trained_variables_count));
    cases.push(Case::new("a gradient that is not finite", not_finite));
    cases.push(Case::new("gradients in parts", gradients_in_parts));
    cases
}

/// The norm, after `write` has written the gradients.
fn norm(
    gpu: &Arc<Gpu>,
    graph: &mut Graph,
    checks: RuntimeChecks,
    write: impl Fn(&Graph, &Program, &Plan) -> Result<(), ExecError>,
) -> Result<f64, ExecError> {
    let table = GradientTable::new(graph, &[]);
    let (dispatches, tensor) = table.record_norm(graph);
    let plan = Plan::new(graph, dispatches, &[tensor])?;
    let program = Program::new(gpu.clone(), graph, &[&plan], checks)?;
    program.fill_slots(f32::NAN);
    for (tensor, values) in table.inputs() {
        program.write(graph, &plan, tensor, values)?;
    }
    write(graph, &program, &plan)?;
    program.run(0)?;
    Ok(GradientTable::norm(&gpu.block_on(program.read(graph, &plan, tensor))?))
}

fn compare(found: f64, expected: f64) -> Comparison {
    let mut comparison = Comparison::new("forward", 1e-5);
    let error = if expected == 0.0 { found } else { (found - expected).abs() / expected };
    comparison.add(error, || format!("the norm is {found}, expected {expected}"));
    comparison
}

fn of_kernels(
    gpu: &Arc<Gpu>,
    micro_kernel: MicroKernel,
    kernels: &[Vec<usize>],
    scale: f32,
) -> Result<Vec<Comparison>, ExecError> {
    let gradient = |i: usize, len: usize| distinct(len, i + 1).into_iter().map(|g| g * scale).collect::<Vec<f32>>();
    let make = || -> Result<Graph, ExecError> {
        let mut graph = graph(micro_kernel, 1);
        for kernel in kernels {
            add_layer(&mut graph, "layer", kernel.clone())?;
        }
        Ok(graph)
    };
    let lens: Vec<usize> = make()?.variables().iter().map(Variable::len).collect();
    let values = lens.iter().enumerate().flat_map(|(i, len)| gradient(i, *len));
    let expected = values.map(|value| f64::from(value).powi(2)).sum::<f64>().sqrt();
    let run = |checks| {
        let found = norm(gpu, &mut make()?, checks, |graph, program, plan| {
            let nan = vec![f32::NAN; graph.chunks()[0].len];
            for variable in graph.variables() {
                // What lies between variables belongs to none.
                let len = graph.tensor(variable.gradient()).shape.elements();
                program.write(graph, plan, variable.gradient(), &nan[..len])?;
            }
            for (i, variable) in graph.variables().iter().enumerate() {
                program.write_variable(graph, Arena::Gradients, variable, &gradient(i, variable.len()))?;
            }
            Ok(())
        })?;
        // In units in which it is a float.
        Ok(vec![vec![(found / f64::from(if scale == 0.0 { 1.0 } else { scale })) as f32]])
    };
    let unit = f64::from(if scale == 0.0 { 1.0 } else { scale });
    with_and_without_runtime_checks(gpu, run, |norms| vec![compare(f64::from(norms[0][0]), expected / unit)])
}

fn only_trained_variables_count(gpu: &Arc<Gpu>, micro_kernel: MicroKernel) -> Result<Vec<Comparison>, ExecError> {
    let mut graph = graph(micro_kernel, 1);
    for layer in ["before", "frozen", "after"] {
        add_layer(&mut graph, layer, vec![8, 30])?;
        let statistic = VariableSpec::vector(layer, "moving_mean", 30, Initializer::Zeros);
        graph.add_weights(layer, vec![VariableSpec { role: Role::Averaged { momentum: 0.9 }, ..statistic }])?;
    }
    graph.freeze("frozen");
    let found = norm(gpu, &mut graph, RuntimeChecks::Off, |graph, program, _| {
        for variable in graph.variables() {
            let value = if variable.is_trained() { 2.0 } else { f32::NAN };
            program.write_variable(graph, Arena::Gradients, variable, &vec![value; variable.len()])?;
        }
        Ok(())
    })?;
    Ok(vec![compare(found, 2.0 * 540.0_f64.sqrt())])
}

fn not_finite(gpu: &Arc<Gpu>, micro_kernel: MicroKernel) -> Result<Vec<Comparison>, ExecError> {
    let mut wrong = Vec::new();
    for value in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut graph = graph(micro_kernel, 1);
        add_layer(&mut graph, "layer", vec![8, 40])?;
        let found = norm(gpu, &mut graph, RuntimeChecks::Off, |graph, program, _| {
            let mut values = vec![1.0; 320];
            values[217] = value;
            Ok(program.write_variable(graph, Arena::Gradients, &graph.variables()[0], &values)?)
        })?;
        if !found.is_nan() {
            wrong.push(format!("the norm of a gradient with {value} is {found}"));
        }
    }
    Ok(vec![Comparison::exact(wrong)])
}

/// The parts of a gradient are added up before they are squared.
fn gradients_in_parts(gpu: &Arc<Gpu>, micro_kernel: MicroKernel) -> Result<Vec<Comparison>, ExecError> {
    let mut graph = graph(micro_kernel, 5);
    let geometry = Conv2d {
        input: [4, 16, 16, 3],
        filters: 6,
        kernel: [3, 3],
        stride: [1, 1],
        padding: Padding::Valid,
        bias: true,
        relu: false,
    };
    let x = graph.input("x", geometry.input);
    let w = add_layer(&mut graph, "layer", geometry.kernel_shape())?;
    let y = graph.conv2d("y", geometry, x, w)?;
    let dy = graph.input("dy", graph.tensor(y).shape.clone());
    graph.record_backward(&[(y, dy)], &[])?;
    let (tensor, parts) = graph.gradient_parts(graph.variables()[0].gradient());
    let elements: usize = graph.variables_of(w).map(Variable::len).sum();
    let (mut values, mut sums) = (Vec::new(), vec![0.0; elements]);
    for part in 0..parts {
        let part = distinct(elements, 2 + part);
        values.extend(graph.pad_weights(w, &part));
        sums.iter_mut().zip(part).for_each(|(sum, value)| *sum += f64::from(value));
    }
    let expected = sums.iter().map(|sum| sum * sum).sum::<f64>().sqrt();
    let found = norm(gpu, &mut graph, RuntimeChecks::Off, |graph, program, plan| {
        Ok(program.write(graph, plan, tensor, &values)?)
    })?;
    let one = (parts < 2).then(|| format!("the gradient is in {parts} parts, expected several"));
    Ok(vec![compare(found, expected), Comparison::exact(one)])
}
