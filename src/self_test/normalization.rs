//! One way to test normalizations: against themselves in f64, in the middle of a graph, over a minibatch that may be
//! incomplete.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::sync::Arc;

use super::case::{central_differences, distinct, widened, with_and_without_runtime_checks};
use super::operation_case::{FORWARD, limits, rounded};
use super::{Case, Comparison};
use crate::exec::ExecError;
use crate::exec::Program;
use crate::gpu::{Gpu, RuntimeChecks};
use crate::graph::{Graph, GraphError, Initializer, Mode, Plan, Role, Target, TensorId, VariableSpec};
use crate::kernel::Precision;
use crate::minibatch::{Minibatch, Step};

/// The tensors that a normalization is built from.
pub(super) struct Tensors {
    pub x: TensorId,
    pub minibatch: TensorId,
    /// Moving mean and moving variance.
    pub moving: TensorId,
    /// Gamma and beta.
    pub weights: Option<TensorId>,
    pub added: Option<TensorId>,
}

/// Adds the normalization to a graph.
type Build = Box<dyn Fn(&mut Graph, Tensors) -> Result<TensorId, GraphError>>;

/// The normalization in f64. Its inputs are x, then each vector of the weights, then what is added, of the images that count.
/// The results are y, and the statistics that training writes.
type Reference = Box<dyn Fn(&[Vec<f64>]) -> [Vec<f64>; 2]>;

/// A normalization with a reference in f64. The gradients come from central differences.
pub(super) struct Normalization {
    pub name: String,
    pub shape: Vec<usize>,
    /// Images that count.
    pub counted: usize,
    /// What is added to values in ±1.
    pub mean: f32,
    /// What values in ±1 are multiplied by.
    pub scale: f32,
    /// Vectors of the weights, of a float for each channel.
    pub vectors: usize,
    /// Whether another tensor is added.
    pub added: bool,
    /// Whether gradients of images that do not count end here. Otherwise none arrives.
    pub stops: bool,
    pub mode: Mode,
    pub build: Build,
    pub reference: Reference,
}

impl From<Normalization> for Case {
    fn from(case: Normalization) -> Self {
        case.in_precision(Precision::F32)
    }
}

/// Moving mean and moving variance of a channel.
pub(super) fn moving(channel: usize) -> [f64; 2] {
    [0.125 * channel as f64 - 0.5, 0.25 + 0.125 * channel as f64]
}

impl Normalization {
    /// The same of the output of a relu, whose gradient is to be gated.
    pub fn behind_relu(self) -> Self {
        let Self { name, build, reference, .. } = self;
        Self {
            name: format!("{name}, behind a relu"),
            build: Box::new(move |graph, tensors| {
                let x = graph.relu("relu", tensors.x)?;
                build(graph, Tensors { x, ..tensors })
            }),
            reference: Box::new(move |inputs| {
                let mut inputs = inputs.to_vec();
                inputs[0].iter_mut().for_each(|x| *x = x.max(0.0));
                reference(&inputs)
            }),
            ..self
        }
    }

    /// The case with its activations and their gradients in memory as floats of this precision.
    pub fn in_precision(self, precision: Precision) -> Case {
        let expected = OnceCell::new();
        Case::new(self.name.clone(), move |gpu, micro_kernel| {
            let expected = expected.get_or_init(|| self.expected(precision));
            with_and_without_runtime_checks(
                gpu,
                |checks| self.results(gpu, Target { precision, ..Target::new(micro_kernel, 5) }, checks),
                |results| self.compare(results, expected, precision),
            )
        })
    }

    fn channels(&self) -> usize {
        self.shape[self.shape.len() - 1]
    }

    fn counted_elements(&self) -> usize {
        self.shape.iter().product::<usize>() / self.shape[0] * self.counted
    }

    /// All of x, which the precision has exactly, gamma and beta, what is added.
    fn inputs(&self, precision: Precision) -> Vec<Vec<f32>> {
        let elements = self.shape.iter().product();
        let mut x: Vec<f32> = distinct(elements, 3).iter().map(|x| x * self.scale + self.mean).collect();
        rounded(&mut x, precision);
        let vectors = (0..self.vectors).map(|i| distinct(self.channels(), 11 * i + 5));
        let added = self.added.then(|| distinct(elements, 7));
        std::iter::once(x).chain(vectors).chain(added).collect()
    }

