//! ResNet (He et al. 2015). Blocks of three convolutions have the stride in the second one.

use super::modules::Modules;
use crate::model::{Activation, ModelError, Network};

/// Filters of the stages.
const FILTERS: [usize; 4] = [64, 128, 256, 512];

/// Adds the convolutions of a block with their normalizations: filters, kernel and stride of each.
fn block(net: &mut Modules, name: &str, convolutions: &[[usize; 3]]) -> Result<(), ModelError> {
    let (start, channels) = (net.x, net.channels());
    let (mut filters, mut total) = (channels, 1);
    for (place, [to, kernel, stride]) in convolutions.iter().enumerate() {
        if place > 0 {
            net.activate(Activation::Relu)?;
        }
        let number = place + 1;
        net.convolution(&format!("{name}.conv{number}"), *to, *kernel, *stride)?;
        net.normalize(&format!("{name}.bn{number}"))?;
        (filters, total) = (*to, total * stride);
    }
    let end = std::mem::replace(&mut net.x, start);
    if total > 1 || filters != channels {
        net.convolution(&format!("{name}.downsample.0"), filters, 1, total)?;
        net.normalize(&format!("{name}.downsample.1"))?;
    }
    net.add_to(end, 0.0)?;
    net.activate(Activation::Relu)
}

/// A network with so many blocks in its stages; `convolutions` are those of a block with filters and a stride.
fn resnet(
    mut net: Modules,
    classes: usize,
    blocks: [usize; 4],
    convolutions: fn(usize, usize) -> Vec<[usize; 3]>,
) -> Result<Network, ModelError> {
    net.convolution("conv1", 64, 7, 2)?;
    net.normalize("bn1")?;
    net.activate(Activation::Relu)?;
    net.max_pool_after_relu()?;
    for (stage, (filters, blocks)) in FILTERS.into_iter().zip(blocks).enumerate() {
        for place in 0..blocks {
            let stride = if stage > 0 && place == 0 { 2 } else { 1 };
            block(&mut net, &format!("layer{}.{place}", stage + 1), &convolutions(filters, stride))?;
        }
    }
    net.mean()?;
    net.end("fc", classes)
}

/// The network of 18 layers.
pub fn resnet18(net: Modules, classes: usize) -> Result<Network, ModelError> {
    resnet(net, classes, [2, 2, 2, 2], |filters, stride| vec![[filters, 3, stride], [filters, 3, 1]])
}

/// The network of 50 layers.
pub fn resnet50(net: Modules, classes: usize) -> Result<Network, ModelError> {
    let convolutions = |filters, stride| vec![[filters, 1, 1], [filters, 3, stride], [4 * filters, 1, 1]];
    resnet(net, classes, [3, 4, 6, 3], convolutions)
}
