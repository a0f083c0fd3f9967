//! VGG (Simonyan & Zisserman 2014) without batch normalization.

use super::Library;
use super::modules::Modules;
use crate::model::layers::{Conv2d, Dense, MaxPooling2d};
use crate::model::{Activation, ModelError, Network};
use crate::ops::Padding;

/// Height and width of the maps that the first dense layer takes.
pub const GRID: usize = 7;

/// Filters of the stages.
const FILTERS: [usize; 5] = [64, 128, 256, 512, 512];

/// Names of the dense layers before the last one.
const HIDDEN: [[&str; 2]; 2] = [["classifier.0", "pre_logits.fc1"], ["classifier.3", "pre_logits.fc2"]];

/// A network with so many convolutions in its stages.
fn vgg(mut net: Modules, classes: usize, convolutions: [usize; 5]) -> Result<Network, ModelError> {
    // Activations and poolings count among the modules.
    let mut number = 0;
    for (filters, convolutions) in FILTERS.into_iter().zip(convolutions) {
        for _ in 0..convolutions {
            let convolution = Conv2d { padding: Padding::Same, ..Conv2d::new(filters, 3) };
            net.module(&format!("features.{number}"), convolution)?;
            net.activate(Activation::Relu)?;
            number += 2;
        }
        net.apply(MaxPooling2d::new(2))?;
        number += 1;
    }
    let is_larger = net.net.shape(net.x).dims().iter().take(2).any(|size| *size > GRID);
    if net.library == Library::Timm && is_larger {
        // The first dense layer moves over the map, and the mean of its places is taken.
        for ([_, name], kernel) in HIDDEN.into_iter().zip([GRID, 1]) {
            net.module(name, Conv2d::new(4096, kernel))?;
            net.activate(Activation::Relu)?;
        }
        net.mean()?;
    } else {
        net.flatten_pooled(GRID)?;
        for name in HIDDEN {
            net.module(net.of(name), Dense::new(4096))?;
            net.activate(Activation::Relu)?;
            net.dropout(0.5)?;
        }
    }
    let name = net.of(["classifier.6", "head.fc"]);
    net.end(name, classes)
}

/// The network of 11 layers, configuration A.
pub fn vgg11(net: Modules, classes: usize) -> Result<Network, ModelError> {
    vgg(net, classes, [1, 1, 2, 2, 2])
}

/// The network of 16 layers, configuration D.
pub fn vgg16(net: Modules, classes: usize) -> Result<Network, ModelError> {
    vgg(net, classes, [2, 2, 3, 3, 3])
}
