//! The kinds of layers, one file each: options, shapes, variables, and the operations that compute them.
//!
//! Names, options and defaults are those of Keras 3. Sizes of two axes are `[y, x]`; a model file may give one number for
//! both.

use serde::{Deserialize, Serialize};

use super::error::LayerError;
use super::lower::Lowering;
use super::{Activation as Function, ModelError};
use crate::graph::{Regularizer, TensorId, VariableSpec};
use crate::ops::PixelScale;
use crate::shape::Shape;

mod convolution;
mod options;
mod pooling;

pub use options::PerChannel;

/// What a layer makes of its inputs, for one image.
#[derive(Clone, Debug, PartialEq)]
pub struct Inferred {
    /// Shape of the output, without the batch.
    pub shape: Shape,
    /// The variables, in the tensors that hold them; each has at least one.
    pub variables: Vec<Vec<VariableSpec>>,
    /// Multiply-adds of the forward pass. Those of operations that work element by element are not counted.
    pub multiply_adds: u64,
}

impl Inferred {
    /// What a layer without variables makes, whose work does not count.
    fn shape(shape: impl Into<Shape>) -> Self {
        Self::with_variables(shape, Vec::new())
    }

    /// What a layer with these tensors of variables makes, whose work does not count. Tensors without any are left out.
    fn with_variables(shape: impl Into<Shape>, mut variables: Vec<Vec<VariableSpec>>) -> Self {
        variables.retain(|tensor| !tensor.is_empty());
        Self { shape: shape.into(), variables, multiply_adds: 0 }
    }
}

/// A kind of layer with its options.
pub(super) trait Kind {
    /// Shape and variables of the layer called `name` for `inputs`, shapes without the batch. Nothing is computed or
    /// allocated.
    fn infer(&self, name: &str, inputs: &[Shape]) -> Result<Inferred, LayerError>;

    /// Adds the operations of the layer, for inputs that `infer` has taken. `weights` are the tensors of its variables.
    fn lower(
        &self,
        lowering: &mut Lowering<'_>,
        inputs: &[TensorId],
        weights: &[TensorId],
    ) -> Result<TensorId, ModelError>;

    /// The activation of the output.
    fn activation(&self) -> Function {
        Function::Linear
    }

    /// Changes the activation of the output, where the layer has that option.
    fn set_activation(&mut self, _: Function) {}

    /// Changes the penalty of the kernel, where the layer has one.
    fn set_kernel_regularizer(&mut self, _: Regularizer) {}

    /// Whether inference passes the elements of the one input on as they are.
    fn passes_on(&self) -> bool {
        false
    }
}

/// Defines how the option `activation` of a layer is read and changed.
macro_rules! activation_option {
    () => {
        fn activation(&self) -> Function {
            self.activation
        }

        fn set_activation(&mut self, activation: Function) {
            self.activation = activation;
        }
    };
}

