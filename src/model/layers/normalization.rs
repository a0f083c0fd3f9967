//! Normalization by means and variances that are known.

use serde::{Deserialize, Serialize};

use super::options::PerChannel;
use super::{Inferred, Kind, channels_of};
use crate::graph::TensorId;
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::ops::PixelScale;
use crate::shape::Shape;

/// Smallest deviation that is divided by: Keras's epsilon.
const LEAST_DEVIATION: f64 = 1e-7;

/// `(x - mean) / sqrt(variance)`, with one number or a list of one for each channel. Training does not change them. The
/// shape of its input stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Normalization {
    /// Subtracted first.
    pub mean: PerChannel,
    /// Square of the divisor.
    pub variance: PerChannel,
}

impl Normalization {
    /// The map of `channels` channels.
    pub(in crate::model) fn affine(&self, channels: usize) -> PixelScale {
        let deviations = self.variance.of(channels).into_iter().map(|variance| variance.sqrt().max(LEAST_DEVIATION));
        let scale: Vec<f64> = deviations.map(f64::recip).collect();
        let offset = self.mean.of(channels).iter().zip(&scale).map(|(mean, scale)| -mean * scale).collect();
        PixelScale { scale, offset }
    }
}

impl Kind for Normalization {
    fn infer(&self, _: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let (shape, channels) = channels_of(inputs)?;
        self.mean.check("mean", channels, |_| true)?;
        self.variance.check("variance", channels, |variance| variance >= 0.0)?;
        Ok(Inferred::shape(shape.clone()))
    }

    fn lower(&self, lowering: &mut Lowering<'_>, _: &[TensorId], _: &[TensorId]) -> Result<TensorId, ModelError> {
        Err(ModelError::NotFirst { layer: lowering.name.into() })
    }
}
