//! The state that a training step takes over from the step before.

use super::executor::{Executor, named};
use crate::Error;
use crate::graph::Arena;
use crate::model::NamedTensor;

/// Everything that a training step takes over from the steps before. With equal options and minibatches, training
/// continues from it to the same bits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainingState {
    /// Training steps done. Adam's bias correction and all random numbers depend on it.
    pub updates: u64,
    /// The parameters.
    pub parameters: Vec<NamedTensor>,
    /// Adam's first moment of each, named and shaped alike.
    pub first_moments: Vec<NamedTensor>,
    /// Adam's second moment of each.
    pub second_moments: Vec<NamedTensor>,
}

impl Executor {
    /// The state after the steps encoded so far, which it waits for.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn training_state(&mut self) -> Result<TrainingState, Error> {
        Ok(TrainingState {
            updates: self.updates,
            parameters: self.parameters().await?,
            first_moments: self.read_arena(Arena::FirstMoment).await?,
            second_moments: self.read_arena(Arena::SecondMoment).await?,
        })
    }

    /// Continues from `state`.
    ///
    /// # Errors
    /// A tensor that is missing, unknown or of another shape; then nothing changes.
    pub fn restore(&mut self, state: &TrainingState) -> Result<(), Error> {
        let arenas = [
            (Arena::Weights, self.values(&state.parameters)?),
            (Arena::FirstMoment, self.values(&state.first_moments)?),
            (Arena::SecondMoment, self.values(&state.second_moments)?),
        ];
        self.forget_parameters();
        for (arena, values) in &arenas {
            self.program().write_arena(self.graph(), *arena, values)?;
        }
        self.updates = state.updates;
        Ok(())
    }

    async fn read_arena(&self, arena: Arena) -> Result<Vec<NamedTensor>, Error> {
        Ok(named(self.program().read_arena(self.graph(), arena).await?))
    }
}