/// Makes a module and a variant of [`Layer`] for each kind: `file Type "name in model files" "Keras's class"`.
macro_rules! layers {
    ($($(#[$doc:meta])* $file:ident $kind:ident $name:literal $class:literal)*) => {
        $(mod $file; pub use $file::$kind;)*

        /// A layer with its options.
        #[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
        #[serde(tag = "type")]
        pub enum Layer {
            $($(#[$doc])* #[serde(rename = $name)] $kind($kind),)*
        }

        impl Layer {
            /// Keras's name of the kind, as it stands in names of layers, and Keras's class.
            pub fn keras_names(&self) -> [&'static str; 2] {
                match self { $(Self::$kind(_) => [$name, $class],)* }
            }

            pub(super) fn kind(&self) -> &dyn Kind {
                match self { $(Self::$kind(kind) => kind,)* }
            }

            fn kind_mut(&mut self) -> &mut dyn Kind {
                match self { $(Self::$kind(kind) => kind,)* }
            }
        }

        $(impl From<$kind> for Layer {
            fn from(kind: $kind) -> Self {
                Self::$kind(kind)
            }
        })*
    };
}

layers! {
    /// Convolution.
    conv2d Conv2d "conv2d" "Conv2D"
    /// Largest value of each window.
    max_pooling2d MaxPooling2d "max_pooling2d" "MaxPooling2D"
    /// Mean of each window.
    average_pooling2d AveragePooling2d "average_pooling2d" "AveragePooling2D"
    /// Mean of each channel.
    global_average_pooling2d GlobalAveragePooling2d "global_average_pooling2d" "GlobalAveragePooling2D"
    /// Largest value of each channel.
    global_max_pooling2d GlobalMaxPooling2d "global_max_pooling2d" "GlobalMaxPooling2D"
    /// A border of zeros.
    zero_padding2d ZeroPadding2d "zero_padding2d" "ZeroPadding2D"
    /// The elements of an image under another shape.
    reshape Reshape "reshape" "Reshape"
    /// The elements of an image as a row.
    flatten Flatten "flatten" "Flatten"
    /// Fully connected layer.
    dense Dense "dense" "Dense"
    /// Random zeros in training.
    dropout Dropout "dropout" "Dropout"
    /// An activation as a layer of its own.
    activation Activation "activation" "Activation"
    /// A scale and an offset of each channel.
    rescaling Rescaling "rescaling" "Rescaling"
    /// A known mean and variance of each channel.
    normalization Normalization "normalization" "Normalization"
    /// Convolution of each channel by itself.
    depthwise_conv2d DepthwiseConv2d "depthwise_conv2d" "DepthwiseConv2D"
    /// Depthwise convolution, then a convolution by one cell.
    separable_conv2d SeparableConv2d "separable_conv2d" "SeparableConv2D"
    /// Relu with a slope below 0.
    #[serde(alias = "leaky_relu")]
    leaky_re_lu LeakyRelu "leaky_re_lu" "LeakyReLU"
    /// Relu with a limit, a slope and a threshold.
    #[serde(alias = "relu")]
    re_lu Relu "re_lu" "ReLU"
    /// Normalization over the minibatch.
    batch_normalization BatchNormalization "batch_normalization" "BatchNormalization"
    /// Normalization over the channels of a pixel.
    layer_normalization LayerNormalization "layer_normalization" "LayerNormalization"
    /// Normalization over groups of channels.
    group_normalization GroupNormalization "group_normalization" "GroupNormalization"
    /// Product of several inputs.
    multiply Multiply "multiply" "Multiply"
    /// Several inputs side by side.
    concatenate Concatenate "concatenate" "Concatenate"
    /// Sum of several inputs.
    add Add "add" "Add"
}

impl Layer {
    /// Shape and variables of a layer called `name` for `inputs`, shapes without the batch.
    ///
    /// # Errors
    /// Inputs that the layer can't take, or options that make no sense.
    pub fn infer(&self, name: &str, inputs: &[Shape]) -> Result<Inferred, LayerError> {
        self.kind().infer(name, inputs)
    }

    /// The activation of its output.
    pub fn activation(&self) -> Function {
        self.kind().activation()
    }

    /// Changes the activation of its output, where the layer has that option.
    pub(super) fn set_activation(&mut self, activation: Function) {
        self.kind_mut().set_activation(activation);
    }

    /// Changes the penalty of its kernel, where it has one kernel.
    pub(super) fn set_kernel_regularizer(&mut self, regularizer: Regularizer) {
        self.kind_mut().set_kernel_regularizer(regularizer);
    }

    /// The scale and offset of `channels` channels, if that is all that the layer does.
    pub(crate) fn affine(&self, channels: usize) -> Option<PixelScale> {
        match self {
            Self::Rescaling(layer) => Some(layer.affine(channels)),
            Self::Normalization(layer) => Some(layer.affine(channels)),
            _ => None,
        }
    }

    /// Whether inference passes the elements of its one input on as they are.
    pub(super) fn passes_on(&self) -> bool {
        self.kind().passes_on()
    }
}

/// The one input of a layer.
fn only(inputs: &[Shape]) -> Result<&Shape, LayerError> {
    match inputs {
        [input] => Ok(input),
        _ => Err(LayerError::One),
    }
}

/// The one input of a layer, if it is an image `[h, w, c]`.
fn image(inputs: &[Shape]) -> Result<[usize; 3], LayerError> {
    <[usize; 3]>::try_from(only(inputs)?.dims()).map_err(|_| LayerError::Input("images [h, w, c]"))
}

/// The one input of a layer, and its channels: the last size.
fn channels_of(inputs: &[Shape]) -> Result<(&Shape, usize), LayerError> {
    let input = only(inputs)?;
    Ok((input, input.columns()))
}

/// The shape of several inputs that have the same one.
fn same(inputs: &[Shape]) -> Result<&Shape, LayerError> {
    let [first, _, ..] = inputs else { return Err(LayerError::Several) };
    match inputs.iter().all(|input| input == first) {
        true => Ok(first),
        false => Err(LayerError::Differ("shapes")),
    }
}

/// The variables with this penalty of the first, the kernel.
fn regularized(mut variables: Vec<VariableSpec>, regularizer: Regularizer) -> Vec<VariableSpec> {
    if let Some(kernel) = variables.first_mut() {
        kernel.regularizer = regularizer;
    }
    variables
}

/// Makes sure that the factors of a penalty are none or positive.
fn check_regularizer(option: &'static str, regularizer: Regularizer) -> Result<(), LayerError> {
    regularizer.wrong().map_or(Ok(()), |number| Err(LayerError::Number { option, number }))
}

/// Makes sure that no size is 0.
fn positive(sizes: &[usize]) -> Result<(), LayerError> {
    if sizes.contains(&0) { Err(LayerError::Zero) } else { Ok(()) }
}

/// Strides `[sy, sx]` over an image `[h, w]`. One that is longer than the image goes as far as one of its length.
fn within(strides: [usize; 2], image: [usize; 2]) -> [usize; 2] {
    [0, 1].map(|axis| strides[axis].min(image[axis].max(1)))
}

/// The product of sizes, at most the largest number.
fn product(sizes: impl IntoIterator<Item = usize>) -> u64 {
    sizes.into_iter().fold(1, |product: u64, size| product.saturating_mul(size as u64))
}
