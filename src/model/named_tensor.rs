//! A parameter on the host.

/// A parameter under Keras's name.
#[derive(Clone, Debug, PartialEq)]
pub struct NamedTensor {
    /// Layer and variable: `conv2d/kernel`.
    pub name: String,
    /// Sizes: HWIO for a convolution's kernel, (in, out) for a dense one's.
    pub shape: Vec<usize>,
    /// The elements.
    pub values: Vec<f32>,
}
