//! DenseNet (Huang et al. 2017).

use super::modules::Modules;
use crate::model::layers::{AveragePooling2d, Concatenate};
use crate::model::{Activation, ModelError, Network};

/// Channels that a layer adds.
const GROWTH: usize = 32;

/// Adds a normalization and relu, and then a convolution.
fn layer(
    net: &mut Modules,
    normalization: &str,
    convolution: &str,
    [filters, kernel]: [usize; 2],
) -> Result<(), ModelError> {
    net.normalize(normalization)?;
    net.activate(Activation::Relu)?;
    net.convolution(convolution, filters, kernel, 1)
}

/// The network of 121 layers.
pub fn densenet121(mut net: Modules, classes: usize) -> Result<Network, ModelError> {
    net.convolution("features.conv0", 64, 7, 2)?;
    net.normalize("features.norm0")?;
    net.activate(Activation::Relu)?;
    net.max_pool_after_relu()?;
    for (stage, layers) in (1..).zip([6, 12, 24, 16]) {
        if stage > 1 {
            let (name, filters) = (format!("features.transition{}", stage - 1), net.channels() / 2);
            layer(&mut net, &format!("{name}.norm"), &format!("{name}.conv"), [filters, 1])?;
            net.apply(AveragePooling2d::new(2))?;
        }
        for place in 1..=layers {
            let (name, start) = (format!("features.denseblock{stage}.denselayer{place}"), net.x);
            layer(&mut net, &format!("{name}.norm1"), &format!("{name}.conv1"), [4 * GROWTH, 1])?;
            layer(&mut net, &format!("{name}.norm2"), &format!("{name}.conv2"), [GROWTH, 3])?;
            net.x = net.net.apply(Concatenate {}, [start, net.x])?;
        }
    }
    net.normalize("features.norm5")?;
    net.activate(Activation::Relu)?;
    net.mean()?;
    net.end("classifier", classes)
}
