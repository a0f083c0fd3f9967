//! Ways to compute a product, each with its tensors in memory of its own.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::error::ExecError;
use super::program::Program;
use super::variant::{Group, Variant};
use super::walk::{Reference, read_sum};
use crate::gpu::{Gpu, Pipelines};
use crate::graph::{Binding, Plan};
use crate::kernel::Precision;

/// Largest difference from the rule's result, as part of its scale, with which a candidate may win.
const LARGEST_ERROR: f64 = 1e-4;

/// A place of the largest float of 16 bits: what lies between two of them may be rounded to either.
const ROUNDING: f64 = 1.0 / 1024.0;

/// One way to compute one product.
pub(super) struct Candidate<'v> {
    variant: &'v Variant,
    plan: Plan,
    pub program: Program,
}

impl<'v> Candidate<'v> {
    /// The dispatches of a product and those before them that make what the rule's product does not read. It gets the rule's
    /// inputs.
    pub fn new(
        gpu: &Arc<Gpu>,
        variant: &'v Variant,
        group: &Group,
        reference: &Reference,
        pipelines: &mut Pipelines,
    ) -> Result<Self, ExecError> {
        let Variant { graph, plan, .. } = variant;
        let all = plan.dispatches();
        let mut places: BTreeSet<usize> = group.range.clone().collect();
        for place in (0..group.range.start).rev() {
            let mut missing = variant.inputs(places.iter().map(|place| &all[*place]));
            missing.retain(|binding| !reference.inputs.contains_key(variant.name(binding.tensor)));
            let is_missing = |tensor| missing.iter().any(|other| graph.root(other.tensor) == graph.root(tensor));
            if all[place].bindings().iter().any(|binding| binding.access.writes() && is_missing(binding.tensor)) {
                places.insert(place);
            }
        }
        let places: Vec<usize> = places.into_iter().collect();
        let part = plan.part(graph, &places);
        let program = Program::allocate(gpu.clone(), graph, &[&part], pipelines)?;
        for Binding { tensor, .. } in variant.inputs(part.dispatches()) {
            if let Some(values) = reference.inputs.get(variant.name(tensor)) {
                program.write(graph, &part, tensor, values)?;
            }
        }
        Ok(Self { variant, plan: part, program })
    }

    /// Runs it once, and returns the largest difference from the rule's results as a part of their scale, apart from that by
    /// which 16 bits may round them.
    pub async fn error(&self, reference: &Reference) -> Result<f64, ExecError> {
        self.program.run(0)?;
        let mut compared = false;
        let mut error: f64 = 0.0;
        for (tensor, parts) in self.variant.results(self.plan.dispatches()) {
            let Some(expected) = reference.result(self.variant.name(tensor)) else { continue };
            let found = read_sum(&self.program, &self.variant.graph, &self.plan, tensor, parts).await?;
            let rounding = match self.variant.graph.tensor(tensor).precision {
                Precision::F32 => 0.0,
                Precision::F16 => ROUNDING,
            };
            error = error.max(largest_error(&found, expected, reference.scale_of(expected)) - rounding);
            compared = true;
        }
        Ok(if compared { error } else { f64::INFINITY })
    }

    /// Whether it computes what the rule's choice computes.
    pub async fn is_right(&self, reference: &Reference) -> Result<bool, ExecError> {
        Ok(self.error(reference).await? <= LARGEST_ERROR)
    }
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
    use super::super::options::Options;
    use super::super::walk::Walk;
    use super::*;
    use crate::gpu::{AdapterChoice, RuntimeChecks};
    use crate::graph::{Home, Tuning};
    use crate::model::{BuildOptions, Network, Sequential};
    use crate::ops::METRIC_SLOTS;

    /// The bits of what each product of a step reads and writes, by name, and the slot of the metrics that the step writes.
    fn bits(gpu: &Arc<Gpu>, variant: &Variant, checks: RuntimeChecks) -> (Vec<(String, Vec<u32>)>, Vec<u32>) {
        let bits = |values: Vec<f32>| values.into_iter().map(f32::to_bits).collect::<Vec<u32>>();
        let mut walk = Walk::new(gpu, variant, &mut Pipelines::new(checks)).unwrap();
        let mut all = Vec::new();
        for group in variant.groups() {
            let Reference { inputs, results, .. } = gpu.block_on(walk.run(&group)).unwrap();
            all.extend(inputs.into_iter().chain(results).map(|(name, values)| (name, bits(values))));
        }
        walk.advance(variant.plan.dispatches().len()).unwrap();
        all.sort_unstable();
        let (metrics, _) = variant.graph.tensors().find(|(_, tensor)| tensor.home == Home::Metrics).unwrap();
        let metrics = bits(gpu.block_on(walk.program.read(&variant.graph, &variant.plan, metrics)).unwrap());
        assert_eq!(metrics.len(), METRIC_SLOTS * 4);
        (all, metrics[..4].to_vec())
    }

