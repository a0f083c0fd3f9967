//! What is done around an optimizer's rule: several minibatches for one update, averaged weights, lookahead, groups.

use std::sync::Arc;

use super::case::{distinct, graph, widened, with_and_without_runtime_checks};
use super::{Case, Comparison};
use crate::exec::ExecError;
use crate::exec::Program;
use crate::gpu::{Gpu, RuntimeChecks};
use crate::graph::{Arena, Graph, Initializer, Plan, Role, Variable, VariableSpec};
use crate::kernel::MicroKernel;
use crate::minibatch::{Minibatch, Step};
use crate::optim::{Form, GradientTable, Group, Lookahead, Optimizer, Rule, Sgd};

/// Steps of a case: two updates of three minibatches each.
const STEPS: u64 = 6;

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let slow = |every, alpha, statistics| Some(Lookahead { every, alpha, statistics });
    for accumulate in [1, 2, 3] {
        for (average, lookahead) in [
            (None, None),
            (Some(0.7), None),
            (None, slow(2, 0.6, false)),
            (Some(0.7), slow(1, 0.3, true)),
            (None, slow(3, 0.5, true)),
        ] {
            let kept = if average.is_some() { ", with an average" } else { "" };
            let followed = lookahead.map(|lookahead| format!(", with {lookahead:?}")).unwrap_or_default();
            let name = format!("{accumulate} for an update{kept}{followed}");
            let rule = Rule::Sgd(Sgd { momentum: 0.9, nesterov: false, form: Form::Keras });
            let groups = ["three=0", "*/gamma=0.5,2", "two*=1,0"].map(group).into();
            let optimizer = Optimizer {
                rule,
                learning_rate: 0.1,
                weight_decay: 0.5,
                groups,
                accumulate,
                average,
                lookahead,
                ..Optimizer::default()
            };
            cases.push(Case::new(name, move |gpu, micro_kernel| compare(gpu, micro_kernel, &optimizer)));
        }
    }
    cases
}

fn group(text: &str) -> Group {
    let wrong = Group { pattern: "*".into(), rate: f64::NAN, decay: f64::NAN };
    text.parse().unwrap_or(wrong)
}

/// Trained, averaged and constant variables of several sizes, in three layers.
fn variables(micro_kernel: MicroKernel) -> Result<Graph, ExecError> {
    let mut graph = graph(micro_kernel, 1);
    for (i, layer) in ["one", "two", "three"].into_iter().enumerate() {
        let vector = |name: &str, len: usize| VariableSpec::vector(layer, name, len, Initializer::Zeros);
        graph.add_weights(
            layer,
            vec![
                VariableSpec::kernel(layer, vec![3, 3, 2, 5 + i]),
                vector("gamma", 70),
                VariableSpec { role: Role::Averaged { momentum: 0.8 }, ..vector("moving_mean", 6) },
                VariableSpec { role: Role::Constant, ..vector("mean", 9) },
            ],
        )?;
    }
    Ok(graph)
}

fn start(variable: &Variable, place: usize) -> Vec<f32> {
    distinct(variable.len(), place)
}

/// The gradient or statistic of a step, counted from 0.
fn gradient(variable: &Variable, place: usize, step: u64) -> Vec<f32> {
    distinct(variable.len(), 20 + 7 * place + step as usize)
}

