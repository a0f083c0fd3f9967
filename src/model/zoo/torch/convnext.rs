//! ConvNeXt (Liu et al. 2022).

use super::modules::Modules;
use crate::model::layers::{Conv2d, Dense, LayerScale};
use crate::model::{Activation, ModelError, Network};

/// Of every layer normalization.
const EPSILON: f64 = 1e-6;

/// Filters and blocks of the stages of the smallest network.
const TINY: [[usize; 2]; 4] = [[96, 3], [192, 3], [384, 9], [768, 3]];

/// Adds a convolution whose windows don't overlap.
fn patches(net: &mut Modules, name: &str, filters: usize, size: usize) -> Result<(), ModelError> {
    net.module(name, Conv2d { strides: [size; 2], ..Conv2d::new(filters, size) })
}

/// Adds a block: a depthwise convolution, and a network of two layers for each pixel.
fn block(net: &mut Modules, names: [&str; 5], drop: f64) -> Result<(), ModelError> {
    let (start, channels) = (net.x, net.channels());
    let [depthwise, normalization, first, second, scale] = names;
    net.depthwise(depthwise, 7, 1, true)?;
    net.layer_norm(normalization, EPSILON)?;
    net.module(first, Dense::new(4 * channels))?;
    net.activate(Activation::Gelu)?;
    net.module(second, Dense::new(channels))?;
    net.module(scale, LayerScale::default())?;
    net.add_to(start, drop)
}

/// Names of the modules of a block.
const BLOCK: [[&str; 2]; 5] = [
    ["block.0", "conv_dw"],
    ["block.2", "norm"],
    ["block.3", "mlp.fc1"],
    ["block.5", "mlp.fc2"],
    ["layer_scale", "gamma"],
];

/// The smallest network.
pub fn convnext_tiny(mut net: Modules, classes: usize) -> Result<Network, ModelError> {
    let total: usize = TINY.iter().map(|[_, blocks]| blocks).sum();
    let mut place = 0;
    for (stage, [filters, blocks]) in TINY.into_iter().enumerate() {
        if stage == 0 {
            let name = net.of(["features.0.0", "stem.0"]);
            patches(&mut net, name, filters, 4)?;
            net.layer_norm(net.of(["features.0.1", "stem.1"]), EPSILON)?;
        } else {
            // In torchvision, what lies between stages counts among them.
            let [torchvision, timm] = [format!("features.{}", 2 * stage), format!("stages.{stage}.downsample")];
            let name = net.of([&torchvision, &timm]).to_owned();
            net.layer_norm(&format!("{name}.0"), EPSILON)?;
            patches(&mut net, &format!("{name}.1"), filters, 2)?;
        }
        for number in 0..blocks {
            let torchvision = format!("features.{}.{number}", 2 * stage + 1);
            let timm = format!("stages.{stage}.blocks.{number}");
            let name = net.of([&torchvision, &timm]).to_owned();
            let names = BLOCK.map(|names| format!("{name}.{}", net.of(names)));
            let drop = net.drop_rate(0.1 * place as f64 / (total - 1) as f64);
            block(&mut net, names.each_ref().map(String::as_str), drop)?;
            place += 1;
        }
    }
    net.mean()?;
    net.layer_norm(net.of(["classifier.0", "head.norm"]), EPSILON)?;
    let name = net.of(["classifier.2", "head.fc"]);
    net.end(name, classes)
}
