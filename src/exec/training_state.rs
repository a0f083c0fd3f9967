//! The state that a training step takes over from the step before.

use super::Executor;
use super::error::ExecError;
use super::parameters::named;
use crate::graph::Arena;
use crate::model::NamedTensor;

/// Everything that a training step takes over from the steps before. With equal options and minibatches, training
/// continues from it to the same bits.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct TrainingState {
    /// Training steps done. Adam's bias correction and all random numbers depend on it.
    pub updates: u64,
    /// All variables, whatever their role.
    pub parameters: Vec<NamedTensor>,
    /// What the optimizer keeps of each, shaped alike; the names begin with the slot: `first_moment/conv2d/kernel`.
    /// The state of the loss scale is `loss_scale`.
    pub optimizer: Vec<NamedTensor>,
}

impl Executor {
    /// The state after the steps encoded so far, which it waits for.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn training_state(&mut self) -> Result<TrainingState, ExecError> {
        let (updates, parameters) = (self.updates, self.parameters().await?);
        let mut optimizer = Vec::new();
        for (slot, arena) in self.options().optimizer.slots() {
            let tensors = named(self.program().read_arena(self.graph(), arena).await?);
            optimizer.extend(
                tensors.into_iter().map(|tensor| NamedTensor { name: format!("{slot}/{}", tensor.name), ..tensor }),
            );
        }
        optimizer.extend(self.named_loss_scale().await?);
        Ok(TrainingState { updates, parameters, optimizer })
    }

    /// Continues from `state`. Steps that wait are submitted before, so that they can't change it.
    ///
    /// # Errors
    /// A tensor that is missing, unknown or of another shape: then nothing changes. What the device reports.
    pub async fn restore(&mut self, state: &TrainingState) -> Result<(), ExecError> {
        let mut arenas = vec![(Arena::Weights, self.values("", &state.parameters)?)];
        let mut rest: Vec<&NamedTensor> = state.optimizer.iter().collect();
        let loss_scale = self.take_loss_scale(&mut rest)?;
        for (slot, arena) in self.options().optimizer.slots() {
            let prefix = format!("{slot}/");
            let (of_slot, others): (Vec<_>, Vec<_>) =
                rest.into_iter().partition(|tensor| tensor.name.starts_with(&prefix));
            arenas.push((arena, self.values(&prefix, of_slot)?));
            rest = others;
        }
        if let Some(tensor) = rest.first() {
            return Err(ExecError::Weights(format!("`{}` belongs to no slot of the optimizer", tensor.name)));
        }
        self.submit().await?;
        self.forget_parameters();
        self.write_loss_scale(loss_scale)?;
        for (arena, values) in &arenas {
            self.program().write_arena(self.graph(), *arena, values)?;
        }
        self.updates = state.updates;
        Ok(())
    }
}
