//! Measures how to compute each matrix product of a network on an adapter.

use std::sync::Arc;
use std::time::Duration;

use super::Profiler;
use super::candidate::Candidate;
use super::error::ExecError;
use super::options::Options;
use crate::gpu::Gpu;
use crate::graph::{ProductChoice, Tuning};
use crate::model::Network;

/// A choice replaces the rule's if it saves at least this part of the rule's time.
const LEAST_GAIN: f64 = 0.03;

/// Seconds that the rounds of a candidate take.
const SECONDS: f64 = 0.6;

/// A matrix product, as the rule and as the best candidate compute it.
#[derive(Clone, Debug, PartialEq)]
pub struct TunedProduct {
    /// Its key.
    pub key: String,
    /// The rule's choice, and the microseconds it took.
    pub rule: (ProductChoice, f64),
    /// The best choice, and the microseconds it took.
    pub best: (ProductChoice, f64),
    /// Candidates that could not win because their result was wrong.
    pub wrong: Vec<ProductChoice>,
}

/// Called with the number of candidates that are measured, and the number of all candidates.
pub type OnCandidate<'a> = &'a mut dyn FnMut(usize, usize);

/// Measures the products of a training step of `model` on `batch_size` images. The first candidate is the rule's choice.
/// Each other candidate gets the rule's inputs, and its time counts only if it gives the rule's results.
///
/// # Errors
/// A network that can't be built or planned, or what the device reports.
pub async fn tune(
    gpu: &Arc<Gpu>,
    model: &Network,
    options: &Options,
    clock: &dyn Fn() -> Duration,
    on_candidate: OnCandidate<'_>,
) -> Result<Vec<TunedProduct>, ExecError> {
    let mut profiler = Profiler::new(gpu.clone(), clock).await?;
    profiler.set_seconds(SECONDS);
    let rule = Candidate::new(gpu, model, options, Tuning::default())?;
    let reference = rule.run_in_order(gpu).await?;
    let candidates = rule.others(gpu);
    on_candidate(0, candidates.len() + 1);
    let mut products: Vec<TunedProduct> = (rule.measure(&profiler).await?.into_iter())
        .map(|(key, choice, time)| TunedProduct { key, rule: (choice, time), best: (choice, time), wrong: Vec::new() })
        .collect();
    for (i, tuning) in candidates.iter().enumerate() {
        on_candidate(i + 1, candidates.len() + 1);
        let candidate = Candidate::new(gpu, model, options, tuning.clone())?;
        let right = candidate.check(gpu, &reference).await?;
        for (key, choice, time) in candidate.measure(&profiler).await? {
            let Some(product) = products.iter_mut().find(|product| product.key == key) else { continue };
            if !right.contains(&key) {
                product.wrong.push(choice);
            } else if time < product.best.1 && time < product.rule.1 * (1.0 - LEAST_GAIN) {
                product.best = (choice, time);
            }
        }
    }
    on_candidate(candidates.len() + 1, candidates.len() + 1);
    Ok(products)
}
