//! Ending training when it no longer improves.

use std::ops::ControlFlow;

use super::monitor::Best;
use super::{HistoryRow, Monitor, Observer, TrainError};
use crate::exec::Executor;
use crate::model::NamedTensor;

/// Prefix of the names of the best weights in a checkpoint.
const KEPT: &str = "early_stopping/";

/// Ends training after some epochs that were no better than the best one, and gives the network the weights of the best
/// epoch: Keras's `EarlyStopping` with `restore_best_weights=True`.
#[derive(Clone, Debug)]
pub struct EarlyStopping {
    patience: usize,
    best: Best,
    weights: Vec<NamedTensor>,
    waited: usize,
    stopped: Option<usize>,
}

impl EarlyStopping {
    /// Ends training after `patience` epochs, 1 or more, in which `monitor` was not better than its best.
    pub fn new(monitor: Monitor, patience: usize) -> Self {
        Self { patience, best: Best::new(monitor), weights: Vec::new(), waited: 0, stopped: None }
    }

    /// Number of the epoch after which this ended training; none if it did not.
    pub fn stopped_epoch(&self) -> Option<usize> {
        self.stopped
    }

    /// Number of the best epoch; none before the first epoch has ended.
    pub fn best_epoch(&self) -> Option<usize> {
        self.best.epoch()
    }

    /// Returns whether `row` is the best epoch so far, and whether training continues.
    fn judge(&mut self, row: &HistoryRow) -> (bool, ControlFlow<()>) {
        if self.best.is_beaten_by(row) {
            self.waited = 0;
            return (true, ControlFlow::Continue(()));
        }
        self.waited += 1;
        if self.waited < self.patience {
            return (false, ControlFlow::Continue(()));
        }
        self.stopped = Some(row.epoch);
        (false, ControlFlow::Break(()))
    }
}

impl Observer for EarlyStopping {
    fn on_resume(
        &mut self,
        history: &[HistoryRow],
        kept: &[NamedTensor],
        executor: &Executor,
    ) -> Result<ControlFlow<()>, TrainError> {
        let own = kept.iter().filter_map(|tensor| Some((tensor.name.strip_prefix(KEPT)?, tensor)));
        self.weights = own.map(|(name, tensor)| NamedTensor { name: name.into(), ..tensor.clone() }).collect();
        if !self.weights.is_empty() {
            executor.check_parameters(&self.weights)?;
        }
        Ok(history.iter().try_for_each(|row| self.judge(row).1))
    }

    fn kept(&self) -> Vec<NamedTensor> {
        let kept = |tensor: &NamedTensor| NamedTensor { name: format!("{KEPT}{}", tensor.name), ..tensor.clone() };
        self.weights.iter().map(kept).collect()
    }

    fn on_epoch_end(&mut self, row: &HistoryRow, executor: &mut Executor) -> Result<ControlFlow<()>, TrainError> {
        let (is_best, flow) = self.judge(row);
        if is_best {
            let gpu = executor.gpu().clone();
            self.weights = gpu.block_on(executor.evaluated_parameters())?;
        }
        Ok(flow)
    }

    fn on_train_end(&mut self, executor: &mut Executor) -> Result<(), TrainError> {
        // After the best epoch, the network has its weights.
        if self.waited > 0 && !self.weights.is_empty() {
            let gpu = executor.gpu().clone();
            gpu.block_on(executor.set_parameters(&self.weights))?;
        }
        Ok(())
    }
}
