//! Sums of metrics, and passes that evaluate.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use serde::{Deserialize, Serialize};

use super::feed::Feed;
use super::submit_pace::SubmitPace;
use super::{Predictions, TrainError};
use crate::data::Split;
use crate::exec::{Executor, StepMetrics};

/// Metrics summed over images, so that a short last batch counts by the images that it has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measured {
    /// Steps.
    pub steps: usize,
    /// Images.
    pub images: u64,
    /// Sum of the images' losses.
    loss_sum: f64,
    /// Images whose class was found.
    correct: u64,
    /// Images whose class was among the five of the largest logits.
    top5_correct: u64,
}

impl Measured {
    /// Adds the metrics of `steps`.
    ///
    /// # Errors
    /// The first loss that is NaN or infinite, with the number of its step, counted from 1.
    pub(super) fn add(&mut self, steps: &[StepMetrics]) -> Result<(), (f64, usize)> {
        for step in steps {
            self.steps += 1;
            self.images += u64::from(step.length);
            self.loss_sum += step.loss * f64::from(step.length);
            self.correct += u64::from(step.correct);
            self.top5_correct += u64::from(step.top5_correct);
            if !step.loss.is_finite() {
                return Err((step.loss, self.steps));
            }
        }
        Ok(())
    }

    /// Mean loss; 0 without images.
    pub fn loss(&self) -> f64 {
        self.loss_sum / self.images.max(1) as f64
    }

    /// Share of the images whose class was found; 0 without images.
    pub fn accuracy(&self) -> f64 {
        self.correct as f64 / self.images.max(1) as f64
    }

    /// Share of the images whose class was among the five of the largest logits; 0 without images.
    pub fn top5_accuracy(&self) -> f64 {
        self.top5_correct as f64 / self.images.max(1) as f64
    }
}

/// The network on a whole split.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Evaluation {
    /// Mean loss over the images.
    pub loss: f64,
    /// Share of the images whose class was found.
    pub accuracy: f64,
    /// Share of the images whose class was among the five of the largest logits.
    pub top5_accuracy: f64,
    /// Images.
    pub images: u64,
    /// Steps.
    pub steps: usize,
    /// Time it took, in seconds.
    pub seconds: f64,
}

/// Evaluates `split` in order. Returns none if `stop` was set before the end.
///
/// # Errors
/// A loss that is NaN or infinite, or what the loader or the device reports.
pub fn evaluate(
    executor: &mut Executor,
    split: &Arc<Split>,
    stop: &AtomicBool,
) -> Result<Option<Evaluation>, TrainError> {
    pass(executor, split, stop, None)
}

/// As [`evaluate`], with what the network says about each image.
///
/// # Errors
/// As [`evaluate`].
pub fn evaluate_and_predict(
    executor: &mut Executor,
    split: &Arc<Split>,
    stop: &AtomicBool,
) -> Result<Option<(Evaluation, Predictions)>, TrainError> {
    // A pass that ended with an error may have left some.
    let gpu = executor.gpu().clone();
    gpu.block_on(executor.all_logits())?;
    let mut logits = Vec::new();
    let evaluation = pass(executor, split, stop, Some(&mut logits))?;
    Ok(evaluation.map(|evaluation| (evaluation, Predictions::new(executor.answer(), logits))))
}

/// One pass over `split`, whose logits are added to `logits` if they are wanted.
fn pass(
    executor: &mut Executor,
    split: &Arc<Split>,
    stop: &AtomicBool,
    mut logits: Option<&mut Vec<f32>>,
) -> Result<Option<Evaluation>, TrainError> {
    let gpu = executor.gpu().clone();
    let order = (0..split.len() as u32).collect();
    let mut feed = Feed::new(executor, split, order)?;
    let mut measured = Measured::default();
    let mut count = |steps: &[StepMetrics]| {
        measured.add(steps).map_err(|(loss, step)| TrainError::EvaluationNotFinite { loss, step })
    };
    let started = Instant::now();
    let before = executor.steps_per_submit();
    let mut pace = SubmitPace::new(executor);
    while let Some(fed) = feed.next() {
        match &mut logits {
            Some(logits) => {
                gpu.block_on(executor.eval_step_with_logits(fed.images()))?;
                logits.extend(executor.arrived_logits()?);
            }
            None => gpu.block_on(executor.eval_step(fed.images()))?,
        }
        feed.recycle(fed);
        pace.step(executor);
        count(&executor.arrived_metrics()?)?;
        if stop.load(Ordering::Relaxed) {
            gpu.block_on(executor.metrics())?;
            return Ok(None);
        }
    }
    count(&gpu.block_on(executor.metrics())?)?;
    if let Some(logits) = logits {
        logits.extend(gpu.block_on(executor.all_logits())?);
    }
    executor.set_steps_per_submit(before);
    Ok(Some(Evaluation {
        loss: measured.loss(),
        accuracy: measured.accuracy(),
        top5_accuracy: measured.top5_accuracy(),
        images: measured.images,
        steps: measured.steps,
        seconds: started.elapsed().as_secs_f64(),
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_batch_counts_for_its_images() {
        let mut measured = Measured::default();
        let steps = [
            StepMetrics { loss: 1.0, correct: 3, top5_correct: 14, length: 32 },
            StepMetrics { loss: 4.0, correct: 6, top5_correct: 4, length: 4 },
        ];
        measured.add(&steps).unwrap();
        assert_eq!((measured.steps, measured.images), (2, 36));
        assert_eq!(measured.loss(), 48.0 / 36.0);
        assert_eq!([measured.accuracy(), measured.top5_accuracy()], [0.25, 0.5]);
    }

    #[test]
    fn a_loss_that_is_not_finite_is_found() {
        for bad in [f64::NAN, f64::INFINITY] {
            let mut measured = Measured::default();
            let steps = [1.0, bad, 1.0].map(|loss| StepMetrics { loss, correct: 0, top5_correct: 0, length: 8 });
            assert_eq!(measured.add(&steps).unwrap_err().1, 2);
        }
    }
}
