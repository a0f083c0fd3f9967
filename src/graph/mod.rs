//! The network as data: tensors, nodes, the dispatches they record, and the plan that orders them.
//!
//! Nothing here touches a device, so order, liveness and memory can be tested without one.

mod backward;
mod dispatch;
mod operation;
mod plan;
mod tensor;

pub use backward::Gradients;
pub use dispatch::{Binding, Dispatch, DispatchBuilder, Mode, Recorder};
pub use operation::Operation;
pub use plan::{BufferKey, Plan, PlanError, Step};
pub use tensor::{Arena, Home, Tensor, TensorId};

pub use crate::kernel::Access;
use crate::kernel::MicroKernel;
use crate::shape::Shape;

/// Floats to which the start of a parameter is aligned: WebGPU's 256 bytes for the offset of a binding.
const ARENA_ALIGNMENT: usize = 64;

/// What a schedule is recorded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The loop of the matrix products.
    pub micro_kernel: MicroKernel,
    /// Workgroups that keep the adapter busy; long reductions are split to reach it.
    pub busy_workgroups: usize,
}

/// One use of an operation.
#[derive(Debug)]
struct Node {
    operation: Box<dyn Operation>,
    inputs: Vec<TensorId>,
    output: TensorId,
}

/// A trainable tensor: the rows of its kernel, then a row for the bias if it has one.
#[derive(Clone, Debug)]
pub struct Parameter {
    /// The layer's name.
    pub layer: String,
    /// Shape of the kernel: HWIO for a convolution, (in, out) for a dense layer.
    pub kernel_shape: Vec<usize>,
    /// Whether a bias row follows the kernel.
    pub bias: bool,
    /// The weights, in [`Arena::Weights`].
    pub weights: TensorId,
    /// Their gradient, at the same offset in [`Arena::Gradients`].
    pub gradient: TensorId,
    /// First float in the arenas.
    pub offset: usize,
}

impl Parameter {
    /// Output channels.
    pub fn columns(&self) -> usize {
        self.kernel_shape[self.kernel_shape.len() - 1]
    }

    /// Floats of the kernel.
    pub fn kernel_len(&self) -> usize {
        self.kernel_shape.iter().product()
    }

    /// Floats of kernel and bias.
    pub fn len(&self) -> usize {
        self.kernel_len() + if self.bias { self.columns() } else { 0 }
    }

    /// Never: a kernel has at least one float.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Tensors and the nodes between them, in order of construction.
#[derive(Debug)]
pub struct Graph {
    tensors: Vec<Tensor>,
    nodes: Vec<Node>,
    parameters: Vec<Parameter>,
    arena_len: usize,
    target: Target,
}

impl Graph {
    /// An empty graph whose dispatches are recorded for `target`.
    pub fn new(target: Target) -> Self {
        Self { tensors: Vec::new(), nodes: Vec::new(), parameters: Vec::new(), arena_len: 0, target }
    }

    /// What its dispatches are recorded for.
    pub fn target(&self) -> Target {
        self.target
    }

    /// A tensor of the graph.
    pub fn tensor(&self, id: TensorId) -> &Tensor {
        &self.tensors[id.0]
    }

    /// All tensors, by id.
    pub fn tensors(&self) -> impl Iterator<Item = (TensorId, &Tensor)> {
        self.tensors.iter().enumerate().map(|(i, tensor)| (TensorId(i), tensor))
    }

    /// The trainable tensors, in order of construction.
    pub fn parameters(&self) -> &[Parameter] {
        &self.parameters
    }

    /// Floats in each arena.
    pub fn arena_len(&self) -> usize {
        self.arena_len
    }

    /// The tensor that holds the elements: a view's source, else the tensor itself.
    pub fn root(&self, id: TensorId) -> TensorId {
        match self.tensor(id).home {
            Home::View(of) => self.root(of),
            _ => id,
        }
    }

    /// Adds a tensor.
    pub fn add_tensor(&mut self, name: impl Into<String>, shape: impl Into<Shape>, home: Home) -> TensorId {
        self.tensors.push(Tensor { name: name.into(), shape: shape.into(), home });
        TensorId(self.tensors.len() - 1)
    }

    /// A tensor that the host writes before a run, in a buffer of its own.
    pub fn input(&mut self, name: impl Into<String>, shape: impl Into<Shape>) -> TensorId {
        self.add_tensor(name, shape, Home::Input)
    }

    /// Adds a trainable kernel, with a bias if asked, and its gradient.
    pub fn add_parameter(&mut self, layer: &str, kernel_shape: Vec<usize>, bias: bool) -> TensorId {
        let columns = kernel_shape[kernel_shape.len() - 1];
        let rows = kernel_shape.iter().product::<usize>() / columns + usize::from(bias);
        let offset = self.arena_len;
        self.arena_len = (offset + rows * columns).next_multiple_of(ARENA_ALIGNMENT);
        let weights = self.add_tensor(format!("{layer} w"), [rows, columns], Home::Arena(Arena::Weights, offset));
        let gradient = self.add_tensor(format!("{layer} dw"), [rows, columns], Home::Arena(Arena::Gradients, offset));
        self.parameters.push(Parameter { layer: layer.into(), kernel_shape, bias, weights, gradient, offset });
        weights
    }

    /// Adds a node; its output is a new tensor, or a view of its first input if the operation only reshapes.
    pub fn add_node(&mut self, name: &str, operation: impl Operation + 'static, inputs: &[TensorId]) -> TensorId {
        let home = if operation.is_view() { Home::View(inputs[0]) } else { Home::Slot };
        let output = self.add_tensor(name, operation.output_shape(), home);
        self.nodes.push(Node { operation: Box::new(operation), inputs: inputs.to_vec(), output });
        output
    }

    /// Makes a tensor live elsewhere.
    pub(crate) fn set_home(&mut self, id: TensorId, home: Home) {
        self.tensors[id.0].home = home;
    }

    /// Whether `id` is the output of an operation that ends in a relu.
    pub fn ends_in_relu(&self, id: TensorId) -> bool {
        self.nodes.iter().any(|node| node.output == id && node.operation.ends_in_relu())
    }

    /// Records the forward pass.
    pub fn record_forward(&mut self, mode: Mode) -> Vec<Dispatch> {
        let nodes = std::mem::take(&mut self.nodes);
        let mut recorder = Recorder::new(self, mode);
        for node in &nodes {
            node.operation.forward(&mut recorder, &node.inputs, node.output);
        }
        let dispatches = recorder.finish();
        self.nodes = nodes;
        dispatches
    }
}
