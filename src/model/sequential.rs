//! Networks whose layers follow each other in a row.

use std::ops::Deref;

use super::layers::{
    AveragePooling2d, Conv2d, Dense, Dropout, Flatten, GlobalAveragePooling2d, MaxPooling2d, Rescaling,
};
use super::{Activation, Layer, ModelError, Network, layers};
use crate::graph::Regularizer;
use crate::ops::Padding;

/// Builds a [`Network`] whose layers follow each other in a row. Its methods append a layer, as in Keras's `Sequential`:
///
/// ```
/// let model = wgrad::model::Sequential::new([32, 32, 3])
///     .rescaling(1.0 / 255.0)
///     .conv2d(32, 3).relu()
///     .max_pool2d(2)
///     .flatten()
///     .dense(10);
/// assert_eq!(model.summary()?.last().unwrap().parameters, 72_010);
/// # Ok::<(), wgrad::model::ModelError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Sequential(Network);

impl Deref for Sequential {
    type Target = Network;

    fn deref(&self) -> &Network {
        &self.0
    }
}

impl From<Sequential> for Network {
    fn from(sequential: Sequential) -> Self {
        sequential.0
    }
}

impl Sequential {
    /// An empty network for images `[h, w, c]`.
    pub fn new(input: [usize; 3]) -> Self {
        Self(Network::new(input))
    }

    /// The network of TensorFlow's tutorial "Convolutional Neural Network (CNN)": 122,570 parameters for
    /// `[32, 32, 3]` and 10 classes.
    pub fn tutorial(input: [usize; 3], classes: usize) -> Self {
        Self::new(input)
            .rescaling(1.0 / 255.0)
            .conv2d(32, 3)
            .relu()
            .max_pool2d(2)
            .conv2d(64, 3)
            .relu()
            .max_pool2d(2)
            .conv2d(64, 3)
            .relu()
            .flatten()
            .dense(64)
            .relu()
            .dense(classes)
    }

    /// Appends any layer.
    pub fn layer(mut self, layer: impl Into<Layer>) -> Self {
        self.0.push_last(layer.into());
        self
    }

    /// Appends a multiplication by `scale`. Images have bytes from 0 to 255, so that networks often begin with 1/255.
    pub fn rescaling(self, scale: f64) -> Self {
        self.layer(Rescaling::new(scale))
    }

    /// Appends a convolution by a square kernel, stride 1, without padding, with bias.
    pub fn conv2d(self, filters: usize, kernel: usize) -> Self {
        self.conv2d_with(filters, [kernel; 2], [1; 2], Padding::Valid)
    }

    /// Appends a convolution with every option.
    pub fn conv2d_with(self, filters: usize, kernel: [usize; 2], stride: [usize; 2], padding: Padding) -> Self {
        self.layer(Conv2d { kernel_size: kernel, strides: stride, padding, ..Conv2d::new(filters, 1) })
    }

    /// Appends max pooling by a square window, whose stride is its width.
    pub fn max_pool2d(self, window: usize) -> Self {
        self.layer(MaxPooling2d::new(window))
    }

    /// Appends max pooling with every option.
    pub fn max_pool2d_with(self, window: [usize; 2], stride: [usize; 2]) -> Self {
        self.layer(MaxPooling2d { pool_size: window, strides: Some(stride), padding: Padding::Valid })
    }

    /// Appends average pooling by a square window, whose stride is its width.
    pub fn average_pool2d(self, window: usize) -> Self {
        self.layer(AveragePooling2d::new(window))
    }

    /// Appends the mean of each channel.
    pub fn global_average_pool2d(self) -> Self {
        self.layer(GlobalAveragePooling2d::default())
    }

    /// Appends dropout, which sets the share `rate` of the elements to 0 in training.
    pub fn dropout(self, rate: f64) -> Self {
        self.layer(Dropout::new(rate))
    }

    /// Appends a layer that makes a row of each image.
    pub fn flatten(self) -> Self {
        self.layer(Flatten {})
    }

    /// Appends a fully connected layer with bias.
    pub fn dense(self, units: usize) -> Self {
        self.layer(Dense::new(units))
    }

    /// Appends a relu, as [`Sequential::activation`] does.
    pub fn relu(self) -> Self {
        self.activation(Activation::Relu)
    }

    /// Appends an activation. A convolution or dense layer without an activation right before it takes it as its own; else
    /// it becomes a layer.
    pub fn activation(mut self, new: Activation) -> Self {
        match self.0.last_mut().map(|node| &mut node.layer) {
            Some(layer @ (Layer::Conv2d(_) | Layer::Dense(_))) if layer.activation() == Activation::Linear => {
                layer.set_activation(new);
                self
            }
            _ => self.layer(layers::Activation::new(new)),
        }
    }

    /// Gives the kernel of the last layer a penalty; layers without a kernel stay as they are.
    pub fn kernel_regularizer(mut self, regularizer: Regularizer) -> Self {
        if let Some(node) = self.0.last_mut() {
            node.layer.set_kernel_regularizer(regularizer);
        }
        self
    }

    /// Names the last layer.
    pub fn named(mut self, name: &str) -> Self {
        if let Some(node) = self.0.last_mut() {
            node.name = name.into();
        }
        self
    }

    /// Appends the layers of `other`, which take the output of this network.
    pub fn append(mut self, other: Self) -> Self {
        self.0.append(other.0);
        self
    }

    /// [`Network::freeze`]
    ///
    /// # Errors
    /// No layer has one of the names.
    pub fn freeze(self, layers: &[String]) -> Result<Self, ModelError> {
        self.0.freeze(layers).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_count_as_keras_counts() {
        let model = Sequential::tutorial([32, 32, 3], 10).append(Sequential::new([1, 1, 10]).flatten().dense(128));
        let names: Vec<String> = model.nodes().iter().map(|node| node.name.clone()).collect();
        assert_eq!(names[..4], ["rescaling", "conv2d", "max_pooling2d", "conv2d_1"]);
        assert_eq!(names[7..], ["dense", "dense_1", "flatten_1", "dense_2"]);
        let named = Sequential(Network::from_toml(&model.to_toml().unwrap(), None).unwrap()).dense(3);
        assert_eq!(named.nodes().last().unwrap().name, "dense_3");
    }

    #[test]
    fn bad_networks_are_refused() {
        let model = || Sequential::new([8, 8, 1]).flatten();
        let error = model().dense(3).named("a").dense(3).named("a").summary().unwrap_err();
        assert_eq!(error, ModelError::SameName { layer: "a".into() });
        let error = model().dense(3).freeze(&["dense_1".into()]).unwrap_err();
        assert_eq!(error, ModelError::NoLayer { layer: "dense_1".into(), layers: "dense".into() });
        assert_eq!(Sequential::new([8, 8, 1]).classes().unwrap_err(), ModelError::Output([8, 8, 1].into()));
    }
}
