//! MobileNetV2 (Sandler et al. 2018).

use super::Library;
use super::inverted_residual::{InvertedResidual, Names, Stage};
use super::modules::Modules;
use crate::model::{Activation, ModelError, Network};

const STAGES: [Stage; 7] = [
    [1, 3, 1, 16, 1],
    [6, 3, 2, 24, 2],
    [6, 3, 2, 32, 3],
    [6, 3, 2, 64, 4],
    [6, 3, 1, 96, 3],
    [6, 3, 2, 160, 3],
    [6, 3, 1, 320, 1],
];

/// The network.
pub fn mobilenet_v2(mut net: Modules, classes: usize) -> Result<Network, ModelError> {
    let activation = Activation::Relu6;
    net.convolution(net.of(["features.0.0", "conv_stem"]), 32, 3, 2)?;
    net.normalize(net.of(["features.0.1", "bn1"]))?;
    net.activate(activation)?;
    let mut place = 0;
    for (stage, [expansion, kernel, stride, filters, blocks]) in STAGES.into_iter().enumerate() {
        for block in 0..blocks {
            place += 1;
            let names = match net.library {
                Library::Torchvision => torchvision(place, expansion > 1),
                Library::Timm => Names::timm(stage, block, expansion > 1, false),
            };
            let stride = if block == 0 { stride } else { 1 };
            InvertedResidual { expansion, kernel, stride, filters, activation, drop: 0.0 }.add_to(&mut net, &names)?;
        }
    }
    net.convolution(net.of(["features.18.0", "conv_head"]), 1280, 1, 1)?;
    net.normalize(net.of(["features.18.1", "bn2"]))?;
    net.activate(activation)?;
    net.mean()?;
    net.dropout(0.2)?;
    let name = net.of(["classifier.1", "classifier"]);
    net.end(name, classes)
}

/// Names of a block's modules. Each convolution but the last is in a sequence with its normalization and activation.
fn torchvision(place: usize, expands: bool) -> Names {
    let name = |name: &str| format!("features.{place}.conv.{name}");
    let pairs: &[[&str; 2]] =
        if expands { &[["0.0", "0.1"], ["1.0", "1.1"], ["2", "3"]] } else { &[["0.0", "0.1"], ["1", "2"]] };
    Names { convolutions: pairs.iter().map(|pair| pair.map(name)).collect(), squeeze: None }
}