    /// The gradient of the result, whose sum with itself the next operation takes.
    fn upstream(&self) -> Vec<f32> {
        let mut upstream = distinct(self.shape.iter().product(), 5);
        if !self.stops {
            upstream[self.counted_elements()..].fill(0.0);
        }
        upstream
    }

    /// Of images that count: y, the statistics; in training the gradients of all inputs.
    fn expected(&self, precision: Precision) -> Vec<Vec<f64>> {
        let counted = self.counted_elements();
        let mut inputs: Vec<Vec<f64>> = self.inputs(precision).iter().map(|values| widened(values)).collect();
        inputs[0].truncate(counted);
        if self.added {
            inputs[1 + self.vectors].truncate(counted);
        }
        let upstream = widened(&self.upstream()[..counted]);
        let gradient = |i: usize| {
            let mut changed = inputs.clone();
            central_differences(&inputs[i], |values| {
                changed[i].copy_from_slice(values);
                let [y, _] = (self.reference)(&changed);
                y.iter().zip(&upstream).map(|(y, dz)| 2.0 * y * dz).sum::<f64>()
            })
        };
        let trained = if self.mode == Mode::Train { inputs.len() } else { 0 };
        let gradients: Vec<_> = (0..trained).map(gradient).collect();
        (self.reference)(&inputs).into_iter().chain(gradients).collect()
    }

    /// Adds vectors, each with a float for each channel.
    fn add_vectors(&self, graph: &mut Graph, names: &[&str], role: Role) -> Result<TensorId, GraphError> {
        let channels = self.channels();
        let spec = |name: &&str| VariableSpec { role, ..VariableSpec::vector("y", name, channels, Initializer::Zeros) };
        graph.add_weights("y", names.iter().map(spec).collect())
    }

    /// All of y, the statistics; in training the gradients of x and of what is added, and those of gamma and beta.
    fn results(&self, gpu: &Arc<Gpu>, target: Target, checks: RuntimeChecks) -> Result<Vec<Vec<f32>>, ExecError> {
        let (n, channels) = (self.shape[0], self.channels());
        let mut graph = Graph::new(target);
        let values = self.inputs(target.precision);
        let (vectors, added_values) = values[1..].split_at(self.vectors);
        let [a, b, more, dz] = ["half", "half", "more", "dz"].map(|name| graph.input(name, self.shape.clone()));
        let minibatch = graph.minibatch(Minibatch::new(n, [0; 3]));
        let averaged = Role::Averaged { momentum: 0.9 };
        let moving_tensor = self.add_vectors(&mut graph, &["moving_mean", "moving_variance"], averaged)?;
        let names = &["first", "second"][..self.vectors];
        let weights = (self.vectors > 0).then(|| self.add_vectors(&mut graph, names, Role::Trained)).transpose()?;
        let added = self.added.then(|| graph.input("added", self.shape.clone()));
        let x = graph.add("x", a, b)?;
        let tensors = Tensors { x, minibatch, moving: moving_tensor, weights, added };
        let y = (self.build)(&mut graph, tensors)?;
        // The next operations use y twice, so that its gradient is a sum.
        let z = graph.add("y + more", y, more)?;
        let z = graph.add("y + more + y", z, y)?;

        let mut dispatches = graph.record_forward(self.mode);
        let mut kept = vec![y];
        if self.mode == Mode::Train {
            let wanted: Vec<TensorId> = [a].into_iter().chain(added).collect();
            let (backward, gradients) = graph.record_backward(&[(z, dz)], &wanted)?;
            dispatches.extend(backward);
            kept.extend(wanted.iter().map(|tensor| gradients[tensor]));
        }
        let plan = Plan::new(&graph, dispatches, &kept)?;
        let program = Program::new(gpu.clone(), &graph, &[&plan], checks)?;
        program.fill_slots(f32::NAN);
        let step = Step::over(self.counted as u32);
        let words = Minibatch::new(n, [0; 3]).encode(&step, &vec![0; n], &[], 1)?;
        let moving = [0, 1].map(|i| (0..channels).map(move |channel| moving(channel)[i] as f32));
        let moving = graph.pad_weights(moving_tensor, &moving.into_iter().flatten().collect::<Vec<_>>());
        let mut written = vec![
            (minibatch, bytemuck::cast_vec(words)),
            (a, values[0].clone()),
            (b, vec![0.0; values[0].len()]),
            (more, vec![0.5; values[0].len()]),
            (dz, self.upstream()),
            (moving_tensor, moving),
        ];
        written.extend(weights.map(|weights| (weights, graph.pad_weights(weights, &vectors.concat()))));
        written.extend(added.zip(added_values.first().cloned()));
        for weights in weights.into_iter().chain([moving_tensor]) {
            let gradient = graph.gradient_of(weights).unwrap_or(weights);
            written.push((gradient, vec![f32::NAN; graph.tensor(gradient).shape.elements()]));
        }
        let used: HashSet<TensorId> = plan
            .dispatches()
            .iter()
            .flat_map(|dispatch| dispatch.bindings())
            .map(|binding| graph.root(binding.tensor))
            .collect();
        for (tensor, values) in &written {
            // No mode uses all of them.
            if used.contains(tensor) {
                program.write(&graph, &plan, *tensor, values)?;
            }
        }
        program.run(0)?;
        let mut read = Vec::new();
        for tensor in kept {
            read.push(gpu.block_on(program.read(&graph, &plan, tensor))?);
        }
        let gradient = |weights: Option<TensorId>| -> Result<Vec<f32>, ExecError> {
            let place = weights.and_then(|weights| graph.gradient_of(weights)).filter(|place| used.contains(place));
            place.map_or(Ok(Vec::new()), |place| gpu.block_on(program.read(&graph, &plan, place)))
        };
        read.insert(1, gradient(Some(moving_tensor))?);
        read.push(gradient(weights)?);
        Ok(read)
    }

