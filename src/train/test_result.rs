//! The network on the test images.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use super::{Evaluation, Predictions, TrainError, evaluate, evaluate_and_predict};
use crate::data::Split;
use crate::exec::Executor;

/// Figures and predictions of one pass over the test images.
#[derive(Clone, Debug)]
pub struct TestResult {
    /// The figures.
    pub evaluation: Evaluation,
    /// What the network says about each image, if it was asked for.
    pub predictions: Option<Predictions>,
    /// [`Executor::parameter_changes`] of the pass.
    changes: u64,
}

impl TestResult {
    /// Passes the network over `split`, with predictions if `predicts`. Returns none if `stop` was set before the end.
    ///
    /// # Errors
    /// As [`evaluate`].
    pub fn of(
        executor: &mut Executor,
        split: &Arc<Split>,
        predicts: bool,
        stop: &AtomicBool,
    ) -> Result<Option<Self>, TrainError> {
        let found = match predicts {
            true => evaluate_and_predict(executor, split, stop)?.map(|(figures, made)| (figures, Some(made))),
            false => evaluate(executor, split, stop)?.map(|figures| (figures, None)),
        };
        let changes = executor.parameter_changes();
        Ok(found.map(|(evaluation, predictions)| Self { evaluation, predictions, changes }))
    }

    /// Whether it is of the parameters that the executor has now.
    pub fn is_of(&self, executor: &Executor) -> bool {
        self.changes == executor.parameter_changes()
    }
}
