//! Relu with a trained slope below 0.

use serde::{Deserialize, Serialize};

use super::{Inferred, Kind, only};
use crate::graph::{Initializer, TensorId};
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::ops::{Parametric, ParametricFunction};
use crate::shape::Shape;

/// `x` where it is positive, else `alpha * x` with a trained alpha (He et al. 2015). The shape of its input stays.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PRelu {
    /// Nothing, so that each element has an alpha; or `[1, 2]`, so that all pixels of an image share those of the channels.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shared_axes: Option<Vec<usize>>,
}

impl PRelu {
    /// The shape of alpha for `input`.
    fn alpha(&self, input: &Shape) -> Result<Vec<usize>, LayerError> {
        match (self.shared_axes.as_deref().unwrap_or_default(), input.dims()) {
            ([], dims) => Ok(dims.to_vec()),
            ([1, 2], [_, _, c]) => Ok(vec![1, 1, *c]),
            (axes, _) => Err(LayerError::SharedAxes(axes.to_vec())),
        }
    }
}

impl Kind for PRelu {
    fn infer(&self, name: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let shape = only(inputs)?;
        let alpha = Parametric::variable(name, "alpha", self.alpha(shape)?, Initializer::Zeros);
        Ok(Inferred::with_variables(shape.clone(), vec![vec![alpha]]))
    }

    fn lower(
        &self,
        lowering: &mut Lowering<'_>,
        inputs: &[TensorId],
        weights: &[TensorId],
    ) -> Result<TensorId, ModelError> {
        let dims = lowering.graph.tensor(inputs[0]).shape.dims();
        let shared = if self.shared_axes.as_ref().is_some_and(|axes| !axes.is_empty()) { dims.len() - 1 } else { 1 };
        let own = dims.get(shared..).unwrap_or_default().to_vec();
        let tensors = [inputs[0], weights[0]];
        Ok(lowering.graph.parametric(lowering.name, ParametricFunction::Prelu, &own, tensors)?)
    }
}
