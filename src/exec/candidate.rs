//! One way to compute the products of a training step: measured, and held beside the rule's.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use super::error::ExecError;
use super::options::Options;
use super::profiler::{Profiler, Subject};
use super::program::Program;
use crate::gpu::Gpu;
use crate::graph::{
    Access, Arena, Binding, Dispatch, Graph, Mode, Plan, Product, ProductChoice, SECOND_RESULT_BINDING, Target,
    TensorId, Tuning,
};
use crate::kernel::{MicroKernel, Storage};
use crate::minibatch::{Minibatch, MinibatchError, Step};
use crate::model::{BuildOptions, Network};

/// Largest difference from the rule's result, as part of its scale, with which a candidate may win.
const LARGEST_ERROR: f64 = 1e-4;

/// The values of tensors by name, as they were before and after their dispatch.
pub(super) type Values = HashMap<String, Vec<f32>>;

/// A training step without its update, every tensor in memory of its own.
pub(super) struct Candidate {
    graph: Graph,
    plan: Plan,
    program: Program,
}

impl Candidate {
    pub fn new(gpu: &Arc<Gpu>, model: &Network, options: &Options, tuning: Tuning) -> Result<Self, ExecError> {
        let (batch_size, checks) = (options.batch_size, options.checks);
        let build = BuildOptions { tuning, held_images: 0, ..options.build.clone() };
        let built = model.build_with(batch_size, options.target(gpu)?, build)?;
        let mut graph = built.graph;
        let mut dispatches = graph.record_forward(Mode::Train);
        dispatches.extend(graph.record_backward(&[], &[])?.0);
        let bound: BTreeSet<TensorId> =
            dispatches.iter().flat_map(|d| d.bindings().iter().map(|binding| binding.tensor)).collect();
        let keep: Vec<TensorId> = bound.into_iter().collect();
        let plan = Plan::new(&graph, dispatches, &keep)?;
        let program = Program::new(gpu.clone(), &graph, &[&plan], checks)?;
        program.write_arena(&graph, Arena::Weights, &graph.initial_values(0))?;
        let minibatch = full_minibatch(model, batch_size, built.classes)?;
        program.write(&graph, &plan, built.minibatch, bytemuck::cast_slice(&minibatch))?;
        Ok(Self { graph, plan, program })
    }

    /// Other ways to compute the products: every micro-kernel that runs on the same storage, with the number of parts that
    /// the rule would choose for it, half of it, and twice as many.
    pub fn others(&self, gpu: &Gpu) -> Vec<Tuning> {
        let Target { storage, busy_workgroups, .. } = self.graph.target();
        let runs = |kernel: &MicroKernel| {
            gpu.supports(*kernel).is_ok() && (storage == Storage::Images || kernel.storage() == Storage::Buffers)
        };
        let products = || self.plan.dispatches().iter().filter_map(|dispatch| dispatch.product().cloned());
        let mut tunings: Vec<Tuning> = Vec::new();
        // Workgroup memory costs a software adapter more than all else.
        let skip = |kernel: &MicroKernel| gpu.is_software() && kernel.is_for_gpus();
        for kernel in MicroKernel::ALL.into_iter().filter(|kernel| runs(kernel) && !skip(kernel)) {
            for scale in [2, 1, 4] {
                let mut tuning = Tuning::default();
                for product in products() {
                    let parts = (product.parts_for(kernel, busy_workgroups) * scale / 2).max(1);
                    tuning.insert(product.key, ProductChoice::of(kernel, parts));
                }
                tunings.push(tuning);
            }
        }
        tunings
    }

    /// Key, choice and microseconds of each product; products of one key count together.
    pub async fn measure(&self, profiler: &Profiler<'_>) -> Result<Vec<(String, ProductChoice, f64)>, ExecError> {
        let Self { graph, plan, program } = self;
        let subject = Subject { title: "candidate", graph, plan, program, index: 0 };
        let profile = profiler.profile(&subject, &mut |_, _| {}).await?;
        let mut times: Vec<(String, ProductChoice, f64)> = Vec::new();
        let mut open: Option<usize> = None;
        for (dispatch, step) in plan.dispatches().iter().zip(&profile.steps) {
            match dispatch.product() {
                Some(product) => {
                    let found = times.iter().position(|(key, ..)| *key == product.key);
                    let place = found.unwrap_or(times.len());
                    if found.is_none() {
                        times.push((product.key.clone(), product.choice, 0.0));
                    }
                    times[place].2 += step.microseconds;
                    open = Some(place);
                }
                // The sum of a product's parts is a part of its time.
                None if dispatch.kernel().name == "sum_parts" => {
                    if let Some(place) = open {
                        times[place].2 += step.microseconds;
                    }
                }
                None => open = None,
            }
        }
        Ok(times)
    }

