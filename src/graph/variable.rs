//! Variables: what a network learns or keeps from step to step, and where it lies in memory.

use super::layout::{Layout, Rows};
use super::{Initializer, Place, Regularizer, TensorId};

/// What training does with a variable.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Role {
    /// The optimizer changes it by its gradient.
    Trained,
    /// An average over the minibatches, such as the moving mean of a normalization. The place of its gradient holds the
    /// minibatch's statistic, and the update makes it `momentum * old + (1 - momentum) * statistic`.
    Averaged {
        /// Share of the old value that stays.
        momentum: f64,
    },
    /// It stays as it is. Freezing a layer makes all its variables constant.
    Constant,
}

/// A variable that is to be added to a graph.
#[derive(Clone, Debug, PartialEq)]
pub struct VariableSpec {
    /// Whole name: `conv2d/kernel`, `batch_normalization/moving_mean`.
    pub name: String,
    /// Its sizes, as Keras has them.
    pub shape: Vec<usize>,
    /// How its elements lie in memory.
    pub layout: Layout,
    /// What training does with it.
    pub role: Role,
    /// Its first values.
    pub initializer: Initializer,
    /// The penalty of its elements, which counts while it is trained.
    pub regularizer: Regularizer,
}

impl VariableSpec {
    /// The trained kernel of a layer, `[.., inputs, outputs]`, with Keras's default values.
    pub fn kernel(layer: &str, shape: Vec<usize>) -> Self {
        Self {
            name: format!("{layer}/kernel"),
            shape,
            layout: Layout::Kernel,
            role: Role::Trained,
            initializer: Initializer::GlorotUniform,
            regularizer: Regularizer::default(),
        }
    }

    /// A trained vector of a layer.
    pub fn vector(layer: &str, variable: &str, len: usize, initializer: Initializer) -> Self {
        Self {
            name: format!("{layer}/{variable}"),
            shape: vec![len],
            layout: Layout::Rows { columns: len },
            role: Role::Trained,
            initializer,
            regularizer: Regularizer::default(),
        }
    }

    /// The variable with a penalty.
    pub fn regularized(self, regularizer: Regularizer) -> Self {
        Self { regularizer, ..self }
    }

    /// The kernel of a layer, and its bias of zeros if it has one.
    pub fn kernel_and_bias(layer: &str, shape: Vec<usize>, bias: bool) -> Vec<Self> {
        let outputs = shape.last().copied().unwrap_or(0);
        let bias = bias.then(|| Self::vector(layer, "bias", outputs, Initializer::Zeros));
        std::iter::once(Self::kernel(layer, shape)).chain(bias).collect()
    }
}

/// A variable of a graph.
#[derive(Clone, Debug)]
pub struct Variable {
    pub(super) spec: VariableSpec,
    pub(super) weights: TensorId,
    pub(super) gradient: TensorId,
    /// First float in the tensor.
    pub(super) first: usize,
    /// Place in the arenas.
    pub(super) place: Place,
}

impl Variable {
    /// Whole name: `conv2d/kernel`.
    pub fn name(&self) -> &str {
        &self.spec.name
    }

    /// Name of its layer: the part before the last `/`.
    pub fn layer(&self) -> &str {
        self.spec.name.rsplit_once('/').map_or("", |(layer, _)| layer)
    }

    /// Its sizes, as Keras has them.
    pub fn shape(&self) -> &[usize] {
        &self.spec.shape
    }

    /// What training does with it.
    pub fn role(&self) -> Role {
        self.spec.role
    }

    /// Whether the optimizer changes it.
    pub fn is_trained(&self) -> bool {
        self.spec.role == Role::Trained
    }

    /// Its first values.
    pub fn initializer(&self) -> Initializer {
        self.spec.initializer
    }

    /// The penalty of its elements, which counts while it is trained.
    pub fn regularizer(&self) -> Regularizer {
        self.spec.regularizer
    }

    /// The tensor that holds it, in [`Arena::Weights`](super::Arena::Weights), with others perhaps.
    pub fn weights(&self) -> TensorId {
        self.weights
    }

    /// The tensor of the same shape in [`Arena::Gradients`](super::Arena::Gradients). The gradient may lie in parts
    /// elsewhere: see [`Graph::gradient_parts`](super::Graph::gradient_parts).
    pub fn gradient(&self) -> TensorId {
        self.gradient
    }

    /// Its first float in [`Variable::weights`].
    pub fn first(&self) -> usize {
        self.first
    }

    /// Its place in the arenas.
    pub fn place(&self) -> Place {
        self.place
    }

    /// Number of elements.
    pub fn len(&self) -> usize {
        self.spec.shape.iter().product()
    }

    /// Always false, since no size is 0.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Rows and columns in memory of a kernel, whose rows are the inputs of all cells; none for other variables.
    pub(crate) fn matrix(&self) -> Option<[usize; 2]> {
        let columns = self.rows().padded_columns();
        (self.spec.layout == Layout::Kernel).then(|| [self.padded_len() / columns.max(1), columns])
    }

    /// Whether it lies in memory as such a variable does.
    pub(super) fn lies_like(&self, wanted: &VariableSpec) -> bool {
        self.rows() == wanted.layout.rows(&wanted.shape)
    }

    fn rows(&self) -> Rows {
        self.spec.layout.rows(&self.spec.shape)
    }

    /// Floats in memory.
    pub fn padded_len(&self) -> usize {
        self.rows().padded_len()
    }

    /// The floats in memory of these elements; missing ones are 0.
    pub fn pad(&self, elements: &[f32]) -> Vec<f32> {
        self.rows().pad(elements)
    }

    /// The elements of these floats in memory.
    pub fn unpad(&self, padded: &[f32]) -> Vec<f32> {
        self.rows().unpad(padded)
    }
}
