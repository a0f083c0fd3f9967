//! What the networks have in common.

use super::super::layers::{
    self, Activation, BatchNormalization, Conv2d, Dense, DepthwiseConv2d, Dropout, GlobalAveragePooling2d, Rescaling,
};
use super::super::{Activation as Function, Functional, Layer, ModelError, Network, Value};
use crate::ops::Padding;

/// A network that is being built: each method adds layers to `x`, what was added last.
pub struct Trunk {
    pub net: Functional,
    pub x: Value,
    /// Of every batch normalization.
    normalization: BatchNormalization,
}

impl Trunk {
    /// Begins with bytes as numbers from 0 to 1. Batch normalizations have the `momentum` and `epsilon`.
    pub fn new(input: [usize; 3], momentum: f64, epsilon: f64) -> Result<Self, ModelError> {
        let mut net = Functional::new(input);
        let x = net.apply(Rescaling::new(1.0 / 255.0), [net.input()])?;
        Ok(Self { net, x, normalization: BatchNormalization { momentum, epsilon, ..BatchNormalization::default() } })
    }

    /// Adds a layer.
    pub fn apply(&mut self, layer: impl Into<Layer>) -> Result<(), ModelError> {
        self.x = self.net.apply(layer, [self.x])?;
        Ok(())
    }

    /// Adds a batch normalization.
    pub fn normalize(&mut self) -> Result<(), ModelError> {
        self.apply(self.normalization.clone())
    }

    /// Adds an activation.
    pub fn activate(&mut self, function: Function) -> Result<(), ModelError> {
        self.apply(Activation::new(function))
    }

    /// Adds a convolution without bias and a batch normalization.
    pub fn convolution(&mut self, filters: usize, kernel: usize, stride: usize) -> Result<(), ModelError> {
        let convolution = Conv2d::new(filters, kernel);
        self.apply(Conv2d { strides: [stride; 2], padding: Padding::Same, use_bias: false, ..convolution })?;
        self.normalize()
    }

    /// Channels of what was added last.
    pub fn channels(&self) -> usize {
        self.net.shape(self.x).columns()
    }

    /// Adds an inverted residual (Sandler et al. 2018): channels times `expansion`, a depthwise convolution, and `filters`
    /// channels, with a shortcut where the shape stays.
    pub fn inverted_residual(
        &mut self,
        expansion: usize,
        kernel: usize,
        filters: usize,
        stride: usize,
    ) -> Result<(), ModelError> {
        let (start, channels) = (self.x, self.channels());
        if expansion > 1 {
            self.convolution(expansion * channels, 1, 1)?;
            self.activate(Function::Relu6)?;
        }
        let depthwise = DepthwiseConv2d::new(kernel);
        self.apply(DepthwiseConv2d { strides: [stride; 2], padding: Padding::Same, use_bias: false, ..depthwise })?;
        self.normalize()?;
        self.activate(Function::Relu6)?;
        self.convolution(filters, 1, 1)?;
        if stride == 1 && filters == channels {
            self.x = self.net.apply(layers::Add {}, [start, self.x])?;
        }
        Ok(())
    }

    /// Ends in the mean of each channel, dropout if `rate` is above 0, and the logits of `classes`.
    pub fn end(mut self, rate: f64, classes: usize) -> Result<Network, ModelError> {
        self.apply(GlobalAveragePooling2d::default())?;
        if rate > 0.0 {
            self.apply(Dropout::new(rate))?;
        }
        self.apply(Dense::new(classes))?;
        Ok(self.net.output(self.x))
    }
}
