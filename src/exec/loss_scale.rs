//! The state of the loss scale, as the host reads and writes it.

use super::Executor;
use super::error::ExecError;
use crate::model::NamedTensor;
use crate::optim::LossScale;

/// Its name in a [`TrainingState`](super::TrainingState).
const NAME: &str = "loss_scale";

impl Executor {
    /// The state of the loss scale after the steps encoded so far, which it waits for; none where gradients are kept in 32
    /// bits.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn loss_scale(&mut self) -> Result<Option<LossScale>, ExecError> {
        self.submit().await?;
        let Some(state) = self.graph.loss_scale() else { return Ok(None) };
        let floats = self.program.read(&self.graph, &self.train, state).await?;
        let state = LossScale::from_floats(&floats);
        state.map(Some).ok_or_else(|| ExecError::Weights(format!("the loss scale on the device is {floats:?}")))
    }

    /// The scale of the gradients that are on the device, if they have one.
    pub(super) async fn scale_of_gradients(&mut self) -> Result<Option<f32>, ExecError> {
        // The update of several minibatches changes the scale behind the last of them.
        let updated = self.updates.is_multiple_of(self.options.optimizer.accumulate.max(1) as u64);
        let state = self.loss_scale().await?;
        Ok(state.map(|state| if updated { state.of_gradients } else { state.scale }))
    }

    /// Replaces the state of the loss scale, where gradients are kept in 16 bits. Steps that wait are submitted before.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn set_loss_scale(&mut self, state: LossScale) -> Result<(), ExecError> {
        self.submit().await?;
        self.write_loss_scale(state)
    }

    pub(super) fn write_loss_scale(&self, state: LossScale) -> Result<(), ExecError> {
        let Some(tensor) = self.graph.loss_scale() else { return Ok(()) };
        Ok(self.program.write(&self.graph, &self.train, tensor, &state.to_floats())?)
    }

    /// The state as a tensor of a [`TrainingState`](super::TrainingState), if there is one.
    pub(super) async fn named_loss_scale(&mut self) -> Result<Option<NamedTensor>, ExecError> {
        let floats = self.loss_scale().await?.map(|state| state.to_floats().to_vec());
        Ok(floats.map(|values| NamedTensor { name: NAME.into(), shape: vec![values.len()], values }))
    }

    /// Takes the state from the tensors of a [`TrainingState`](super::TrainingState), if the network has one.
    pub(super) fn take_loss_scale(&self, tensors: &mut Vec<&NamedTensor>) -> Result<LossScale, ExecError> {
        if self.graph.loss_scale().is_none() {
            return Ok(LossScale::default());
        }
        let place = tensors.iter().position(|tensor| tensor.name == NAME);
        let state = place.and_then(|place| LossScale::from_floats(&tensors.remove(place).values));
        state.ok_or_else(|| ExecError::Weights(format!("`{NAME}` is missing or no state of a loss scale")))
    }
}