    /// Runs the dispatches one by one and reads every tensor of floats that a product binds.
    pub async fn run_in_order(&self, gpu: &Gpu) -> Result<Values, ExecError> {
        self.program.run(0)?;
        gpu.check()?;
        let mut values = Values::new();
        for dispatch in self.plan.dispatches().iter().filter(|dispatch| dispatch.product().is_some()) {
            for binding in dispatch.bindings() {
                let name = self.graph.tensor(binding.tensor).name.clone();
                let value = self.read(dispatch, binding.tensor).await?;
                values.insert(name, value);
            }
        }
        Ok(values)
    }

    /// A tensor's values; the parts of a result are summed.
    async fn read(&self, dispatch: &Dispatch, tensor: TensorId) -> Result<Vec<f32>, ExecError> {
        let values = self.program.read(&self.graph, &self.plan, tensor).await?;
        let parts = dispatch.product().map_or(1, |product| product.choice.parts);
        let written = dispatch.bindings().iter().any(|b| b.tensor == tensor && b.access == Access::Write);
        if parts == 1 || !written {
            return Ok(values);
        }
        let mut sum = vec![0.0; values.len() / parts];
        for part in values.chunks(sum.len()) {
            sum.iter_mut().zip(part).for_each(|(sum, value)| *sum += value);
        }
        Ok(sum)
    }

    /// Runs each product on the rule's inputs, and returns the keys of those that give the rule's results.
    pub async fn check(&self, gpu: &Gpu, reference: &Values) -> Result<BTreeSet<String>, ExecError> {
        let mut right = BTreeSet::new();
        let mut wrong = BTreeSet::new();
        for (i, dispatch) in self.plan.dispatches().iter().enumerate() {
            let Some(product) = dispatch.product() else { continue };
            for binding in dispatch.bindings().iter().filter(|binding| binding.access == Access::Read) {
                if let Some(values) = reference.get(&self.graph.tensor(binding.tensor).name) {
                    self.program.write(&self.graph, &self.plan, binding.tensor, values)?;
                }
            }
            let mut encoder = gpu.encoder();
            self.program.encode_step(0, i, 1, &mut encoder)?;
            gpu.submit(encoder);
            // The second result, the places of maxima, is left out: where two elements are nearly equal, either is right.
            let is_result = |b: &&Binding| b.access == Access::Write && b.index != SECOND_RESULT_BINDING;
            for binding in dispatch.bindings().iter().filter(is_result) {
                let found = self.read(dispatch, binding.tensor).await?;
                let name = self.graph.tensor(binding.tensor).name.clone();
                // Parts have a name of their own.
                let expected = reference.get(&name).or_else(|| {
                    let whole = name.strip_suffix(" parts").map_or(format!("{name} parts"), str::to_owned);
                    reference.get(&whole)
                });
                let same = expected.is_some_and(|expected| {
                    let scale =
                        scale(product, dispatch, expected, &|tensor| reference.get(&self.graph.tensor(tensor).name));
                    largest_error(&found, expected, scale) <= LARGEST_ERROR
                });
                if same { &mut right } else { &mut wrong }.insert(product.key.clone());
            }
        }
        Ok(&right - &wrong)
    }
}

/// A minibatch whose images all count: labels go through the classes, and pixels have every value.
fn full_minibatch(model: &Network, batch_size: usize, classes: usize) -> Result<Vec<u32>, MinibatchError> {
    let minibatch = Minibatch::new(batch_size, model.input());
    let labels: Vec<u32> = (0..batch_size).map(|image| (image % classes.max(1)) as u32).collect();
    let pixels: Vec<u8> = (0..minibatch.pixels() as u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    minibatch.encode(&Step::over(batch_size as u32), &labels, &pixels, classes)
}

/// The size of a product's sums before anything cancels in them: the largest element of the result, or what the root mean
/// squares of both operands give for sums of random signs, if that is more. Behind a normalization, gradients of weights
/// cancel to a thousandth of it, so that the rounding of two right kernels differs by more than a share of the result.
fn scale<'v>(
    product: &Product,
    dispatch: &Dispatch,
    result: &[f32],
    values: &dyn Fn(TensorId) -> Option<&'v Vec<f32>>,
) -> f64 {
    let mean_square = |index: u32| {
        let operand = dispatch.bindings().iter().find(|b| b.index == index && b.access == Access::Read);
        let values = operand.and_then(|operand| values(operand.tensor));
        values.map_or(0.0, |v| v.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>() / v.len().max(1) as f64)
    };
    let of_operands = (mean_square(0) * mean_square(1) * product.sizes[2] as f64).sqrt();
    result.iter().fold(of_operands.max(1e-30), |scale, e| scale.max(f64::from(e.abs())))
}

