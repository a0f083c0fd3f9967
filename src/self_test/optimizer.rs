//! What all optimizers share: steps under a changing learning rate against a formula in f64, which each optimizer's own
//! file gives; frozen weights, averages, clipping.

use std::sync::Arc;

use super::case::{add_layer, distinct, graph, widened, with_and_without_runtime_checks};
use super::parted_gradients::gradients_in_parts;
use super::update::Update;
use super::{Case, Comparison};
use crate::exec::ExecError;
use crate::gpu::{Gpu, RuntimeChecks};
use crate::graph::{Arena, Initializer, Role, Variable, VariableSpec};
use crate::kernel::MicroKernel;
use crate::optim::{Optimizer, Rule, Sgd};

pub(super) fn cases() -> Vec<Case> {
    vec![
        Case::new("frozen weights stay", frozen_weights_stay),
        Case::new("averages take over a share", averages_take_over_a_share),
        Case::new("gradients in parts", gradients_in_parts),
        Case::new("clipped by the norm of all", |gpu, micro_kernel| clipped(gpu, micro_kernel, 1.0)),
        Case::new("below the norm from which it is clipped", |gpu, micro_kernel| clipped(gpu, micro_kernel, 0.01)),
    ]
}

/// Factors of the learning rate in the steps of [`Steps`].
pub(super) const RATES: [f64; 8] = [1.0, 1.0, 0.5, 2.0, 0.1, 0.1, 1.0, 0.3];

/// A step of an optimizer in f64: from the number of the step, counted from 1, the learning rate, a weight, its gradient and
/// the state of both, which is 0 at first, to the new weight.
pub(super) type Formula = fn(&Optimizer, i32, f64, f64, f64, &mut [f64; 3]) -> f64;

/// Steps of an optimizer whose learning rate changes.
#[derive(Clone)]
pub(super) struct Steps {
    pub name: String,
    pub optimizer: Optimizer,
    pub formula: Formula,
    /// The largest gradient.
    pub gradient: f32,
}

impl Steps {
    /// A case for kernels of several sizes.
    pub fn cases(self) -> Vec<Case> {
        let shapes = [vec![1, 1], vec![3, 5], vec![3, 3, 2, 7], vec![70, 66]];
        let case = |shape: Vec<usize>| {
            let (steps, name) = (self.clone(), format!("{}, kernel {shape:?}", self.name));
            Case::new(name, move |gpu, micro_kernel| steps.compare(gpu, micro_kernel, &shape))
        };
        shapes.map(case).into()
    }

    /// Compares how far the steps move the weights. f32 rounds weights near 1 to 6e-8, which must be little of it.
    fn compare(
        &self,
        gpu: &Arc<Gpu>,
        micro_kernel: MicroKernel,
        shape: &[usize],
    ) -> Result<Vec<Comparison>, ExecError> {
        let elements = shape.iter().product::<usize>() + shape[shape.len() - 1];
        let start = distinct(elements, 1);
        let gradient = |t: usize| -> Vec<f32> { distinct(elements, t + 1).iter().map(|g| g * self.gradient).collect() };
        let rates = RATES.map(|factor| factor * self.optimizer.learning_rate);
        let run = |checks| -> Result<Vec<Vec<f32>>, ExecError> {
            let mut graph = graph(micro_kernel, 1);
            let w = add_layer(&mut graph, "layer", shape.to_vec())?;
            let update = Update::new(gpu, &mut graph, &self.optimizer, checks)?;
            let (plan, program) = (&update.plan, &update.program);
            let dw = graph.variables()[0].gradient();
            program.write(&graph, plan, w, &graph.pad_weights(w, &start))?;
            for (t, rate) in (1..).zip(rates) {
                program.write(&graph, plan, dw, &graph.pad_weights(w, &gradient(t)))?;
                update.run(&graph, t as u64, rate)?;
            }
            let floats = gpu.block_on(program.read(&graph, plan, w))?;
            Ok(vec![graph.unpad_weights(w, &floats).iter().zip(&start).map(|(w, s)| w - s).collect()])
        };
        let mut w = widened(&start);
        let mut states = vec![[0.0; 3]; elements];
        for (t, rate) in (1..).zip(rates) {
            for ((w, g), state) in w.iter_mut().zip(widened(&gradient(t))).zip(&mut states) {
                *w = (self.formula)(&self.optimizer, t as i32, rate, *w, g, state);
            }
        }
        let expected: Vec<f64> = w.iter().zip(&start).map(|(w, s)| w - f64::from(*s)).collect();
        with_and_without_runtime_checks(gpu, run, |moved| {
            vec![Comparison::close("update", "weights' move", &moved[0], &expected, 1e-4)]
        })
    }
}

