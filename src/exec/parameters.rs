//! The parameters of a network on a device, and their gradients.

use super::Executor;
use super::error::ExecError;
use super::executor::NORM;
use crate::graph::{Arena, Variable};
use crate::model::NamedTensor;
use crate::optim::GradientTable;

impl Executor {
    /// The parameters, in order of the layers. They are read from the device once, until they change.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn parameters(&mut self) -> Result<Vec<NamedTensor>, ExecError> {
        self.submit().await?;
        self.gpu.check()?;
        if let Some(parameters) = &self.parameters {
            return Ok(parameters.clone());
        }
        let parameters = named(self.program.read_arena(&self.graph, Arena::Weights).await?);
        Ok(self.parameters.insert(parameters).clone())
    }

    /// The exponential average of the parameters; the parameters before the first update, and none where no average is
    /// kept.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn averaged_parameters(&mut self) -> Result<Option<Vec<NamedTensor>>, ExecError> {
        let Some(arena) = self.options.optimizer.average_arena() else { return Ok(None) };
        if self.updates < self.options.optimizer.accumulate.max(1) as u64 {
            return Ok(Some(self.parameters().await?));
        }
        self.submit().await?;
        Ok(Some(named(self.program.read_arena(&self.graph, arena).await?)))
    }

    /// The parameters that evaluation takes: their average if [`Options::evaluate_average`](super::Options) is set, else the
    /// parameters themselves.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn evaluated_parameters(&mut self) -> Result<Vec<NamedTensor>, ExecError> {
        match self.options.evaluated_arena() {
            Arena::Weights => self.parameters().await,
            average => {
                self.submit().await?;
                Ok(named(self.program.read_arena(&self.graph, average).await?))
            }
        }
    }

    /// How often the parameters may have been changed: equal numbers mean equal parameters.
    pub fn parameter_changes(&self) -> u64 {
        self.changes
    }

    /// To be called before the parameters change.
    pub(super) fn forget_parameters(&mut self) {
        self.parameters = None;
        self.changes += 1;
    }

    /// The gradients of the last training step, named and shaped as the parameters. Frozen layers have none, and are left
    /// out.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn gradients(&mut self) -> Result<Vec<NamedTensor>, ExecError> {
        self.submit().await?;
        let mut gradients = named(self.program.read_gradients(&self.graph).await?);
        if let Some(scale) = self.scale_of_gradients().await? {
            gradients.iter_mut().flat_map(|tensor| &mut tensor.values).for_each(|value| *value /= scale);
        }
        Ok(gradients)
    }

    /// L2 norm of the gradient of the last training step, over all trainable parameters together: NaN if an element is not
    /// finite. The device computes it, so that 16 bytes are read; waits for them.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn gradient_norm(&mut self) -> Result<f64, ExecError> {
        self.submit().await?;
        self.program.prepare(&[NORM])?;
        self.program.run(NORM)?;
        let values = self.program.read(&self.graph, &self.norm, self.norm_of_gradient).await?;
        Ok(GradientTable::norm(&values) / self.scale_of_gradients().await?.map_or(1.0, f64::from))
    }

    /// Replaces all parameters; the optimizer's state stays, but for the average if evaluation takes that. Steps that wait
    /// are submitted before, so that they can't change what is set.
    ///
    /// # Errors
    /// A parameter that is missing, unknown or of another shape: then nothing changes. What the device reports.
    pub async fn set_parameters(&mut self, tensors: &[NamedTensor]) -> Result<(), ExecError> {
        let values = self.values("", tensors)?;
        self.submit().await?;
        self.forget_parameters();
        self.write_parameters(&values)
    }

    /// Writes the weights, and those that evaluation takes if they are others.
    pub(super) fn write_parameters(&self, values: &[Vec<f32>]) -> Result<(), ExecError> {
        self.program.write_arena(&self.graph, Arena::Weights, values)?;
        match self.options.evaluated_arena() {
            Arena::Weights => {}
            average => self.program.write_arena(&self.graph, average, values)?,
        }
        Ok(())
    }

    /// Checks whether [`Executor::set_parameters`] would accept `tensors`.
    ///
    /// # Errors
    /// Those of [`Executor::set_parameters`].
    pub fn check_parameters(&self, tensors: &[NamedTensor]) -> Result<(), ExecError> {
        self.values("", tensors).map(drop)
    }

    /// The elements of each variable from `tensors`, which are to be named, behind `prefix`, and shaped as the variables.
    pub(super) fn values<'t>(
        &self,
        prefix: &str,
        tensors: impl IntoIterator<Item = &'t NamedTensor>,
    ) -> Result<Vec<Vec<f32>>, ExecError> {
        let tensors: Vec<&NamedTensor> = tensors.into_iter().collect();
        let mut all = Vec::new();
        for variable in self.graph.variables() {
            let (name, shape) = (format!("{prefix}{}", variable.name()), variable.shape());
            let tensor = (tensors.iter().find(|tensor| tensor.name == name))
                .ok_or_else(|| ExecError::Weights(format!("`{name}` is missing; the network wants it as {shape:?}")))?;
            if tensor.shape != shape || tensor.values.len() != variable.len() {
                let found = &tensor.shape;
                return Err(ExecError::Weights(format!("`{name}` is {found:?}, but the network wants {shape:?}")));
            }
            all.push(tensor.values.clone());
        }
        if all.len() < tensors.len() {
            let others = tensors.len() - all.len();
            return Err(ExecError::Weights(format!("{others} tensors belong to no layer of the network")));
        }
        Ok(all)
    }
}

/// The elements of each variable, under its name.
pub(super) fn named(variables: Vec<(&Variable, Vec<f32>)>) -> Vec<NamedTensor> {
    let tensor = |(variable, values): (&Variable, Vec<f32>)| NamedTensor {
        name: variable.name().into(),
        shape: variable.shape().to_vec(),
        values,
    };
    variables.into_iter().map(tensor).collect()
}
