//! A scale and an offset of each channel.

use serde::{Deserialize, Serialize};

use super::options::PerChannel;
use super::{FINITE, Inferred, Kind, channels_of};
use crate::graph::TensorId;
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::ops::ChannelScale;
use crate::shape::Shape;

/// `x * scale + offset`, with one number or a list of one for each channel. The shape of its input stays.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rescaling {
    /// Factor.
    pub scale: PerChannel,
    /// Added to the product; 0 if left out.
    #[serde(default)]
    pub offset: PerChannel,
}

impl Rescaling {
    /// The factor `scale` and no offset.
    pub fn new(scale: f64) -> Self {
        Self { scale: PerChannel::One(scale), offset: PerChannel::One(0.0) }
    }

    /// The map of `channels` channels.
    pub(in crate::model) fn channel_scale(&self, channels: usize) -> ChannelScale {
        ChannelScale { center: vec![0.0; channels], scale: self.scale.of(channels), offset: self.offset.of(channels) }
    }
}

impl Kind for Rescaling {
    fn infer(&self, _: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let (shape, channels) = channels_of(inputs)?;
        self.scale.check("scale", channels, (FINITE, |_| true))?;
        self.offset.check("offset", channels, (FINITE, |_| true))?;
        Ok(Inferred::shape(shape.clone()))
    }

    fn lower(&self, lowering: &mut Lowering<'_>, inputs: &[TensorId], _: &[TensorId]) -> Result<TensorId, ModelError> {
        let channels = lowering.graph.tensor(inputs[0]).shape.columns();
        Ok(lowering.graph.affine(lowering.name, inputs[0], self.channel_scale(channels))?)
    }
}
