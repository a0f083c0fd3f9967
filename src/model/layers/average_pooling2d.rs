//! Average pooling.

use serde::{Deserialize, Serialize};

use super::options::{pair, some_pair};
use super::pooling::Pooling;
use super::{Inferred, Kind};
use crate::graph::TensorId;
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lower::Lowering;
use crate::ops::Padding;
use crate::shape::Shape;

/// Mean of each window of `[h, w, c]`: `[oh, ow, c]`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AveragePooling2d {
    /// `[h, w]` of the window.
    #[serde(deserialize_with = "pair")]
    pub pool_size: [usize; 2],
    /// `[sy, sx]`; the window's size if left out.
    #[serde(default, deserialize_with = "some_pair", skip_serializing_if = "Option::is_none")]
    pub strides: Option<[usize; 2]>,
    /// Whether windows may reach past the image. The cells there do not count.
    #[serde(default)]
    pub padding: Padding,
}

impl AveragePooling2d {
    /// Pooling by a square window, whose stride is its width.
    pub fn new(pool_size: usize) -> Self {
        Self { pool_size: [pool_size; 2], strides: None, padding: Padding::Valid }
    }

    pub(in crate::model) fn pooling(&self) -> Pooling {
        Pooling { window: self.pool_size, stride: self.strides.unwrap_or(self.pool_size), padding: self.padding }
    }
}

impl Kind for AveragePooling2d {
    fn infer(&self, _: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        self.pooling().infer(inputs)
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[TensorId], _: &[TensorId]) -> Result<TensorId, ModelError> {
        let pool = self.pooling().operation(lowering.batch, lowering.image(inputs[0]));
        Ok(lowering.graph.average_pool2d(lowering.name, pool, inputs[0])?)
    }
}
