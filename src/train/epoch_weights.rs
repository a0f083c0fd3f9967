//! Weights of finished epochs as files.

use std::ops::ControlFlow;
use std::path::Path;

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

use super::monitor::Best;
use super::{HistoryRow, Monitor, Observer, OutputDir, TrainError};
use crate::exchange::Weights;
use crate::exec::Executor;
use crate::file;
use crate::model::{NamedTensor, Network};

/// Name of the file with the weights of the best epoch.
const BEST: &str = "best.safetensors";

/// Name of the file with the weights of the last epoch.
const LAST: &str = "last.safetensors";

/// The epochs whose weights are written while training continues.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeptWeights {
    /// The weights of the best epoch, in best.safetensors
    #[default]
    Best,
    /// The weights of the last epoch, in last.safetensors
    Last,
    /// Both files
    Both,
    /// No file
    None,
}

impl KeptWeights {
    /// The number of files.
    pub fn files(self) -> usize {
        match self {
            Self::Best | Self::Last => 1,
            Self::Both => 2,
            Self::None => 0,
        }
    }
}

/// Writes weights after epochs: Keras's `ModelCheckpoint`.
#[derive(Debug)]
pub struct EpochWeights<'a> {
    choice: KeptWeights,
    best: Best,
    out: &'a OutputDir,
    /// The network and the class names, which every file holds besides the tensors.
    weights: Weights,
}

impl<'a> EpochWeights<'a> {
    /// Writes the files of `choice` into `out`, with the network and the names of its classes. `monitor` decides which
    /// epoch is the best.
    pub fn new(
        choice: KeptWeights,
        monitor: Monitor,
        out: &'a OutputDir,
        model: &Network,
        class_names: &[String],
    ) -> Self {
        let weights = Weights { tensors: Vec::new(), model: Some(model.clone()), class_names: class_names.to_vec() };
        Self { choice, best: Best::new(monitor), out, weights }
    }

    /// Copies the files that a run has written in `from` to `out`, where it is resumed.
    ///
    /// # Errors
    /// [`TrainError::Write`](super::TrainError::Write)
    pub fn copy(from: &Path, out: &OutputDir) -> Result<(), TrainError> {
        for name in [BEST, LAST] {
            if from != out.path()
                && let Ok(bytes) = file::read(&from.join(name), u64::MAX)
            {
                out.write(&[(name, &bytes)])?;
            }
        }
        Ok(())
    }

    /// Number of the epoch whose weights `best.safetensors` has.
    pub fn best_epoch(&self) -> Option<usize> {
        let keeps_best = matches!(self.choice, KeptWeights::Best | KeptWeights::Both);
        self.best.epoch().filter(|_| keeps_best)
    }
}

impl Observer for EpochWeights<'_> {
    fn on_resume(
        &mut self,
        history: &[HistoryRow],
        _kept: &[NamedTensor],
        _executor: &Executor,
    ) -> Result<ControlFlow<()>, TrainError> {
        for row in history {
            self.best.is_beaten_by(row);
        }
        Ok(ControlFlow::Continue(()))
    }

    fn on_epoch_end(&mut self, row: &HistoryRow, executor: &mut Executor) -> Result<ControlFlow<()>, TrainError> {
        let is_best = self.best.is_beaten_by(row);
        let names: &[&str] = match (self.choice, is_best) {
            (KeptWeights::Both, true) => &[BEST, LAST],
            (KeptWeights::Best, true) => &[BEST],
            (KeptWeights::Last, _) | (KeptWeights::Both, false) => &[LAST],
            (KeptWeights::Best, false) | (KeptWeights::None, _) => &[],
        };
        if !names.is_empty() {
            let gpu = executor.gpu().clone();
            self.weights.tensors = gpu.block_on(executor.evaluated_parameters())?;
            let bytes = self.weights.to_bytes()?;
            let files: Vec<(&str, &[u8])> = names.iter().map(|name| (*name, bytes.as_slice())).collect();
            self.out.write(&files)?;
        }
        Ok(ControlFlow::Continue(()))
    }
}
