//! Errors of networks that cannot be built.

use thiserror::Error;

use crate::graph::GraphError;
use crate::shape::Shape;

/// What is wrong with a layer, for the inputs that it has.
#[derive(Clone, Debug, PartialEq)]
pub enum LayerError {
    /// It does not have one input.
    One,
    /// It has less than two inputs.
    Several,
    /// Its one input is not this.
    Input(&'static str),
    /// Its inputs have different ones of these.
    Differ(&'static str),
    /// A window or kernel `[h, w]` is larger than its image.
    Window([usize; 2]),
    /// A size is 0.
    Zero,
    /// The input does not have the elements of this shape.
    Reshape(Vec<i64>),
    /// An option has another number of numbers than there are channels.
    Channels {
        /// The option.
        option: &'static str,
        /// How many numbers it has.
        numbers: usize,
    },
    /// An option has a number that makes no sense.
    Number {
        /// The option.
        option: &'static str,
        /// The number.
        number: f64,
        /// What it may be.
        allowed: &'static str,
    },
    /// An option has more numbers that may differ between channels than there can be.
    LongList {
        /// The option.
        option: &'static str,
        /// The most numbers.
        most: usize,
    },
    /// The input's channels can't be divided into so many groups.
    Groups(i64),
    /// The input's channels and the filters of a convolution can't both be divided into so many groups.
    FilterGroups {
        /// The groups.
        groups: usize,
        /// The filters.
        filters: usize,
    },
    /// Neither the strides nor the dilation of a convolution are 1.
    StridesApart {
        /// `[y, x]`
        strides: [usize; 2],
        /// `[y, x]`
        dilation: [usize; 2],
    },
    /// The axes that share their weights are neither none nor those of the pixels of an image.
    SharedAxes(Vec<usize>),
    /// No output of a transposed convolution has as many windows as the input has pixels.
    OutputPadding([usize; 2]),
    /// These borders `[[top, bottom], [left, right]]` leave nothing of the image.
    Cropped([[usize; 2]; 2]),
    /// The noise of dropout is drawn neither for each image nor for each of its channels.
    Noise(Vec<usize>),
    /// The rate of dropout is not a share, or would leave no element.
    Rate(f64),
}

impl LayerError {
    /// The words behind `layer NAME`, with the names and shapes of its inputs.
    fn of(&self, inputs: &[(String, Shape)]) -> String {
        let list: Vec<String> = inputs.iter().map(|(name, shape)| format!("`{name}` {shape}")).collect();
        let list = match &list[..] {
            [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
            _ => list.concat(),
        };
        let has = match inputs.len() {
            0 => "has none".into(),
            1 => format!("has only {list}"),
            count => format!("has {count}: {list}"),
        };
        match self {
            Self::One => format!(" takes one input, but {has}"),
            Self::Several => format!(" takes at least two inputs, but {has}"),
            Self::Input(wanted) => format!(" needs {wanted}, but its input is {list}"),
            Self::Differ(what) => format!(": its inputs {list} have different {what}"),
            Self::Window(window) => format!(" has a window of {window:?}, larger than its input {list}"),
            Self::Zero => " has a size of 0; sizes start at 1".into(),
            Self::Reshape(shape) => format!(" can't make {shape:?} of its input {list}"),
            Self::Channels { option, numbers } => format!(
                ": `{option}` has {numbers} numbers; give one number, or one for each channel of its input {list}"
            ),
            Self::Number { option, number, allowed } => {
                format!(": `{option}` can't be {number}; give a number that is {allowed}")
            }
            Self::LongList { option, most } => {
                format!(": `{option}` has more than {most} numbers; give one number for all channels")
            }
            Self::Groups(groups) => format!(
                " has {groups} groups; give a number that divides the channels of its input {list}, or -1 for a group of \
                 each channel"
            ),
            Self::Noise(shape) => format!(
                ": `noise_shape` can't be {shape:?}; leave it out, or give a 1 for each size of its input {list}, of which \
                 the last may be the channels"
            ),
            Self::FilterGroups { groups, filters } => format!(
                " has {groups} groups; give a number that divides its {filters} filters and the channels of its input {list}"
            ),
            Self::StridesApart { strides, dilation } => {
                format!(" has `strides` {strides:?} and `dilation_rate` {dilation:?}; one of them must be 1")
            }
            Self::SharedAxes(axes) => format!(
                ": `shared_axes` can't be {axes:?}; leave it out, or give [1, 2] for an image, but its input is {list}"
            ),
            Self::OutputPadding(padding) => format!(
                ": `output_padding` {padding:?} does not fit its kernel and strides; leave it out, or give less than the \
                 strides"
            ),
            Self::Cropped(sides) => format!(" crops {sides:?}, which leaves nothing of its input {list}"),
            Self::Rate(rate) => format!(" has a rate of {rate}; a rate is at least 0 and less than 1"),
        }
    }
}

/// A network that cannot be built.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ModelError {
    /// A layer does not fit its inputs, or its options make no sense.
    #[error("layer `{layer}`{}", error.of(inputs))]
    Layer {
        /// The layer.
        layer: String,
        /// Names and shapes of what it reads, without the batch.
        inputs: Vec<(String, Shape)>,
        /// What is wrong.
        error: LayerError,
    },
    /// Images are too large.
    #[error("images of {image} have more than {most} elements")]
    Image {
        /// Shape of an image.
        image: Shape,
        /// The most elements that it may have.
        most: usize,
    },
    /// A layer has more elements or arithmetic than a device can hold or compute.
    #[error("layer `{layer}` has more than {most} {what}; make it smaller")]
    TooLarge {
        /// The layer.
        layer: String,
        /// The most that are allowed.
        most: u64,
        /// The things that it has too many of.
        what: &'static str,
    },
    /// The network has more layers than it may have.
    #[error("the network has more than {0} layers; remove some")]
    Depth(usize),
    /// The layers read more than they may.
    #[error("the layers of the network have more than {0} inputs together; remove some")]
    Connections(usize),
    /// A layer uses the weights of a layer that does not stand before it.
    #[error("layer `{layer}` uses the weights of `{owner}`, but no layer before it is called so")]
    NoWeights {
        /// The layer.
        layer: String,
        /// The name of the other.
        owner: String,
    },
    /// A layer can't use the weights of another.
    #[error("layer `{layer}` can't use the weights of `{owner}`: {why}")]
    Shared {
        /// The layer.
        layer: String,
        /// The layer that has the weights.
        owner: String,
        /// The reason.
        why: &'static str,
    },
    /// A layer reads what the network does not have at its place.
    #[error("layer `{layer}` reads the output of a layer that does not stand before it")]
    NoValue {
        /// The layer.
        layer: String,
    },
    /// A layer reads a layer that does not stand before it.
    #[error("layer `{layer}` reads `{input}`, but no layer before it has this name")]
    NoInput {
        /// The layer.
        layer: String,
        /// The name among its inputs.
        input: String,
    },
    /// A layer has the name of the image.
    #[error("a layer is called `{layer}`, which is what other layers call the image; give it another name")]
    Reserved {
        /// The name.
        layer: String,
    },
    /// Nothing comes of a layer.
    #[error("no other layer reads layer `{layer}`, and it is not the last one; leave it out or read it")]
    Unread {
        /// The layer.
        layer: String,
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
