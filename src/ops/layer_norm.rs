//! Layer normalization (Ba et al. 2016) over the last axis, as Keras computes it.

use crate::graph::{Graph, GraphError, TensorId, VariableSpec};
use crate::ops::group_norm::Sets;
use crate::ops::normalization::GammaBeta;
use crate::shape::Shape;

/// `y = gamma (x - mean) / sqrt(variance + epsilon) + beta`, where mean and variance are those of a row of `x`, over its last
/// axis. It is a group normalization of images with one pixel and one group, whose shaders it shares.
#[derive(Clone, Debug, PartialEq)]
pub struct LayerNorm {
    /// Shape of `x` and `y`: `[.., c]`.
    pub input: Shape,
    /// Added to the variance: above 0.
    pub epsilon: f64,
    /// Whether there is a gamma.
    pub scale: bool,
    /// Whether there is a beta.
    pub center: bool,
}

impl LayerNorm {
    /// Keras's defaults for `input`.
    pub fn new(input: impl Into<Shape>) -> Self {
        Self { input: input.into(), epsilon: 1e-3, scale: true, center: true }
    }

    /// Gamma and beta of a layer, those that it has.
    pub fn variables(&self, layer: &str) -> Vec<VariableSpec> {
        GammaBeta { channels: self.input.columns(), scale: self.scale, center: self.center }.variables(layer)
    }
}

impl Graph {
    /// Adds a layer normalization of `x`, whose shape it has. `weights` holds gamma and beta, `[c]` each: those that there
    /// are, gamma first.
    ///
    /// # Errors
    /// A geometry that does not fit `x` or `weights`.
    pub fn layer_norm(
        &mut self,
        name: &str,
        geometry: LayerNorm,
        x: TensorId,
        weights: Option<TensorId>,
    ) -> Result<TensorId, GraphError> {
        let LayerNorm { input, epsilon, scale, center } = geometry;
        let sets = Sets { images: input.rows(), input, groups: 1, epsilon, scale, center };
        let inputs: Vec<TensorId> = [x].into_iter().chain(weights).collect();
        self.add_own_node(name, sets, &inputs)
    }
}