    /// The two vectors in the floats of a tensor; empty ones where there are none.
    fn vectors_in<'f>(&self, floats: &'f [f32]) -> [&'f [f32]; 2] {
        let channels = self.channels();
        [0, channels.next_multiple_of(64)].map(|first| floats.get(first..first + channels).unwrap_or_default())
    }

    fn compare(&self, results: &[Vec<f32>], expected: &[Vec<f64>], precision: Precision) -> Vec<Comparison> {
        let [forward, gradient] = limits(precision);
        let counted = self.counted_elements();
        let (y, others) = results[0].split_at(counted);
        let finite =
            others.iter().filter(|y| !y.is_finite()).map(|y| format!("y of an image that does not count is {y}"));
        let mut comparisons =
            vec![Comparison::close("forward", "y", y, &expected[0], forward), Comparison::exact(finite)];
        let (means, variances) = expected[1].split_at(expected[1].len() / 2);
        let [found_means, found_variances] = self.vectors_in(&results[1]);
        comparisons.push(Comparison::close("forward", "variance of the batch", found_variances, variances, FORWARD));
        // A mean near 0 is as inexact as the values that it is of.
        let deviation = variances.iter().fold(0.0_f64, |largest, variance| largest.max(*variance)).sqrt();
        comparisons.push(close_beside("forward", "mean of the batch", found_means, means, deviation, FORWARD));
        if self.mode == Mode::Infer {
            return comparisons;
        }
        let mut images = vec![("gradient of x", &results[2], &expected[2])];
        if self.added {
            images.push(("gradient of what is added", &results[3], &expected[3 + self.vectors]));
        }
        for (part, found, expected) in images {
            let (found, others) = found.split_at(counted);
            comparisons.push(Comparison::close("gradient", part, found, expected, gradient));
            // What is added gets the gradient of the result, of each image.
            if part == "gradient of x" {
                comparisons.push(Comparison::same_values(part, others, &vec![0.0; others.len()]));
            }
        }
        // As large as a sum of random terms of 1.
        let typical = ((counted / self.channels()) as f64).sqrt();
        let found = self.vectors_in(&results[results.len() - 1]);
        for (vector, found) in found.into_iter().enumerate().take(self.vectors) {
            let part = format!("gradient of vector {vector}");
            comparisons.push(close_beside("gradient", &part, found, &expected[3 + vector], typical, gradient));
        }
        let (channels, stride) = (self.channels(), self.channels().next_multiple_of(64));
        for floats in [&results[1], &results[results.len() - 1]] {
            let gaps = floats.iter().enumerate().filter(|(i, float)| i % stride >= channels && **float != 0.0);
            comparisons.push(Comparison::exact(gaps.map(|(i, float)| format!("float {i}, of no vector, is {float}"))));
        }
        comparisons
    }
}

/// As [`Comparison::close`], with errors as a share of `scale` where all that is expected is smaller.
fn close_beside(what: &'static str, part: &str, found: &[f32], expected: &[f64], scale: f64, limit: f64) -> Comparison {
    let found = [found, &[scale as f32]].concat();
    let expected = [expected, &[f64::from(scale as f32)]].concat();
    Comparison::close(what, part, &found, &expected, limit)
}
