//! EfficientNet-B0 (Tan & Le 2019) and EfficientNet-Lite0 (Liu 2020), which has no squeeze and excitation.

use super::Library;
use super::inverted_residual::{InvertedResidual, Names, Stage};
use super::modules::Modules;
use crate::model::{Activation, ModelError, Network};

const STAGES: [Stage; 7] = [
    [1, 3, 1, 16, 1],
    [6, 3, 2, 24, 2],
    [6, 5, 2, 40, 2],
    [6, 3, 2, 80, 3],
    [6, 5, 1, 112, 3],
    [6, 5, 2, 192, 4],
    [6, 3, 1, 320, 1],
];

/// Blocks of all stages.
const BLOCKS: usize = 16;

fn efficientnet(
    mut net: Modules,
    classes: usize,
    activation: Activation,
    squeezes: bool,
) -> Result<Network, ModelError> {
    net.convolution(net.of(["features.0.0", "conv_stem"]), 32, 3, 2)?;
    net.normalize(net.of(["features.0.1", "bn1"]))?;
    net.activate(activation)?;
    let mut place = 0;
    for (stage, [expansion, kernel, stride, filters, blocks]) in STAGES.into_iter().enumerate() {
        for block in 0..blocks {
            let names = match net.library {
                Library::Torchvision => torchvision(stage + 1, block, expansion > 1, squeezes),
                Library::Timm => Names::timm(stage, block, expansion > 1, squeezes),
            };
            let stride = if block == 0 { stride } else { 1 };
            let drop = net.drop_rate(0.2 * place as f64 / BLOCKS as f64);
            InvertedResidual { expansion, kernel, stride, filters, activation, drop }.add_to(&mut net, &names)?;
            place += 1;
        }
    }
    net.convolution(net.of(["features.8.0", "conv_head"]), 1280, 1, 1)?;
    net.normalize(net.of(["features.8.1", "bn2"]))?;
    net.activate(activation)?;
    net.mean()?;
    net.dropout(0.2)?;
    let name = net.of(["classifier.1", "classifier"]);
    net.end(name, classes)
}

/// Names of a block's modules. Squeeze and excitation counts among them.
fn torchvision(stage: usize, block: usize, expands: bool, squeezes: bool) -> Names {
    let name = |name: &str| format!("features.{stage}.{block}.block.{name}");
    let first = usize::from(expands);
    let places = (0..=first).chain([first + 1 + usize::from(squeezes)]);
    Names {
        convolutions: places.map(|place| [0, 1].map(|part| name(&format!("{place}.{part}")))).collect(),
        squeeze: squeezes.then(|| ["fc1", "fc2"].map(|part| name(&format!("{}.{part}", first + 1)))),
    }
}

/// The smallest EfficientNet.
pub fn efficientnet_b0(net: Modules, classes: usize) -> Result<Network, ModelError> {
    efficientnet(net, classes, Activation::Silu, true)
}

/// The smallest EfficientNet-Lite.
pub fn efficientnet_lite0(net: Modules, classes: usize) -> Result<Network, ModelError> {
    efficientnet(net, classes, Activation::Relu6, false)
}
