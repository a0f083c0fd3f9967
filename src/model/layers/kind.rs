//! What every kind of layer does, and what kinds share.

use crate::graph::{Regularizer, TensorId, VariableSpec};
use crate::model::lowering::Lowering;
use crate::model::{Activation, LayerError, ModelError};
use crate::shape::Shape;

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
    pub(super) fn shape(shape: impl Into<Shape>) -> Self {
        Self::with_variables(shape, Vec::new())
    }

    /// What a layer with these tensors of variables makes, whose work does not count. Tensors without any are left out.
    pub(super) fn with_variables(shape: impl Into<Shape>, mut variables: Vec<Vec<VariableSpec>>) -> Self {
        variables.retain(|tensor| !tensor.is_empty());
        Self { shape: shape.into(), variables, multiply_adds: 0 }
    }
}

/// A kind of layer with its options.
pub(in crate::model) trait Kind {
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
    fn activation(&self) -> Activation {
        Activation::Linear
    }

    /// Changes the activation of the output, where the layer has that option.
    fn set_activation(&mut self, _: Activation) {}

    /// Changes the penalty of the kernel, where the layer has one.
    fn set_kernel_regularizer(&mut self, _: Regularizer) {}

    /// The variable with the products of the output's channels, which are its last sizes, if nothing is applied to the output
    /// and the layer can have a bias.
    fn kernel_of_channels(&self) -> Option<&'static str> {
        None
    }

    /// Gives the output a bias, where the layer has that option.
    fn add_bias(&mut self) {}

    /// Whether inference passes the elements of the one input on as they are.
    fn passes_on(&self) -> bool {
        false
    }
}

/// Defines how the option `activation` of a layer is read and changed.
macro_rules! activation_option {
    () => {
        fn activation(&self) -> crate::model::Activation {
            self.activation
        }

        fn set_activation(&mut self, activation: crate::model::Activation) {
            self.activation = activation;
        }
    };
}

/// Defines which variable makes the channels of the output, for layers with the options `use_bias` and `activation`.
macro_rules! kernel_of_channels {
    ($kernel:literal) => {
        fn kernel_of_channels(&self) -> Option<&'static str> {
            self.activation.is_linear().then_some($kernel)
        }

        fn add_bias(&mut self) {
            self.use_bias = true;
        }
    };
}

/// The one input of a layer.
pub(super) fn only(inputs: &[Shape]) -> Result<&Shape, LayerError> {
    match inputs {
        [input] => Ok(input),
        _ => Err(LayerError::One),
    }
}

/// The one input of a layer, if it is an image `[h, w, c]`.
pub(super) fn image(inputs: &[Shape]) -> Result<[usize; 3], LayerError> {
    <[usize; 3]>::try_from(only(inputs)?.dims()).map_err(|_| LayerError::Input("images [h, w, c]"))
}

/// The one input of a layer, and its channels: the last size.
pub(super) fn channels_of(inputs: &[Shape]) -> Result<(&Shape, usize), LayerError> {
    let input = only(inputs)?;
    Ok((input, input.columns()))
}

/// The shape of several inputs that have the same one.
pub(super) fn same(inputs: &[Shape]) -> Result<&Shape, LayerError> {
    let [first, _, ..] = inputs else { return Err(LayerError::Several) };
    match inputs.iter().all(|input| input == first) {
        true => Ok(first),
        false => Err(LayerError::Differ("shapes")),
    }
}

/// The variables with this penalty of the first, the kernel.
pub(super) fn regularized(mut variables: Vec<VariableSpec>, regularizer: Regularizer) -> Vec<VariableSpec> {
    if let Some(kernel) = variables.first_mut() {
        kernel.regularizer = regularizer;
    }
    variables
}

/// What an option may be, for [`LayerError::Number`].
pub(super) const FINITE: &str = "finite as float32";
pub(super) const NOT_NEGATIVE: &str = "at least 0 and finite as float32";
pub(super) const NORMAL: &str = "more than 0, and neither too small nor too large for float32";

/// Makes sure that the factors of a penalty are none or positive.
pub(super) fn check_regularizer(option: &'static str, regularizer: Regularizer) -> Result<(), LayerError> {
    regularizer.wrong().map_or(Ok(()), |number| Err(LayerError::Number { option, number, allowed: NOT_NEGATIVE }))
}

/// Makes sure that no size is 0.
pub(super) fn positive(sizes: &[usize]) -> Result<(), LayerError> {
    if sizes.contains(&0) { Err(LayerError::Zero) } else { Ok(()) }
}

/// Strides `[sy, sx]` over an image `[h, w]`. One that is longer than the image goes as far as one of its length.
pub(super) fn within(strides: [usize; 2], image: [usize; 2]) -> [usize; 2] {
    [0, 1].map(|axis| strides[axis].min(image[axis].max(1)))
}

/// The product of sizes, at most the largest number.
pub(super) fn product(sizes: impl IntoIterator<Item = usize>) -> u64 {
    sizes.into_iter().fold(1, |product: u64, size| product.saturating_mul(size as u64))
}
