//! Normalization by means and variances that are known.

use serde::{Deserialize, Serialize};

use super::options::PerChannel;
use super::{FINITE, Inferred, Kind, NOT_NEGATIVE, channels_of};
use crate::graph::TensorId;
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::ops::ChannelScale;
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
    pub(in crate::model) fn channel_scale(&self, channels: usize) -> ChannelScale {
        let deviations = self.variance.of(channels).into_iter().map(|variance| variance.sqrt().max(LEAST_DEVIATION));
        ChannelScale {
            center: self.mean.of(channels),
            scale: deviations.map(f64::recip).collect(),
            offset: vec![0.0; channels],
        }
    }
}

impl Kind for Normalization {
    fn infer(&self, _: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let (shape, channels) = channels_of(inputs)?;
        self.mean.check("mean", channels, (FINITE, |_| true))?;
        self.variance.check("variance", channels, (NOT_NEGATIVE, |variance| variance >= 0.0))?;
        Ok(Inferred::shape(shape.clone()))
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[TensorId], _: &[TensorId]) -> Result<TensorId, ModelError> {
        let channels = lowering.graph.tensor(inputs[0]).shape.columns();
        Ok(lowering.graph.affine(lowering.name, inputs[0], self.channel_scale(channels))?)
    }
}