/// With the norm of the gradient of two layers above the largest one, both are scaled down; else none is.
fn clipped(gpu: &Arc<Gpu>, micro_kernel: MicroKernel, gradient: f32) -> Result<Vec<Comparison>, ExecError> {
    let rule = Rule::Sgd(Sgd::default());
    let optimizer = Optimizer { rule, learning_rate: 0.5, clip_norm: Some(1.5), ..Optimizer::default() };
    let gradient = |variable: &Variable, i: usize| -> Vec<f32> {
        distinct(variable.len(), i + 1).iter().map(|g| g * gradient).collect()
    };
    let mut expected = Vec::new();
    let run = |checks| -> Result<Vec<Vec<f32>>, ExecError> {
        let mut graph = graph(micro_kernel, 1);
        add_layer(&mut graph, "one", vec![7, 5])?;
        add_layer(&mut graph, "two", vec![3, 3, 2, 6])?;
        let update = Update::new(gpu, &mut graph, &optimizer, checks)?;
        for (i, variable) in graph.variables().iter().enumerate() {
            update.program.write_variable(&graph, Arena::Gradients, variable, &gradient(variable, i))?;
        }
        update.run(&graph, 1, optimizer.learning_rate)?;
        let read = gpu.block_on(update.program.read_arena(&graph, Arena::Weights))?;
        Ok(vec![read.into_iter().flat_map(|(_, elements)| elements).collect()])
    };
    let mut like = graph(micro_kernel, 1);
    add_layer(&mut like, "one", vec![7, 5])?;
    add_layer(&mut like, "two", vec![3, 3, 2, 6])?;
    for (i, variable) in like.variables().iter().enumerate() {
        expected.extend(widened(&gradient(variable, i)));
    }
    let norm = expected.iter().map(|g| g * g).sum::<f64>().sqrt();
    let factor = if norm > 1.5 { 1.5 / norm } else { 1.0 };
    expected.iter_mut().for_each(|g| *g *= -0.5 * factor);
    let wrong = ((gradient(&like.variables()[0], 0)[0].abs() > 0.1) != (factor < 1.0))
        .then(|| format!("the norm is {norm}, which tests something else"));
    let mut comparisons = with_and_without_runtime_checks(gpu, run, |moved| {
        vec![Comparison::close("update", "weights' move", &moved[0], &expected, 1e-5)]
    })?;
    comparisons.push(Comparison::exact(wrong));
    Ok(comparisons)
}

/// A frozen layer keeps its weights, whatever its gradient's place holds; its neighbours are updated.
fn frozen_weights_stay(gpu: &Arc<Gpu>, micro_kernel: MicroKernel) -> Result<Vec<Comparison>, ExecError> {
    let mut graph = graph(micro_kernel, 1);
    for layer in ["before", "frozen", "after"] {
        add_layer(&mut graph, layer, vec![5, 30])?;
    }
    graph.freeze("frozen");
    let optimizer = Optimizer { weight_decay: 0.1, ..Optimizer::default() };
    let update = Update::new(gpu, &mut graph, &optimizer, RuntimeChecks::Off)?;
    let program = &update.program;
    let start = distinct(150, 1);
    for variable in graph.variables() {
        let gradient = if variable.is_trained() { 1.0 } else { f32::NAN };
        program.write_variable(&graph, Arena::Weights, variable, &start[..variable.len()])?;
        program.write_variable(&graph, Arena::Gradients, variable, &vec![gradient; variable.len()])?;
    }
    update.run(&graph, 1, 1e-3)?;
    let mut wrong = Vec::new();
    for (variable, elements) in gpu.block_on(program.read_arena(&graph, Arena::Weights))? {
        let moved = elements.iter().zip(&start).filter(|(w, s)| w != s).count();
        let expected = if variable.is_trained() { variable.len() } else { 0 };
        if moved != expected {
            wrong.push(format!("of `{}` {moved} elements moved, expected {expected}", variable.name()));
        }
    }
    Ok(vec![Comparison::exact(wrong)])
}

/// An averaged variable becomes `momentum * old + (1 - momentum) * statistic`, whatever the optimizer does with its
/// neighbours in the same tensor.
fn averages_take_over_a_share(gpu: &Arc<Gpu>, micro_kernel: MicroKernel) -> Result<Vec<Comparison>, ExecError> {
    const LENS: [usize; 4] = [5, 70, 130, 3];
    let momenta = [0.99, 0.0, 0.5, 1.0];
    let run = |checks| {
        let mut graph = graph(micro_kernel, 1);
        let mut specs = Vec::new();
        for (momentum, len) in momenta.into_iter().zip(LENS) {
            let spec = VariableSpec::vector("layer", "moving_mean", len, Initializer::Zeros);
            specs.push(VariableSpec { role: Role::Averaged { momentum }, ..spec });
            specs.push(VariableSpec::vector("layer", "gamma", 6, Initializer::Ones));
        }
        graph.add_weights("layer", specs)?;
        // Clipping would scale the gradients down.
        let optimizer = Optimizer { weight_decay: 0.1, clip_norm: Some(1e-3), ..Optimizer::default() };
        let update = Update::new(gpu, &mut graph, &optimizer, checks)?;
        for variable in graph.variables() {
            let [old, new] = [1, 2].map(|salt| distinct(variable.len(), salt));
            update.program.write_variable(&graph, Arena::Weights, variable, &old)?;
            update.program.write_variable(&graph, Arena::Gradients, variable, &new)?;
        }
        update.run(&graph, 1, 1e-3)?;
        let read = gpu.block_on(update.program.read_arena(&graph, Arena::Weights))?;
        Ok(read.into_iter().step_by(2).map(|(_, elements)| elements).collect())
    };
    with_and_without_runtime_checks(gpu, run, |found| {
        let average = |(found, (momentum, len)): (&Vec<f32>, (f64, usize))| {
            let [old, new] = [1, 2].map(|salt| widened(&distinct(len, salt)));
            let expected: Vec<f64> =
                old.iter().zip(new).map(|(old, new)| momentum * old + (1.0 - momentum) * new).collect();
            Comparison::close("update", "average", found, &expected, 1e-6)
        };
        found.iter().zip(momenta.into_iter().zip(LENS)).map(average).collect()
    })
}
