//! What PyTorch's modules are as layers.

use super::Library;
use crate::model::layers::{
    self, Activation, AveragePooling2d, BatchNormalization, Conv2d, Dense, DepthwiseConv2d, Dropout, Flatten,
    GlobalAveragePooling2d, LayerNormalization, MaxPooling2d, Normalization, PerChannel, ZeroPadding2d,
};
use crate::model::{Activation as Function, Functional, Layer, ModelError, Network, Value};
use crate::ops::Padding;

/// Mean and deviation of the pixels of ImageNet as numbers from 0 to 1: of red, green and blue.
const IMAGENET: [[f64; 3]; 2] = [[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]];

/// The normalization of bytes that networks are trained with on ImageNet. Images without three channels get the mean of
/// its numbers for each.
pub fn imagenet(channels: usize) -> Normalization {
    let [mean, deviation] = IMAGENET.map(|numbers| match channels {
        3 => numbers.to_vec(),
        _ => vec![numbers.iter().sum::<f64>() / 3.0; channels],
    });
    normalization(&mean, &deviation)
}

/// The normalization of bytes by a mean and a deviation of numbers from 0 to 1, for each channel, as PyTorch's programs
/// give them.
pub fn normalization(mean: &[f64], deviation: &[f64]) -> Normalization {
    Normalization {
        mean: PerChannel::Each(mean.iter().map(|mean| mean * 255.0).collect()),
        variance: PerChannel::Each(deviation.iter().map(|deviation| (deviation * 255.0).powi(2)).collect()),
    }
}

/// A network that is being built: each method adds layers to `x`, what was added last. Layers with variables have the
/// names that PyTorch's modules have in a state dict.
pub struct Modules {
    pub net: Functional,
    pub x: Value,
    pub library: Library,
}

impl Modules {
    /// Begins with a normalization of the pixels.
    pub fn new(library: Library, input: [usize; 3], pixels: Normalization) -> Result<Self, ModelError> {
        let mut net = Functional::new(input);
        let x = net.apply(pixels, [net.input()])?;
        Ok(Self { net, x, library })
    }

