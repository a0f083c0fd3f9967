//! What happens during training, for those who want to know.

use std::ops::ControlFlow;
use std::time::Duration;

use super::{HistoryRow, Measured};
use crate::Error;
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

/// Follows training. All methods do nothing unless written.
pub trait Observer {
    /// Where training goes on from a checkpoint: `history` has the epochs before, and `kept` what all observers had
    /// kept. [`ControlFlow::Break`] says that training had ended there.
    ///
    /// # Errors
    /// What was kept makes no sense for the executor.
    fn on_resume(
        &mut self,
        _history: &[HistoryRow],
        _kept: &[NamedTensor],
        _executor: &Executor,
    ) -> Result<ControlFlow<()>, Error> {
        Ok(ControlFlow::Continue(()))
    }

    /// Tensors, under names of the observer's own, that a checkpoint is to keep for [`Observer::on_resume`].
    fn kept(&self) -> Vec<NamedTensor> {
        Vec::new()
    }

    /// Before the first step of an epoch.
    fn on_epoch_begin(&mut self, _epoch: &Epoch) {}

    /// After `step` (counted from 1) was submitted, `elapsed` after the epoch began. Measurements arrive later:
    /// `measured` covers the steps whose numbers are here.
    fn on_step(&mut self, _step: usize, _measured: &Measured, _elapsed: Duration) {}

    /// After the evaluation of an epoch; [`ControlFlow::Break`] ends training here.
    ///
    /// # Errors
    /// What the observer could not do; training stops.
    fn on_epoch_end(&mut self, _row: &HistoryRow, _executor: &mut Executor) -> Result<ControlFlow<()>, Error> {
        Ok(ControlFlow::Continue(()))
    }

    /// After the last epoch, or the one that an observer ended training with; not where training was interrupted.
    ///
    /// # Errors
    /// What the observer could not do.
    fn on_train_end(&mut self, _executor: &mut Executor) -> Result<(), Error> {
        Ok(())
    }
}
