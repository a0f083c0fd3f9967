//! EfficientNet-Lite0 (Liu 2020): EfficientNet-B0 (Tan & Le 2019) with relu6, and without squeeze and excitation.

use super::super::{Activation, ModelError, Network};
use super::blocks::Trunk;

/// Kernel, stride of the first block, expansion, filters and blocks.
const STAGES: [(usize, usize, usize, usize, usize); 7] = [
    (3, 1, 1, 16, 1),
    (3, 2, 6, 24, 2),
    (5, 2, 6, 40, 2),
    (3, 2, 6, 80, 3),
    (5, 1, 6, 112, 3),
    (5, 2, 6, 192, 4),
    (3, 1, 6, 320, 1),
];

/// The network.
pub fn efficientnet_lite0(input: [usize; 3], classes: usize) -> Result<Network, ModelError> {
    let mut net = Trunk::new(input, 0.99, 1e-3)?;
    net.convolution(32, 3, 2)?;
    net.activate(Activation::Relu6)?;
    for (kernel, stride, expansion, filters, blocks) in STAGES {
        for place in 0..blocks {
            net.inverted_residual(expansion, kernel, filters, if place == 0 { stride } else { 1 })?;
        }
    }
    net.convolution(1280, 1, 1)?;
    net.activate(Activation::Relu6)?;
    net.end(0.2, classes)
}