    /// The shaders read only what the tuner wrote for them: runtime checks change no bit of any candidate's results. The
    /// loss is finite, while a label that is no class would make it NaN, and it covers the whole minibatch. No candidate
    /// gives a result that differs from the rule's.
    #[test]
    fn runtime_checks_change_no_result_of_any_candidate() {
        let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
        let model = Sequential::new([9, 8, 3]).conv2d(6, 3).relu().max_pool2d(2).conv2d(5, 2).flatten().dense(7);
        let model: Network = model.into();
        let options = Options { batch_size: 6, ..Options::default() };
        let variant = |tuning: Tuning| Variant::new(&gpu, &model, &options, tuning).unwrap();
        let rule = variant(Tuning::default());
        let others = Variant::ways(&gpu, &model, &options).unwrap();
        assert!(!others.is_empty());
        let mut seen = Vec::new();
        let mut is_new = |variant: &Variant| {
            let choices: Vec<_> = variant.groups().iter().map(|group| group.product.choice).collect();
            let is_new = !seen.contains(&choices);
            seen.push(choices);
            is_new
        };
        let others: Vec<Variant> = others.into_iter().map(variant).filter(|variant| is_new(variant)).collect();
        for variant in std::iter::once(&rule).chain(&others) {
            let [off, on] = [RuntimeChecks::Off, RuntimeChecks::On].map(|checks| bits(&gpu, variant, checks));
            let [loss, _, _, images] = off.1[..] else { panic!("{:?}", off.1) };
            assert!(f32::from_bits(loss).is_finite() && images == 6, "{:?}", off.1);
            if gpu.is_software() {
                assert!(off == on, "checks change a result of {:?}", variant.graph.tuning());
            }
        }
        for checks in [RuntimeChecks::Off, RuntimeChecks::On] {
            let mut pipelines = Pipelines::new(checks);
            let mut walk = Walk::new(&gpu, &rule, &mut pipelines).unwrap();
            for group in rule.groups() {
                let reference = gpu.block_on(walk.run(&group)).unwrap();
                for other in &others {
                    let own = other.group(&group.product.key).unwrap();
                    let candidate = Candidate::new(&gpu, other, &own, &reference, &mut pipelines).unwrap();
                    let error = gpu.block_on(candidate.error(&reference)).unwrap();
                    assert!(error <= LARGEST_ERROR, "{:?} is off by {error}", own.product);
                }
            }
        }
    }

    /// A candidate whose results are 1 % off is found out, and so is one with nothing to compare its results with.
    #[test]
    fn wrong_candidates_are_found() {
        let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
        let model: Network = Sequential::new([5, 5, 3]).conv2d(4, 3).flatten().dense(3).into();
        let options = Options { batch_size: 2, ..Options::default() };
        let rule = Variant::new(&gpu, &model, &options, Tuning::default()).unwrap();
        let mut pipelines = Pipelines::new(RuntimeChecks::On);
        let mut walk = Walk::new(&gpu, &rule, &mut pipelines).unwrap();
        for group in rule.groups() {
            let mut reference = gpu.block_on(walk.run(&group)).unwrap();
            let is_right = |reference: &Reference, pipelines: &mut Pipelines| {
                let candidate = Candidate::new(&gpu, &rule, &group, reference, pipelines).unwrap();
                gpu.block_on(candidate.is_right(reference)).unwrap()
            };
            assert!(is_right(&reference, &mut pipelines), "{group:?}");
            for values in reference.results.values_mut() {
                values.iter_mut().for_each(|value| *value *= 1.01);
            }
            assert!(!is_right(&reference, &mut pipelines), "{group:?}");
            reference.results.clear();
            assert!(!is_right(&reference, &mut pipelines), "{group:?}");
        }
    }

    /// What runs by itself is measured by itself.
    #[test]
    fn candidates_are_built_as_the_options_say() {
        let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
        let model: Network = Sequential::new([9, 8, 3]).conv2d(6, 3).max_pool2d(2).flatten().dense(7).into();
        let keys = |fusion| {
            let build = BuildOptions { fusion, ..BuildOptions::default() };
            let options = Options { batch_size: 2, build, ..Options::default() };
            let variant = Variant::new(&gpu, &model, &options, Tuning::default()).unwrap();
            variant.groups().into_iter().map(|group| group.product.key).collect::<Vec<_>>()
        };
        assert!(keys(true).iter().any(|key| key.contains("pooled")));
        assert!(!keys(false).iter().any(|key| key.contains("pooled")));
    }

    #[test]
    fn a_wrong_result_is_far_off() {
        assert_eq!(largest_error(&[1.0, 2.0], &[1.0, 4.0], 4.0), 0.5);
        assert_eq!(largest_error(&[1.0], &[1.0, 4.0], 4.0), f64::INFINITY);
        assert_eq!(largest_error(&[f32::NAN, 4.0], &[1.0, 4.0], 4.0), f64::INFINITY);
    }
}
