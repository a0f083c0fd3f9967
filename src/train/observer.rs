//! Observers, which are told what happens during training.

use std::ops::ControlFlow;
use std::time::Duration;

use super::{HistoryRow, Measured, TrainError};
use crate::exec::Executor;
use crate::model::NamedTensor;

/// An epoch that is about to be trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Epoch {
    /// Its number, counted from 1.
    pub number: usize,
    /// Number of the last epoch.
    pub last: usize,
    /// Steps in it.
    pub steps: usize,
}

/// Is told what happens during training. Every method does nothing by default.
pub trait Observer {
    /// Called when training is resumed from a checkpoint: `history` has the epochs before, and `kept` has what all
    /// observers had kept. [`ControlFlow::Break`] says that training had ended there.
    ///
    /// # Errors
    /// What was kept does not fit the executor's network.
    fn on_resume(
        &mut self,
        _history: &[HistoryRow],
        _kept: &[NamedTensor],
        _executor: &Executor,
    ) -> Result<ControlFlow<()>, TrainError> {
        Ok(ControlFlow::Continue(()))
    }

    /// Tensors that checkpoints keep for [`Observer::on_resume`]. Their names must not be used by other observers.
    fn kept(&self) -> Vec<NamedTensor> {
        Vec::new()
    }

    /// Called before the first step of an epoch.
    fn on_epoch_begin(&mut self, _epoch: &Epoch) {}

    /// Called after `step` (counted from 1) was submitted, `elapsed` after the epoch began. Measurements arrive later,
    /// so `measured` covers the steps whose measurements have arrived.
    fn on_step(&mut self, _step: usize, _measured: &Measured, _elapsed: Duration) {}

    /// Called after the evaluation of an epoch. [`ControlFlow::Break`] ends training here.
    ///
    /// # Errors
    /// What failed; training stops.
    fn on_epoch_end(&mut self, _row: &HistoryRow, _executor: &mut Executor) -> Result<ControlFlow<()>, TrainError> {
        Ok(ControlFlow::Continue(()))
    }

    /// Called after the last epoch, or after the epoch at which an observer ended training. It is not called if
    /// training was interrupted.
    ///
    /// # Errors
    /// What failed.
    fn on_train_end(&mut self, _executor: &mut Executor) -> Result<(), TrainError> {
        Ok(())
    }
}
