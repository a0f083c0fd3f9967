//! Errors of networks that cannot be built.

use thiserror::Error;

use crate::graph::GraphError;
use crate::shape::Shape;

/// A network that cannot be built.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ModelError {
    /// A layer cannot take the output of the layer before it.
    #[error("layer `{layer}` needs {wanted}, but its input is {input}")]
    Input {
        /// The layer.
        layer: String,
        /// The input that it can take.
        wanted: &'static str,
        /// Shape of its input, without the batch.
        input: Shape,
    },
    /// A window or kernel is larger than its image.
    #[error("layer `{layer}` has a window of {window}, larger than its input {input}")]
    Window {
        /// The layer.
        layer: String,
        /// The window.
        window: Shape,
        /// Shape of its input, without the batch.
        input: Shape,
    },
    /// A size is 0.
    #[error("layer `{layer}` has a size of 0; sizes start at 1")]
    Zero {
        /// The layer.
        layer: String,
    },
    /// A layer has more elements or arithmetic than a device can hold or compute.
    #[error("layer `{layer}` has more than {most} {what}; make it smaller")]
    TooLarge {
        /// The layer.
        layer: String,
        /// The most that are allowed.
        most: usize,
        /// The things that it has too many of.
        what: &'static str,
    },
    /// The network has more layers than it may have.
    #[error("the network has more than {0} layers; remove some")]
    Depth(usize),
    /// The rate of dropout is not a share, or would leave no element.
    #[error("layer `{layer}` has a rate of {rate}; a rate is at least 0 and less than 1")]
    Rate {
        /// The layer.
        layer: String,
        /// Its rate.
        rate: f64,
    },
    /// Two layers have the same name.
    #[error("two layers are called `{layer}`; give one of them another name")]
    SameName {
        /// The name.
        layer: String,
    },
    /// A layer was named that the network does not have.
    #[error("the network has no layer `{layer}`; its layers with weights are {layers}")]
    NoLayer {
        /// The name.
        layer: String,
        /// The layers that it has.
        layers: String,
    },
    /// Softmax is not in the last layer.
    #[error("layer `{layer}` has softmax, but other layers follow it; only the last layer may have softmax")]
    Softmax {
        /// The layer.
        layer: String,
    },
    /// An augmentation would leave nothing of an image.
    #[error("{what} of {pixels} pixels is too much for images of {} x {} pixels; give fewer than the shorter side has", image[0], image[1])]
    Augmentation {
        /// `crop` or `cutout`.
        what: &'static str,
        /// Its size.
        pixels: usize,
        /// Height and width of an image.
        image: [usize; 2],
    },
    /// Label smoothing would leave nothing of the labels, or is not a share.
    #[error("label smoothing is {0}; it is at least 0 and less than 1")]
    Smoothing(f64),
    /// The batch size is 0.
    #[error("the batch size is 0; give 1 or more")]
    Batch,
    /// The network does not end in one row of outputs for each image.
    #[error("the network ends in {0}; it must end in [classes], so add `flatten` and `dense`")]
    Output(Shape),
    /// The data do not fit the network.
    #[error("the network is for {wanted}, but the data set has {found}")]
    Data {
        /// Images or classes that the network is for.
        wanted: String,
        /// Images or classes that the data have.
        found: String,
    },
    /// A model file cannot be read.
    #[error("{0}")]
    File(String),
    /// A graph that can't have the network's operations.
    #[error(transparent)]
    Graph(#[from] GraphError),
}
