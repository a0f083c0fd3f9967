//! Inverted residuals (Sandler et al. 2018), which several networks consist of.

use super::modules::Modules;
use crate::model::layers::{Conv2d, GlobalAveragePooling2d, Multiply};
use crate::model::{Activation, ModelError};

/// A stage: expansion, kernel, stride of the first block, filters and blocks.
pub type Stage = [usize; 5];

/// The names of a block's modules.
pub struct Names {
    /// Of the convolutions that expand, work depthwise and project, and of their normalizations. Without expansion the first
    /// pair is not there.
    pub convolutions: Vec<[String; 2]>,
    /// Of the convolutions of squeeze and excitation, where the block has them.
    pub squeeze: Option<[String; 2]>,
}

impl Names {
    /// Those in timm.
    pub fn timm(stage: usize, block: usize, expands: bool, squeezes: bool) -> Self {
        let convolutions: &[&str] = if expands { &["conv_pw", "conv_dw", "conv_pwl"] } else { &["conv_dw", "conv_pw"] };
        let name = |name: &str| format!("blocks.{stage}.{block}.{name}");
        let pair = |(place, convolution): (usize, &&str)| [name(convolution), name(&format!("bn{}", place + 1))];
        Self {
            convolutions: convolutions.iter().enumerate().map(pair).collect(),
            squeeze: squeezes.then(|| ["se.conv_reduce", "se.conv_expand"].map(name)),
        }
    }
}

/// A block.
pub struct InvertedResidual {
    pub expansion: usize,
    pub kernel: usize,
    pub stride: usize,
    pub filters: usize,
    pub activation: Activation,
    /// Probability that an image keeps only the shortcut in training.
    pub drop: f64,
}

impl InvertedResidual {
    /// Adds the block: channels times the expansion, a depthwise convolution, squeeze and excitation, and the filters, with
    /// a shortcut where the shape stays.
    pub fn add_to(&self, net: &mut Modules, names: &Names) -> Result<(), ModelError> {
        let (start, channels) = (net.x, net.channels());
        let mut left = names.convolutions.iter();
        let mut next = || left.next().cloned().unwrap_or_default();
        if self.expansion > 1 {
            let [convolution, normalization] = next();
            net.convolution(&convolution, self.expansion * channels, 1, 1)?;
            net.normalize(&normalization)?;
            net.activate(self.activation)?;
        }
        let [convolution, normalization] = next();
        net.depthwise(&convolution, self.kernel, self.stride, false)?;
        net.normalize(&normalization)?;
        net.activate(self.activation)?;
        if let Some(names) = &names.squeeze {
            self.squeeze(net, names, (channels / 4).max(1))?;
        }
        let [convolution, normalization] = next();
        net.convolution(&convolution, self.filters, 1, 1)?;
        net.normalize(&normalization)?;
        if self.stride == 1 && self.filters == channels {
            net.add_to(start, self.drop)?;
        }
        Ok(())
    }

    /// Adds squeeze and excitation (Hu et al. 2018) through `squeezed` channels.
    fn squeeze(&self, net: &mut Modules, [reduce, expand]: &[String; 2], squeezed: usize) -> Result<(), ModelError> {
        let (images, channels) = (net.x, net.channels());
        net.apply(GlobalAveragePooling2d { keepdims: true })?;
        net.module(reduce, Conv2d::new(squeezed, 1))?;
        net.activate(self.activation)?;
        net.module(expand, Conv2d::new(channels, 1))?;
        net.activate(Activation::Sigmoid)?;
        net.x = net.net.apply(Multiply {}, [images, net.x])?;
        Ok(())
    }
}
