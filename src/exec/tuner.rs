//! Measures how to compute each matrix product of a network on an adapter.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::Profiler;
use super::candidate::Candidate;
use super::contest::{RULE, Stopwatch, Verdict, contest, noise};
use super::error::ExecError;
use super::options::Options;
use super::variant::{Group, Variant};
use super::walk::{Reference, Walk};
use crate::gpu::{Gpu, Pipelines};
use crate::graph::{ProductChoice, Tuning};
use crate::model::Network;

/// What was measured of a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Tuned {
    /// The products, in the order of a training step.
    pub products: Vec<TunedProduct>,
    /// By what part of itself a time changed when it was measured again, if that is more than what other choices save. Then
    /// the choices are all the rule's.
    pub noise: Option<f64>,
}

impl Tuned {
    /// The choices.
    pub fn tuning(&self) -> Tuning {
        let mut tuning = Tuning::default();
        for product in &self.products {
            tuning.insert(product.key.clone(), product.best.0);
        }
        tuning
    }
}

/// A matrix product, as the rule and as the best candidate compute it.
#[derive(Clone, Debug, PartialEq)]
pub struct TunedProduct {
    /// Its key.
    pub key: String,
    /// How many products of a training step have this key.
    pub count: usize,
    /// The rule's choice, and the microseconds that it takes.
    pub rule: (ProductChoice, f64),
    /// The best choice, and the microseconds that it takes.
    pub best: (ProductChoice, f64),
    /// Candidates that could not win because their result was wrong.
    pub wrong: Vec<ProductChoice>,
}

/// Called with the number of products that are measured, and the number of all products.
pub type OnProduct<'a> = &'a mut dyn FnMut(usize, usize);

/// Measures the products of a training step of `model` on `batch_size` images. Products of one key are measured once. Each
/// candidate gets the rule's inputs, and may win only if it gives the rule's results.
///
/// # Errors
/// A network that can't be built or planned, or what the device reports.
pub async fn tune(
    gpu: &Arc<Gpu>,
    model: &Network,
    options: &Options,
    clock: &dyn Fn() -> Duration,
    on_product: OnProduct<'_>,
) -> Result<Tuned, ExecError> {
    let profiler = Profiler::new(gpu.clone(), clock).await?;
    let rule = Variant::new(gpu, model, options, Tuning::default())?;
    let ways = Variant::ways(gpu, model, options)?.into_iter().map(|tuning| Variant::new(gpu, model, options, tuning));
    let others = ways.collect::<Result<Vec<Variant>, ExecError>>()?;
    let mut pipelines = Pipelines::new(options.checks);
    let mut walk = Walk::new(gpu, &rule, &mut pipelines)?;
    let groups = rule.groups();
    let mut seen = HashSet::new();
    let firsts: Vec<&Group> = groups.iter().filter(|group| seen.insert(&group.product.key)).collect();
    let (mut products, mut verdicts): (Vec<TunedProduct>, Vec<Verdict>) = (Vec::new(), Vec::new());
    for (done, group) in firsts.iter().enumerate() {
        on_product(done, firsts.len());
        let reference = walk.run(group).await?;
        let mut field = Field { profiler: &profiler, candidates: Vec::new(), wrong: Vec::new() };
        field.add(gpu, &rule, group, &reference, &mut pipelines).await?;
        let mut known = vec![group.product.choice];
        for other in &others {
            let Some(own) = other.group(&group.product.key) else { continue };
            if !known.contains(&own.product.choice) {
                known.push(own.product.choice);
                field.add(gpu, other, &own, &reference, &mut pipelines).await?;
            }
        }
        let challengers: Vec<usize> = (RULE + 1..field.candidates.len()).collect();
        let verdict = contest(&mut field, &challengers).await?;
        gpu.check()?;
        let choice = |candidate: usize| field.candidates[candidate].0;
        products.push(TunedProduct {
            key: group.product.key.clone(),
            count: groups.iter().filter(|other| other.product.key == group.product.key).count(),
            rule: (choice(RULE), verdict.rule * 1e6),
            best: (choice(verdict.winner), verdict.best * 1e6),
            wrong: field.wrong,
        });
        verdicts.push(verdict);
    }
    on_product(firsts.len(), firsts.len());
    let noise = noise(&verdicts);
    if noise.is_some() {
        products.iter_mut().for_each(|product| product.best = product.rule);
    }
    Ok(Tuned { products, noise })
}

/// The candidates for a product that give the rule's result, the rule's own choice first.
struct Field<'v> {
    profiler: &'v Profiler<'v>,
    candidates: Vec<(ProductChoice, Candidate<'v>)>,
    wrong: Vec<ProductChoice>,
}

impl<'v> Field<'v> {
    /// Adds a candidate, unless it is wrong or the memory left is too small for it.
    async fn add(
        &mut self,
        gpu: &Arc<Gpu>,
        variant: &'v Variant,
        group: &Group,
        reference: &Reference,
        pipelines: &mut Pipelines,
    ) -> Result<(), ExecError> {
        let choice = group.product.choice;
        let candidate = match Candidate::new(gpu, variant, group, reference, pipelines) {
            Err(error) if error.is_too_large() && !self.candidates.is_empty() => return Ok(()),
            candidate => candidate?,
        };
        // The rule's choice is what the others are compared with.
        if self.candidates.is_empty() || candidate.is_right(reference).await? {
            self.candidates.push((choice, candidate));
        } else {
            self.wrong.push(choice);
        }
        Ok(())
    }
}

impl Stopwatch for Field<'_> {
    async fn seconds(&mut self, candidate: usize, times: usize) -> Result<f64, ExecError> {
        self.profiler.seconds_of(&self.candidates[candidate].1.program, times).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gpu::{AdapterChoice, RuntimeChecks};
    use crate::model::Sequential;

    /// Every product is measured, no candidate is wrong with runtime checks, and what is chosen computes the products.
    #[test]
    fn each_product_is_measured_once() {
        let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
        let options = Options { batch_size: 2, checks: RuntimeChecks::On, ..Options::default() };
        let model: Network =
            Sequential::new([8, 8, 3]).conv2d(4, 3).conv2d(4, 1).conv2d(4, 1).flatten().dense(3).into();
        let start = std::time::Instant::now();
        let clock = move || start.elapsed();
        let mut calls = Vec::new();
        let mut on_product = |done, all| calls.push((done, all));
        let tuned = gpu.block_on(tune(&gpu, &model, &options, &clock, &mut on_product)).unwrap();
        let products = &tuned.products;
        assert!(products.iter().all(|product| product.wrong.is_empty()), "{products:?}");
        assert!(
            products.iter().all(|product| product.rule.1 > 0.0 && product.best.1 <= product.rule.1),
            "{products:?}"
        );
        let counts: Vec<usize> = products.iter().map(|product| product.count).collect();
        assert!(counts.contains(&2), "{products:?}");
        let all = products.len();
        assert_eq!(calls, (0..=all).map(|done| (done, all)).collect::<Vec<_>>());
        let variant = Variant::new(&gpu, &model, &options, tuned.tuning()).unwrap();
        let chosen = tuned.tuning();
        for group in variant.groups() {
            assert_eq!(Some(group.product.choice), chosen.get(&group.product.key));
        }
    }
}
