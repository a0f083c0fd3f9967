//! A parameter in the host's memory.

/// A parameter under Keras's name.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// Name of the layer and of the variable: `conv2d/kernel`.
    pub name: String,
    /// Shape of the tensor: HWIO for the kernel of a convolution, (in, out) for the kernel of a dense layer.
    pub shape: Vec<usize>,
    /// The elements.
    pub values: Vec<f32>,
}
