//! MobileNetV2 (Sandler et al. 2018), as Keras has it.

use super::super::{Activation, ModelError, Network};
use super::blocks::Trunk;

/// Expansion, filters, blocks and the stride of the first of them.
const STAGES: [(usize, usize, usize, usize); 7] =
    [(1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1)];

/// The network with all channels times `width`.
pub fn mobilenet_v2(input: [usize; 3], classes: usize, width: f64) -> Result<Network, ModelError> {
    let mut net = Trunk::new(input, 0.999, 1e-3)?;
    net.convolution(divisible(32.0 * width), 3, 2)?;
    net.activate(Activation::Relu6)?;
    for (expansion, filters, blocks, stride) in STAGES {
        for place in 0..blocks {
            let stride = if place == 0 { stride } else { 1 };
            net.inverted_residual(expansion, 3, divisible(filters as f64 * width), stride)?;
        }
    }
    // A narrow network keeps its last features.
    net.convolution(divisible(1280.0 * width.max(1.0)), 1, 1)?;
    net.activate(Activation::Relu6)?;
    net.end(0.0, classes)
}

/// The multiple of 8 that is nearest to a number of channels, but not less than nine tenths of it.
fn divisible(channels: f64) -> usize {
    let nearest = ((channels + 4.0) / 8.0).floor().max(1.0) * 8.0;
    (if nearest < 0.9 * channels { nearest + 8.0 } else { nearest }) as usize
}
