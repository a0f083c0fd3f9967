//! One way to test an operation: against itself in f64, in the middle of a graph.

use std::cell::OnceCell;
use std::sync::Arc;

use super::case::{central_differences, distinct, graph, widened, with_and_without_runtime_checks};
use super::{Case, Comparison};
use crate::Error;
use crate::exec::Program;
use crate::gpu::{Gpu, RuntimeChecks};
use crate::graph::{Graph, GraphError, Mode, Plan, TensorId};
use crate::kernel::MicroKernel;

/// Limit of a forward pass.
pub(super) const FORWARD: f64 = 1e-5;

/// Limit of a gradient.
pub(super) const GRADIENT: f64 = 1e-4;

/// Adds an operation to a graph.
type Build = Box<dyn Fn(&mut Graph, &[TensorId]) -> Result<TensorId, GraphError>>;

/// The operation in f64.
type Reference = Box<dyn Fn(&[Vec<f64>]) -> Vec<f64>>;

/// An operation, and a reference in f64 that gives its output. The gradients come from central differences.
pub struct OperationCase {
    /// Its name, which differs from those of the operation's other cases.
    pub name: String,
    /// Shapes of the operation's activations; each is the sum of two inputs, so that it is made mid-graph.
    pub activations: Vec<Vec<usize>>,
    /// Kernel shape of its parameter, which has a bias.
    pub parameter: Option<Vec<usize>>,
    /// Adds the operation; the last tensor is the parameter.
    pub build: Build,
    /// The operation in f64. Its inputs are the activations, then the parameter's kernel followed by its bias.
    pub reference: Reference,
}

impl From<OperationCase> for Case {
    fn from(case: OperationCase) -> Self {
        let expected = OnceCell::new();
        Self::new(case.name.clone(), move |gpu, micro_kernel| {
            let expected = expected.get_or_init(|| case.expected());
            with_and_without_runtime_checks(
                gpu,
                |checks| case.results(gpu, micro_kernel, checks),
                |results| compare(results, expected),
            )
        })
    }
}

impl OperationCase {
    fn inputs(&self) -> Vec<Vec<f32>> {
        let mut shapes = self.activations.clone();
        if let Some(kernel) = &self.parameter {
            let columns = kernel[kernel.len() - 1];
            shapes.push(vec![kernel.iter().product::<usize>() + columns]);
        }
        shapes.iter().enumerate().map(|(i, shape)| distinct(shape.iter().product(), 11 * i + 3)).collect()
    }

    /// Output, then the gradient of each input.
    fn results(
        &self,
        gpu: &Arc<Gpu>,
        micro_kernel: MicroKernel,
        checks: RuntimeChecks,
    ) -> Result<Vec<Vec<f32>>, Error> {
        let mut graph = graph(micro_kernel, 5);
        let values = self.inputs();
        let halves: Vec<[TensorId; 2]> =
            self.activations.iter().map(|shape| [0, 1].map(|_| graph.input("half", shape.clone()))).collect();
        let mut tensors: Vec<TensorId> =
            halves.iter().map(|[a, b]| graph.add("x", *a, *b)).collect::<Result<_, _>>()?;
        if let Some(kernel) = &self.parameter {
            tensors.push(graph.add_parameter("layer", kernel.clone(), true)?);
        }
        let y = (self.build)(&mut graph, &tensors)?;
        // The next operations use y twice, so that its gradient is a sum.
        let shape = graph.tensor(y).shape.clone();
        let more = graph.input("more", shape.clone());
        let z = graph.add("y + more", y, more)?;
        let z = graph.add("y + more + y", z, y)?;
        let dz = graph.input("dz", shape.clone());

        let mut dispatches = graph.record_forward(Mode::Train);
        let wanted: Vec<TensorId> = halves.iter().map(|[a, _]| *a).collect();
        let (backward, gradients) = graph.record_backward(&[(z, dz)], &wanted)?;
        dispatches.extend(backward);
        let mut results = vec![y];
        results.extend(wanted.iter().map(|input| gradients[input]));
        let plan = Plan::new(&graph, dispatches, &results)?;
        let program = Program::new(gpu.clone(), &graph, &[&plan], checks)?;

        program.fill_slots(f32::NAN);
        for ([a, b], value) in halves.iter().zip(&values) {
            program.write(&graph, &plan, *a, value)?;
            program.write(&graph, &plan, *b, &vec![0.0; value.len()])?;
        }
        program.write(&graph, &plan, more, &vec![0.5; shape.elements()])?;
        program.write(&graph, &plan, dz, &upstream(shape.elements()))?;
        if let Some(parameter) = graph.parameters().first() {
            program.write(&graph, &plan, parameter.weights, &parameter.pad(&values[values.len() - 1]))?;
            let (gradient, _) = graph.gradient_parts(parameter.gradient);
            program.write(&graph, &plan, gradient, &vec![f32::NAN; graph.tensor(gradient).shape.elements()])?;
        }
        program.run(0)?;
        let mut read = Vec::new();
        for tensor in results {
            read.push(gpu.block_on(program.read(&graph, &plan, tensor))?);
        }
        for parameter in graph.parameters() {
            let rows = gpu.block_on(program.read_gradient(&graph, &plan, parameter))?;
            read.push(parameter.unpad(&rows));
        }
        Ok(read)
    }

    /// The expected results in f64.
    fn expected(&self) -> Vec<Vec<f64>> {
        let inputs: Vec<Vec<f64>> = self.inputs().iter().map(|values| widened(values)).collect();
        let y = (self.reference)(&inputs);
        let dz = widened(&upstream(y.len()));
        let gradient = |i: usize| {
            let mut changed = inputs.clone();
            central_differences(&inputs[i], |values| {
                changed[i].copy_from_slice(values);
                // y reaches z twice.
                let y = (self.reference)(&changed);
                y.iter().zip(&dz).map(|(y, dz)| 2.0 * y * dz).sum::<f64>()
            })
        };
        let gradients: Vec<_> = (0..inputs.len()).map(gradient).collect();
        std::iter::once(y).chain(gradients).collect()
    }
}

fn compare(results: &[Vec<f32>], expected: &[Vec<f64>]) -> Vec<Comparison> {
    let mut comparisons = vec![Comparison::close("forward", "y", &results[0], &expected[0], FORWARD)];
    for (i, expected) in expected.iter().enumerate().skip(1) {
        let part = format!("gradient of input {}", i - 1);
        let result = results.get(i).map_or(&[][..], |result| result);
        comparisons.push(Comparison::close("gradient", &part, result, expected, GRADIENT));
    }
    comparisons
}

/// The gradient that arrives from above.
fn upstream(n: usize) -> Vec<f32> {
    distinct(n, 5)
}
