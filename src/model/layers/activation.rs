//! An activation as a layer of its own.

use serde::{Deserialize, Serialize};

use super::{Function, Inferred, Kind, only};
use crate::graph::TensorId;
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::shape::Shape;

/// An activation of every element.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Activation {
    /// The function.
    pub activation: Function,
}

impl Activation {
    /// A layer that applies `activation`.
    pub fn new(activation: Function) -> Self {
        Self { activation }
    }
}

impl Kind for Activation {
    fn infer(&self, _: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        Ok(Inferred::shape(only(inputs)?.clone()))
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[TensorId], _: &[TensorId]) -> Result<TensorId, ModelError> {
        lowering.activate(self.activation, inputs[0])
    }

    activation_option!();

    fn passes_on(&self) -> bool {
        self.activation == Function::Linear
    }
}
