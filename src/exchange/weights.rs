//! A trained network in memory.

use super::ExchangeError;
use crate::graph::Target;
use crate::kernel::MicroKernel;
use crate::model::{ModelError, NamedTensor, Network};

/// A network's parameters, with the network and the names of its classes where the file tells them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Weights {
    /// The parameters, float32, under Keras's names such as `conv2d/kernel`.
    pub tensors: Vec<NamedTensor>,
    /// The network; none where the file doesn't tell it.
    pub model: Option<Network>,
    /// Names of the classes, in the order of the labels; none where the file doesn't tell them.
    pub class_names: Vec<String>,
}

impl Weights {
    /// Makes sure that these are all parameters of `model`, in its shapes, and no others.
    ///
    /// # Errors
    /// [`ExchangeError::Misfit`], or that the network can't be built.
    pub fn check_fit(&self, model: &Network) -> Result<(), ExchangeError> {
        self.misfit(model)?.map_or(Ok(()), |misfit| Err(ExchangeError::Misfit(misfit)))
    }

    /// The names of the classes of `model`, which the weights are for; none if the file has no names.
    ///
    /// # Errors
    /// [`ExchangeError::ClassNames`] where there are more or fewer names than classes, and what [`Network::classes`]
    /// fails with.
    pub fn class_names_of(&self, model: &Network) -> Result<&[String], ExchangeError> {
        let (names, classes) = (self.class_names.len(), model.classes()?);
        if names != 0 && names != classes {
            return Err(ExchangeError::ClassNames { names, classes });
        }
        Ok(&self.class_names)
    }

    /// The first difference between the tensors and the parameters of `model`, in words.
    pub(super) fn misfit(&self, model: &Network) -> Result<Option<String>, ModelError> {
        // The parameters are the same for every target.
        let target = Target::new(MicroKernel::Direct, 1);
        let graph = model.build(1, target)?.graph;
        for variable in graph.variables() {
            let (name, shape) = (variable.name(), variable.shape());
            let Some(tensor) = self.tensors.iter().find(|tensor| tensor.name == name) else {
                return Ok(Some(format!("it wants `{name}` as {shape:?}, which is missing")));
            };
            if tensor.shape != shape || tensor.values.len() != variable.len() {
                return Ok(Some(format!("it wants `{name}` as {shape:?}, but that is {:?}", tensor.shape)));
            }
        }
        let others = self.tensors.len().saturating_sub(graph.variables().len());
        Ok((others > 0).then(|| format!("{others} tensors belong to none of its layers")))
    }
}
