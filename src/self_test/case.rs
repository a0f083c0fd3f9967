//! One thing to compute and compare, on one device with one micro-kernel.

use std::sync::Arc;

use super::Comparison;
use crate::exec::ExecError;
use crate::exec::Program;
use crate::gpu::{Gpu, RuntimeChecks};
use crate::graph::{Graph, GraphError, Plan, Target, TensorId, VariableSpec};
use crate::kernel::MicroKernel;

/// Computes results and compares them.
type Run = Box<dyn Fn(&Arc<Gpu>, MicroKernel) -> Result<Vec<Comparison>, ExecError>>;

/// A case of a check.
pub struct Case {
    /// Its name, which differs from those of the check's other cases.
    pub name: String,
    run: Run,
    large: bool,
}

impl Case {
    /// A case that `run` computes and compares.
    pub fn new(
        name: impl Into<String>,
        run: impl Fn(&Arc<Gpu>, MicroKernel) -> Result<Vec<Comparison>, ExecError> + 'static,
    ) -> Self {
        Self { name: name.into(), run: Box::new(run), large: false }
    }

    /// Marks the case as large: a software adapter takes minutes for it with some micro-kernels.
    pub(super) fn large(self) -> Self {
        Self { large: true, ..self }
    }

    /// Whether the self-test runs the case with `micro_kernel` on `gpu`. On a software adapter, a large case runs only with
    /// the adapter's default micro-kernel, or with `direct` if the default is `tile`, which is slow there; and of the
    /// variants of `tile`, each runs a fourth of the cases.
    pub fn is_for(&self, gpu: &Gpu, micro_kernel: MicroKernel) -> bool {
        let own = match gpu.default_micro_kernel() {
            MicroKernel::Tile => MicroKernel::Direct,
            own => own,
        };
        // Compilers of CPUs take seconds for large tiles of GPUs. They share the source of `tile`, which runs all cases.
        let is_sample = self.name.bytes().map(u32::from).sum::<u32>() % 4 == 0;
        let whole = [MicroKernel::Tile, MicroKernel::Split16x16, MicroKernel::Row1x2048];
        let in_full = !micro_kernel.is_for_gpus() || whole.contains(&micro_kernel);
        !gpu.is_software() || (!self.large || micro_kernel == own) && (in_full || is_sample)
    }

    /// Runs the case.
    ///
    /// # Errors
    /// What the device reports, during the run or before it.
    pub fn run(&self, gpu: &Arc<Gpu>, micro_kernel: MicroKernel) -> Result<Vec<Comparison>, ExecError> {
        let comparisons = (self.run)(gpu, micro_kernel)?;
        gpu.check()?;
        Ok(comparisons)
    }
}

/// A graph for a micro-kernel, whose long reductions are split into as many parts as keep `busy_workgroups` busy.
pub(super) fn graph(micro_kernel: MicroKernel, busy_workgroups: usize) -> Graph {
    Graph::new(Target::new(micro_kernel, busy_workgroups))
}

/// Adds a kernel with a bias to `graph`, and returns the tensor that holds both.
pub(super) fn add_layer(graph: &mut Graph, layer: &str, kernel: Vec<usize>) -> Result<TensorId, GraphError> {
    graph.add_weights(layer, VariableSpec::kernel_and_bias(layer, kernel, true))
}

/// The gradients of the variables in `weights`, one after the other.
pub(super) fn read_gradients(
    gpu: &Gpu,
    program: &Program,
    graph: &Graph,
    plan: &Plan,
    weights: TensorId,
) -> Result<Vec<f32>, ExecError> {
    let mut gradients = Vec::new();
    for variable in graph.variables_of(weights) {
        gradients.extend(gpu.block_on(program.read_gradient(graph, plan, variable))?);
    }
    Ok(gradients)
}

/// Compares the results of `run` with runtime checks off and on. On a software adapter their bits must agree too. On a GPU
/// they need not: its compiler may fuse a multiplication with an addition in only one of the two shaders.
pub(super) fn with_and_without_runtime_checks(
    gpu: &Gpu,
    run: impl Fn(RuntimeChecks) -> Result<Vec<Vec<f32>>, ExecError>,
    compare: impl Fn(&[Vec<f32>]) -> Vec<Comparison>,
) -> Result<Vec<Comparison>, ExecError> {
    let [off, on] = [run(RuntimeChecks::Off)?, run(RuntimeChecks::On)?];
    let mut comparisons = compare(&off);
    comparisons.extend(compare(&on));
    if gpu.is_software() {
        comparisons.push(Comparison::same_bits("runtime checks on", &on.concat(), &off.concat()));
    }
    Ok(comparisons)
}

/// `n` values between -1 and 1 in mixed order. They are distinct: at least 1 / (2 n) apart.
pub(super) fn distinct(n: usize, salt: usize) -> Vec<f32> {
    // A step coprime to the length visits every place once.
    let length = 2 * n + 1;
    let mut step = length * 618 / 1000 + salt % 7;
    while gcd(step, length) != 1 {
        step += 1;
    }
    (1..=n).map(|i| (2.0 * ((i * step + salt) % length) as f64 / length as f64 - 1.0) as f32).collect()
}

fn gcd(a: usize, b: usize) -> usize {
    if b == 0 { a } else { gcd(b, a % b) }
}

pub(super) fn widened(values: &[f32]) -> Vec<f64> {
    values.iter().map(|value| f64::from(*value)).collect()
}

/// The gradient of `loss` by each of `values`, by central differences.
pub(super) fn central_differences(values: &[f64], mut loss: impl FnMut(&[f64]) -> f64) -> Vec<f64> {
    /// Small against the distance of any two input values.
    const STEP: f64 = 1e-6;
    let mut values = values.to_vec();
    (0..values.len())
        .map(|i| {
            let value = values[i];
            let losses = [STEP, -STEP].map(|step| {
                values[i] = value + step;
                loss(&values)
            });
            values[i] = value;
            (losses[0] - losses[1]) / (2.0 * STEP)
        })
        .collect()
}