/// Largest difference as part of `scale`; infinite where lengths differ or a value is NaN.
fn largest_error(found: &[f32], expected: &[f32], scale: f64) -> f64 {
    if found.len() != expected.len() {
        return f64::INFINITY;
    }
    found.iter().zip(expected).fold(0.0, |worst, (f, e)| {
        let error = (f64::from(*f) - f64::from(*e)).abs() / scale;
        if error <= worst {
            worst
        } else if error.is_nan() {
            f64::INFINITY
        } else {
            error
        }
    })
}

#[cfg(test)]
mod tests {
    use super::super::tuner::tune;
    use super::*;
    use crate::gpu::{AdapterChoice, RuntimeChecks};
    use crate::graph::Home;
    use crate::model::Sequential;
    use crate::ops::METRIC_SLOTS;

    /// The values of every tensor that a product binds, by name, and the slot of the metrics that the step writes.
    fn values(gpu: &Arc<Gpu>, candidate: &Candidate) -> (Vec<(String, Vec<u32>)>, Vec<u32>) {
        let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<u32>>();
        let values = gpu.block_on(candidate.run_in_order(gpu)).unwrap();
        let mut values: Vec<_> = values.into_iter().map(|(name, values)| (name, bits(values))).collect();
        values.sort_unstable();
        let (metrics, _) = candidate.graph.tensors().find(|(_, tensor)| tensor.home == Home::Metrics).unwrap();
        let metrics = candidate.program.read(&candidate.graph, &candidate.plan, metrics);
        let metrics = bits(gpu.block_on(metrics).unwrap());
        assert_eq!(metrics.len(), METRIC_SLOTS * 4);
        (values, metrics[..4].to_vec())
    }

    /// The shaders read only what the tuner wrote for them: runtime checks change no bit of any candidate's results. The
    /// loss is finite, while a label that is no class would make it NaN, and it covers the whole minibatch.
    #[test]
    fn runtime_checks_change_no_result_of_any_candidate() {
        let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
        let model = Sequential::new([9, 8, 3]).conv2d(6, 3).relu().max_pool2d(2).conv2d(5, 2).flatten().dense(7);
        let candidate = |tuning: &Tuning, checks| {
            let options = Options { batch_size: 6, checks, ..Options::default() };
            Candidate::new(&gpu, &model, &options, tuning.clone()).unwrap()
        };
        let others = candidate(&Tuning::default(), RuntimeChecks::On).others(&gpu);
        assert!(!others.is_empty());
        for tuning in std::iter::once(Tuning::default()).chain(others) {
            let [off, on] =
                [RuntimeChecks::Off, RuntimeChecks::On].map(|checks| values(&gpu, &candidate(&tuning, checks)));
            let [loss, _, _, images] = off.1[..] else { panic!("{:?}", off.1) };
            assert!(f32::from_bits(loss).is_finite() && images == 6, "{:?}", off.1);
            if gpu.is_software() {
                assert!(off == on, "checks change a result with {tuning:?}");
            }
        }
    }

    /// What runs by itself is measured by itself.
    #[test]
    fn candidates_are_built_as_the_options_say() {
        let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
        let model = Sequential::new([9, 8, 3]).conv2d(6, 3).max_pool2d(2).flatten().dense(7);
        let keys = |fusion| {
            let build = BuildOptions { fusion, ..BuildOptions::default() };
            let options = Options { batch_size: 2, build, ..Options::default() };
            let candidate = Candidate::new(&gpu, &model, &options, Tuning::default()).unwrap();
            let products = candidate.plan.dispatches().iter().filter_map(|dispatch| dispatch.product());
            products.map(|product| product.key.clone()).collect::<Vec<_>>()
        };
        assert!(keys(true).iter().any(|key| key.contains("pooled")));
        assert!(!keys(false).iter().any(|key| key.contains("pooled")));
    }

    /// With runtime checks on, no candidate gives a result that differs from the rule's.
    #[test]
    fn no_candidate_is_wrong_with_runtime_checks() {
        let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
        let options = Options { batch_size: 2, checks: RuntimeChecks::On, ..Options::default() };
        let model = Sequential::new([8, 8, 3]).conv2d(4, 3).flatten().dense(3);
        let start = std::time::Instant::now();
        let clock = move || start.elapsed();
        let mut on_candidate = |_, _| {};
        let tuned = tune(&gpu, &model, &options, &clock, &mut on_candidate);
        let products = gpu.block_on(tuned).unwrap();
        assert!(products.len() >= 2 && products.iter().all(|product| product.wrong.is_empty()), "{products:?}");
    }

    #[test]
    fn a_wrong_result_is_far_off() {
        assert_eq!(largest_error(&[1.0, 2.0], &[1.0, 4.0], 4.0), 0.5);
        assert_eq!(largest_error(&[1.0], &[1.0, 4.0], 4.0), f64::INFINITY);
        assert_eq!(largest_error(&[f32::NAN, 4.0], &[1.0, 4.0], 4.0), f64::INFINITY);
    }
}