    /// The name of a module in the library, of those in torchvision and in timm.
    pub fn of<'a>(&self, [torchvision, timm]: [&'a str; 2]) -> &'a str {
        match self.library {
            Library::Torchvision => torchvision,
            Library::Timm => timm,
        }
    }

    /// Adds a layer without variables.
    pub fn apply(&mut self, layer: impl Into<Layer>) -> Result<(), ModelError> {
        self.x = self.net.apply(layer, [self.x])?;
        Ok(())
    }

    /// Adds a layer that is a module with parameters.
    pub fn module(&mut self, name: &str, layer: impl Into<Layer>) -> Result<(), ModelError> {
        self.x = self.net.apply_named(name, layer, [self.x])?;
        Ok(())
    }

    /// Adds a convolution without bias, which PyTorch pads with half the kernel on every side.
    pub fn convolution(&mut self, name: &str, filters: usize, kernel: usize, stride: usize) -> Result<(), ModelError> {
        let padding = self.pad(kernel, stride)?;
        let convolution = Conv2d::new(filters, kernel);
        self.module(name, Conv2d { strides: [stride; 2], padding, use_bias: false, ..convolution })
    }

    /// Adds a depthwise convolution that is padded like [`Modules::convolution`].
    pub fn depthwise(&mut self, name: &str, kernel: usize, stride: usize, use_bias: bool) -> Result<(), ModelError> {
        let padding = self.pad(kernel, stride)?;
        let convolution = DepthwiseConv2d::new(kernel);
        self.module(name, DepthwiseConv2d { strides: [stride; 2], padding, use_bias, ..convolution })
    }

    /// Pads for a kernel of odd size on every side. Where strides are 1, the convolution's own padding is the same.
    fn pad(&mut self, kernel: usize, stride: usize) -> Result<Padding, ModelError> {
        if stride == 1 {
            return Ok(Padding::Same);
        }
        if kernel > 1 {
            self.apply(ZeroPadding2d { padding: [[kernel / 2; 2]; 2] })?;
        }
        Ok(Padding::Valid)
    }

    /// Adds a batch normalization with PyTorch's defaults; PyTorch's momentum is the share that a step adds.
    pub fn normalize(&mut self, name: &str) -> Result<(), ModelError> {
        let normalization = BatchNormalization::default();
        let unbiased_variance = true;
        self.module(name, BatchNormalization { momentum: 0.9, epsilon: 1e-5, unbiased_variance, ..normalization })
    }

    /// Adds a layer normalization.
    pub fn layer_norm(&mut self, name: &str, epsilon: f64) -> Result<(), ModelError> {
        self.module(name, LayerNormalization { epsilon, ..LayerNormalization::default() })
    }

    /// Adds an activation.
    pub fn activate(&mut self, function: Function) -> Result<(), ModelError> {
        self.apply(Activation::new(function))
    }

    /// Adds a max pooling by 3 with stride 2, of what a relu put out: there zeros at the border count as little as no cells.
    pub fn max_pool_after_relu(&mut self) -> Result<(), ModelError> {
        self.apply(ZeroPadding2d { padding: [[1; 2]; 2] })?;
        self.apply(MaxPooling2d { pool_size: [3; 2], strides: Some([2; 2]), padding: Padding::Valid })
    }

    /// Adds the sum with `start`, of which a whole image loses the other summand in training with probability `drop`.
    pub fn add_to(&mut self, start: Value, drop: f64) -> Result<(), ModelError> {
        if drop > 0.0 {
            self.apply(Dropout { rate: drop, noise_shape: Some(vec![1; 3]) })?;
        }
        self.x = self.net.apply(layers::Add {}, [start, self.x])?;
        Ok(())
    }

    /// Adds dropout where the library has it: networks of timm have none unless they are told to.
    pub fn dropout(&mut self, rate: f64) -> Result<(), ModelError> {
        if self.library == Library::Torchvision { self.apply(Dropout::new(rate)) } else { Ok(()) }
    }

    /// Rate of dropping whole images, which networks of timm don't do unless they are told to.
    pub fn drop_rate(&self, rate: f64) -> f64 {
        if self.library == Library::Torchvision { rate } else { 0.0 }
    }

    /// Channels of what was added last.
    pub fn channels(&self) -> usize {
        self.net.shape(self.x).columns()
    }

    /// Adds the mean of each channel.
    pub fn mean(&mut self) -> Result<(), ModelError> {
        self.apply(GlobalAveragePooling2d::default())
    }

    /// Adds a row of all elements, of maps that are brought to `grid`, height and width, as `AdaptiveAvgPool2d` does it: by
    /// pooling where windows of one size and distance do it, else not at all. Then the next dense layer takes the map as it
    /// is.
    pub fn flatten_pooled(&mut self, grid: usize) -> Result<(), ModelError> {
        let map = self.net.shape(self.x);
        let windows = map.dims().iter().take(2).map(|size| windows(*size, grid)).collect::<Option<Vec<_>>>();
        if let Some([y, x]) = windows.as_deref()
            && [*y, *x] != [[1; 2]; 2]
        {
            let (pool_size, strides) = ([y[0], x[0]], Some([y[1], x[1]]));
            self.apply(AveragePooling2d { pool_size, strides, padding: Padding::Valid })?;
        }
        self.apply(Flatten {})
    }

    /// Ends in the logits of `classes`.
    pub fn end(mut self, name: &str, classes: usize) -> Result<Network, ModelError> {
        self.module(name, Dense::new(classes))?;
        Ok(self.net.output(self.x))
    }
}

/// Size and distance of the windows by which an adaptive pooling brings `size` cells to `grid`; none where they differ.
fn windows(size: usize, grid: usize) -> Option<[usize; 2]> {
    let starts: Vec<usize> = (0..grid).map(|place| place * size / grid).collect();
    let window = size.div_ceil(grid);
    let stride = starts.get(1).copied().unwrap_or(1);
    let same = |(place, start): (usize, &usize)| {
        *start == place * stride && ((place + 1) * size).div_ceil(grid) - start == window
    };
    (size >= grid && starts.iter().enumerate().all(same)).then_some([window, stride])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adaptive_poolings_have_equal_windows_at_some_sizes_only() {
        for (size, wanted) in [
            (7, Some([1, 1])),
            (8, Some([2, 1])),
            (14, Some([2, 2])),
            (21, Some([3, 3])),
            (3, None),
            (6, None),
            (9, None),
            (10, None),
        ] {
            assert_eq!(windows(size, 7), wanted, "{size}");
        }
    }
}