/// How far the elements of all variables moved, then those of their average if one is kept.
fn run(
    gpu: &Arc<Gpu>,
    micro_kernel: MicroKernel,
    optimizer: &Optimizer,
    checks: RuntimeChecks,
) -> Result<Vec<Vec<f32>>, ExecError> {
    let empty = Minibatch::new(1, [0; 3]);
    let mut graph = variables(micro_kernel)?;
    let minibatch = graph.minibatch(empty);
    let mut plans = Vec::new();
    let mut tables = Vec::new();
    if optimizer.accumulate > 1 {
        let accumulation = optimizer.record_accumulation(&mut graph, minibatch)?;
        plans.push(Plan::new(&graph, accumulation.accumulate, &[])?);
        plans.push(Plan::new(&graph, accumulation.update, &[])?);
        tables.extend(accumulation.tables);
    } else {
        let (update, table) = optimizer.record(&mut graph, minibatch)?;
        plans.push(Plan::new(&graph, update, &[])?);
        tables.push(table);
    }
    let program = Program::new(gpu.clone(), &graph, &plans.iter().collect::<Vec<_>>(), checks)?;
    program.fill_slots(f32::NAN);
    for (tensor, values) in tables.iter().flat_map(GradientTable::inputs) {
        program.write(&graph, &plans[0], tensor, values)?;
    }
    for (place, variable) in graph.variables().iter().enumerate() {
        program.write_variable(&graph, Arena::Weights, variable, &start(variable, place))?;
    }
    for step in 0..STEPS {
        for (place, variable) in graph.variables().iter().enumerate() {
            program.write_variable(&graph, Arena::Gradients, variable, &gradient(variable, place, step))?;
        }
        let numbers = optimizer.at(step, optimizer.learning_rate, Step::over(1));
        let words = empty.encode(&numbers, &[0], &[], 1)?;
        program.write(&graph, &plans[0], minibatch, bytemuck::cast_slice(&words))?;
        program.run(0)?;
        if optimizer.accumulate > 1 && (step + 1).is_multiple_of(optimizer.accumulate as u64) {
            program.run(1)?;
        }
    }
    let mut found = Vec::new();
    for arena in [Arena::Weights].into_iter().chain(optimizer.average_arena()) {
        let read = gpu.block_on(program.read_arena(&graph, arena))?;
        found.push(read.into_iter().flat_map(|(_, elements)| elements).collect());
    }
    Ok(found)
}

/// The same in f64.
fn expected(micro_kernel: MicroKernel, optimizer: &Optimizer) -> Result<Vec<Vec<f64>>, ExecError> {
    let graph = variables(micro_kernel)?;
    let parts = optimizer.accumulate as u64;
    let (mut weights, mut averages) = (Vec::new(), Vec::new());
    for (place, variable) in graph.variables().iter().enumerate() {
        let [rate, decay] = match variable.name() {
            name if name.starts_with("three/") => [0.0, 1.0],
            name if name.ends_with("/gamma") => [0.5, 2.0],
            name if name.starts_with("two/") => [1.0, 0.0],
            _ => [1.0, 1.0],
        };
        let mut w = widened(&start(variable, place));
        let (mut velocity, mut sum, mut average) = (vec![0.0; w.len()], vec![0.0; w.len()], w.clone());
        let mut slow = w.clone();
        for step in 0..STEPS {
            let last = (step + 1) % parts == 0;
            for (i, g) in widened(&gradient(variable, place, step)).into_iter().enumerate() {
                match variable.role() {
                    Role::Constant => {}
                    Role::Averaged { momentum } => w[i] = momentum * w[i] + (1.0 - momentum) * g,
                    Role::Trained => {
                        sum[i] += g / parts as f64;
                        if last {
                            w[i] -= 0.1 * rate * 0.5 * decay * w[i];
                            velocity[i] = 0.9 * velocity[i] - 0.1 * rate * sum[i];
                            w[i] += velocity[i];
                            sum[i] = 0.0;
                        }
                    }
                }
                let update = (step + 1) / parts;
                let is_due = |lookahead: &Lookahead| {
                    let takes_part =
                        variable.is_trained() || (lookahead.statistics && variable.role() != Role::Constant);
                    last && takes_part && update.is_multiple_of(lookahead.every.into())
                };
                if let Some(Lookahead { alpha, .. }) = optimizer.lookahead.filter(is_due) {
                    slow[i] += alpha * (w[i] - slow[i]);
                    w[i] = slow[i];
                }
                if last {
                    let goes_on = step + 1 > parts && variable.is_trained();
                    let momentum = optimizer.average.filter(|_| goes_on).unwrap_or(0.0);
                    average[i] = momentum * average[i] + (1.0 - momentum) * w[i];
                }
            }
        }
        weights.extend(w);
        averages.extend(average);
    }
    Ok(std::iter::once(weights).chain(optimizer.average.map(|_| averages)).collect())
}

fn compare(gpu: &Arc<Gpu>, micro_kernel: MicroKernel, optimizer: &Optimizer) -> Result<Vec<Comparison>, ExecError> {
    let expected = expected(micro_kernel, optimizer)?;
    let run = |checks| run(gpu, micro_kernel, optimizer, checks);
    with_and_without_runtime_checks(gpu, run, |found| {
        let parts = ["weights", "average"].into_iter().zip(found.iter().zip(&expected));
        parts.map(|(part, (found, expected))| Comparison::close("update", part, found, expected, 1e-5)).collect()
    })
}
