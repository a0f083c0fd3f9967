//! Residual networks (He et al. 2015).

use super::super::layers::{Add, Conv2d, MaxPooling2d, ZeroPadding2d};
use super::super::{Activation, ModelError, Network};
use super::blocks::Trunk;
use crate::ops::Padding;

/// Share of the moving averages that a step keeps.
const MOMENTUM: f64 = 0.9;
const EPSILON: f64 = 1e-5;

/// Two convolutions of 3 x 3 with a shortcut, which is a convolution of 1 x 1 where the shape changes.
fn block(net: &mut Trunk, filters: usize, stride: usize) -> Result<(), ModelError> {
    let start = net.x;
    let changes = stride > 1 || net.channels() != filters;
    net.convolution(filters, 3, stride)?;
    net.activate(Activation::Relu)?;
    net.convolution(filters, 3, 1)?;
    let end = net.x;
    net.x = start;
    if changes {
        net.convolution(filters, 1, stride)?;
    }
    net.x = net.net.apply(Add {}, [end, net.x])?;
    net.activate(Activation::Relu)
}

/// Blocks of each of `stages`, whose images are half as high and wide from one stage to the next.
fn stages(net: &mut Trunk, stages: &[usize], blocks: usize) -> Result<(), ModelError> {
    for (stage, filters) in stages.iter().enumerate() {
        for place in 0..blocks {
            let stride = if stage > 0 && place == 0 { 2 } else { 1 };
            block(net, *filters, stride)?;
        }
    }
    Ok(())
}

/// The network of 20 layers for CIFAR-10, with projections in the shortcuts (option B): 272,474 trained parameters.
pub fn resnet20(input: [usize; 3], classes: usize) -> Result<Network, ModelError> {
    let mut net = Trunk::new(input, MOMENTUM, EPSILON)?;
    net.convolution(16, 3, 1)?;
    net.activate(Activation::Relu)?;
    stages(&mut net, &[16, 32, 64], 3)?;
    net.end(0.0, classes)
}

/// The network of 18 layers for ImageNet.
pub fn resnet18(input: [usize; 3], classes: usize) -> Result<Network, ModelError> {
    let mut net = Trunk::new(input, MOMENTUM, EPSILON)?;
    net.apply(ZeroPadding2d { padding: [[3; 2]; 2] })?;
    net.apply(Conv2d { strides: [2; 2], use_bias: false, ..Conv2d::new(64, 7) })?;
    net.normalize()?;
    net.activate(Activation::Relu)?;
    // Zeros count as little as no cells, since relu put out nothing below.
    net.apply(ZeroPadding2d { padding: [[1; 2]; 2] })?;
    net.apply(MaxPooling2d { pool_size: [3; 2], strides: Some([2; 2]), padding: Padding::Valid })?;
    stages(&mut net, &[64, 128, 256, 512], 2)?;
    net.end(0.0, classes)
}
