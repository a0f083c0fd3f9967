//! Networks that can't be built.

use thiserror::Error;

use crate::graph::GraphError;
use crate::shape::Shape;

/// A network that can't be built.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ModelError {
    /// A layer after one whose output it can't take.
    #[error("layer `{layer}` wants {wanted}, but its input is {input}")]
    Input {
        /// The layer.
        layer: String,
        /// What it takes.
        wanted: &'static str,
        /// Shape of its input, without the batch.
        input: Shape,
    },
    /// A window or kernel larger than its image.
    #[error("layer `{layer}` has a window of {window}, larger than its input {input}")]
    Window {
        /// The layer.
        layer: String,
        /// The window.
        window: Shape,
        /// Shape of its input, without the batch.
        input: Shape,
    },
    /// A size of nothing.
    #[error("layer `{layer}` has a size of 0; sizes start at 1")]
    Zero {
        /// The layer.
        layer: String,
    },
    /// More than a device can hold or compute.
    #[error("layer `{layer}` has more than {most} {what}; make it smaller")]
    TooLarge {
        /// The layer.
        layer: String,
        /// Most of them.
        most: usize,
        /// What it has too many of.
        what: &'static str,
    },
    /// More layers than a network may have.
    #[error("the network has more than {0} layers; leave some out")]
    Depth(usize),
    /// A share that no element could survive, or none.
    #[error("layer `{layer}` has a rate of {rate}; it starts at 0 and stays below 1")]
    Rate {
        /// The layer.
        layer: String,
        /// Its rate.
        rate: f64,
    },
    /// Two layers of one name.
    #[error("two layers are called `{layer}`; give one of them another name")]
    SameName {
        /// The name.
        layer: String,
    },
    /// A layer that is named but isn't there.
    #[error("the network has no layer `{layer}`; it has {layers}")]
    NoLayer {
        /// The name.
        layer: String,
        /// Those it has.
        layers: String,
    },
    /// Softmax before the last layer.
    #[error("layer `{layer}` has softmax, but other layers follow; it goes with the last layer only")]
    Softmax {
        /// The layer.
        layer: String,
    },
    /// An augmentation that leaves nothing of an image.
    #[error("{what} of {pixels} pixels is too much for images of {} x {} pixels; give fewer than the shorter side has", image[0], image[1])]
    Augmentation {
        /// `crop` or `cutout`.
        what: &'static str,
        /// Its size.
        pixels: usize,
        /// Height and width of an image.
        image: [usize; 2],
    },
    /// A share of label smoothing that leaves nothing of the labels.
    #[error("label smoothing is {0}; it starts at 0 and stays below 1")]
    Smoothing(f64),
    /// No rows to train on.
    #[error("the batch size is 0; it starts at 1")]
    Batch,
    /// The network does not end in one row of logits an image.
    #[error("the network ends in {0}; it must end in [classes], so add `flatten` and `dense`")]
    Output(Shape),
    /// The data are not what the network was made for.
    #[error("the network is for {wanted}, but the data set has {found}")]
    Data {
        /// Images or classes of the network.
        wanted: String,
        /// Those of the data.
        found: String,
    },
    /// A model file that can't be read.
    #[error("{0}")]
    File(String),
    /// A graph that can't have the network's operations.
    #[error(transparent)]
    Graph(#[from] GraphError),
}
