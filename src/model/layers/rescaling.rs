//! A scale and an offset of each channel.

use serde::{Deserialize, Serialize};

use super::options::PerChannel;
use super::{Inferred, Kind, channels_of};
use crate::graph::TensorId;
use crate::model::ModelError;
use crate::model::error::LayerError;
use crate::model::lowering::Lowering;
use crate::ops::PixelScale;
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
    pub(in crate::model) fn affine(&self, channels: usize) -> PixelScale {
        PixelScale { scale: self.scale.of(channels), offset: self.offset.of(channels) }
    }
}

impl Kind for Rescaling {
    fn infer(&self, _: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        let (shape, channels) = channels_of(inputs)?;
        self.scale.check("scale", channels, |_| true)?;
        self.offset.check("offset", channels, |_| true)?;
        Ok(Inferred::shape(shape.clone()))
    }

    fn lower(&self, lowering: &mut Lowering<'_>, _: &[TensorId], _: &[TensorId]) -> Result<TensorId, ModelError> {
        Err(ModelError::NotFirst { layer: lowering.name.into() })
    }
}
