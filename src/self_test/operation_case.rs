//! One way to test an operation: against itself in f64, in the middle of a graph.

use std::cell::OnceCell;
use std::sync::Arc;

use half::f16;

use super::case::{central_differences, distinct, widened, with_and_without_runtime_checks};
use super::{Case, Comparison};
use crate::exec::ExecError;
use crate::exec::Program;
use crate::gpu::{Gpu, RuntimeChecks};
use crate::graph::{Arena, Graph, GraphError, Home, Mode, Plan, Role, Target, TensorId, VariableSpec};
use crate::kernel::{MicroKernel, Precision};

/// Limit of a forward pass.
pub(super) const FORWARD: f64 = 1e-5;

/// Limit of a gradient.
pub(super) const GRADIENT: f64 = 1e-4;

/// Limit of a forward pass whose result is rounded to 11 significant bits: half of the last place, 2^-11.
const HALF_FORWARD: f64 = FORWARD + 1.0 / 2048.0;

/// Limit of a gradient in 16 bits: several roundings follow each other, of the gradient from above, of what an operation
/// keeps and of the result. Elements that cancel out are off by the same share of the larger ones.
const HALF_GRADIENT: f64 = GRADIENT + 6.0 / 2048.0;

/// Limits of a forward pass and of gradients.
pub(super) fn limits(precision: Precision) -> [f64; 2] {
    match precision {
        Precision::F32 => [FORWARD, GRADIENT],
        Precision::F16 => [HALF_FORWARD, HALF_GRADIENT],
    }
}

/// Values as memory of this precision has them.
pub(super) fn rounded(values: &mut [f32], precision: Precision) {
    if precision == Precision::F16 {
        values.iter_mut().for_each(|value| *value = f16::from_f32(*value).to_f32());
    }
}

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
    /// Its tensors of weights, by the variables in them. Variables that are not trained get positive values, since
    /// variances are among them, and their gradients are not compared.
    pub weights: Vec<Vec<VariableSpec>>,
    /// Adds the operation to activations and then tensors of weights.
    pub build: Build,
    /// The operation in f64. Its inputs are the elements of the activations, then those of each variable.
    pub reference: Reference,
}

impl From<OperationCase> for Case {
    fn from(case: OperationCase) -> Self {
        case.in_precision(Precision::F32)
    }
}

impl OperationCase {
    /// The case with its activations and their gradients in memory as floats of this precision.
    pub(super) fn in_precision(self, precision: Precision) -> Case {
        let expected = OnceCell::new();
        Case::new(self.name.clone(), move |gpu, micro_kernel| {
            let expected = expected.get_or_init(|| self.expected(precision));
            with_and_without_runtime_checks(
                gpu,
                |checks| self.results(gpu, micro_kernel, precision, checks),
                |results| compare(results, expected, precision),
            )
        })
    }

    fn variables(&self) -> impl Iterator<Item = &VariableSpec> {
        self.weights.iter().flatten()
    }

    /// Values of the activations, which the precision has exactly, then of the variables.
    fn inputs(&self, precision: Precision) -> Vec<Vec<f32>> {
        let shapes = self.activations.iter().chain(self.variables().map(|variable| &variable.shape));
        let mut values: Vec<Vec<f32>> =
            shapes.enumerate().map(|(i, shape)| distinct(shape.iter().product(), 11 * i + 3)).collect();
        for (values, variable) in values[self.activations.len()..].iter_mut().zip(self.variables()) {
            if variable.role != Role::Trained {
                values.iter_mut().for_each(|value| *value = 0.75 + 0.5 * *value);
            }
        }
        values[..self.activations.len()].iter_mut().for_each(|values| rounded(values, precision));
        values
    }

    /// Whether the gradient of each of the inputs is compared.
    fn compared(&self) -> Vec<bool> {
        let variables = self.variables().map(|variable| variable.role == Role::Trained);
        self.activations.iter().map(|_| true).chain(variables).collect()
    }

    /// Output, then the gradient of each input that is compared, then what follows their rows in memory: others add it up
    /// as if it belonged to the rows, so it must be 0.
    fn results(
        &self,
        gpu: &Arc<Gpu>,
        micro_kernel: MicroKernel,
        precision: Precision,
        checks: RuntimeChecks,
    ) -> Result<Vec<Vec<f32>>, ExecError> {
        let mut graph = Graph::new(Target { precision, ..Target::new(micro_kernel, 5) });
        let values = self.inputs(precision);
        let halves: Vec<[TensorId; 2]> =
            self.activations.iter().map(|shape| [0, 1].map(|_| graph.input("half", shape.clone()))).collect();
        let mut tensors: Vec<TensorId> =
            halves.iter().map(|[a, b]| graph.add("x", *a, *b)).collect::<Result<_, _>>()?;
        for variables in &self.weights {
            tensors.push(graph.add_weights("layer", variables.clone())?);
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
        for (variable, values) in graph.variables().iter().zip(&values[self.activations.len()..]) {
            program.write_variable(&graph, Arena::Weights, variable, values)?;
            let (gradient, _) = graph.gradient_parts(variable.gradient());
            program.write(&graph, &plan, gradient, &vec![f32::NAN; graph.tensor(gradient).shape.elements()])?;
        }
        program.run(0)?;
        let (mut read, mut padding) = (Vec::new(), Vec::new());
        for tensor in results {
            read.push(gpu.block_on(program.read(&graph, &plan, tensor))?);
            let shape = graph.tensor(tensor).shape.clone();
            let in_memory = [shape.rows(), shape.padded_columns()];
            let in_memory = graph.add_tensor("in memory", in_memory, Home::View(tensor));
            let floats = gpu.block_on(program.read(&graph, &plan, in_memory))?;
            let rows = floats.chunks(shape.padded_columns());
            padding.extend(rows.flat_map(|row| row[shape.columns()..].to_vec()));
        }
        for variable in graph.variables().iter().filter(|variable| variable.is_trained()) {
            read.push(gpu.block_on(program.read_gradient(&graph, &plan, variable))?);
        }
        read.push(padding);
        Ok(read)
    }

    /// The expected results in f64.
    fn expected(&self, precision: Precision) -> Vec<Vec<f64>> {
        let inputs: Vec<Vec<f64>> = self.inputs(precision).iter().map(|values| widened(values)).collect();
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
        let compared = self.compared();
        let gradients: Vec<_> = (0..inputs.len()).filter(|i| compared[*i]).map(gradient).collect();
        std::iter::once(y).chain(gradients).collect()
    }
}

fn compare(results: &[Vec<f32>], expected: &[Vec<f64>], precision: Precision) -> Vec<Comparison> {
    let [forward, gradient] = limits(precision);
    let mut comparisons = vec![Comparison::close("forward", "y", &results[0], &expected[0], forward)];
    for (i, expected) in expected.iter().enumerate().skip(1) {
        let part = format!("gradient of input {}", i - 1);
        let result = results.get(i).map_or(&[][..], |result| result);
        comparisons.push(Comparison::close("gradient", &part, result, expected, gradient));
    }
    let padding = results.get(expected.len()).map_or(&[][..], |padding| padding);
    comparisons.push(Comparison::same_values("padding", padding, &vec![0.0; padding.len()]));
    comparisons
}

/// The gradient that arrives from above.
fn upstream(n: usize) -> Vec<f32> {
    distinct(n, 5)
}
