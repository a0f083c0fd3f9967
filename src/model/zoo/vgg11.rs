//! VGG with 11 layers (Simonyan & Zisserman 2014, configuration A).

use super::super::layers::Conv2d;
use super::super::{Activation, ModelError, Network, Sequential};
use crate::ops::Padding;

/// The network. Its dense layers are as large as the images make them: images of 224 x 224 give 132,863,336 parameters with
/// 1,000 classes.
pub fn vgg11(input: [usize; 3], classes: usize) -> Result<Network, ModelError> {
    let mut net = Sequential::new(input).rescaling(1.0 / 255.0);
    for stage in [&[64][..], &[128], &[256, 256], &[512, 512], &[512, 512]] {
        for filters in stage {
            net = net.layer(Conv2d { padding: Padding::Same, ..Conv2d::new(*filters, 3) }).relu();
        }
        net = net.max_pool2d(2);
    }
    let hidden = |net: Sequential| net.dense(4096).activation(Activation::Relu).dropout(0.5);
    let net = hidden(hidden(net.flatten())).dense(classes);
    net.infer()?;
    Ok(net.into())
}
