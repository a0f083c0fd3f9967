//! The network as data: tensors, nodes, the dispatches they record, and the plan that orders them.
//!
//! Nothing here touches a device, so order, liveness and memory can be tested without one.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};

mod backward;
mod dispatch;
mod error;
mod operation;
mod plan;
mod sink;
mod tensor;
mod tuning;

pub use backward::Gradients;
pub use dispatch::{Binding, Dispatch, DispatchBuilder, Mode, Recorder};
pub use error::GraphError;
pub use operation::{Inputs, Operation};
pub use plan::{BufferKey, Plan, PlanError};
pub use sink::{Epilogue, Sink};
pub use tensor::{Arena, Home, Tensor, TensorId};
pub use tuning::{Product, ProductChoice, Tuning};

pub use crate::kernel::Access;
use crate::kernel::{MicroKernel, Storage};
use crate::minibatch::Minibatch;
use crate::shape::Shape;

/// Floats to which the start of a parameter is aligned: WebGPU's 256 bytes for the offset of a binding.
pub(crate) const ARENA_ALIGNMENT: usize = 64;

/// Most floats of the gradients' arena that parts may fill: 128 MiB, WebGPU's default limit of a binding.
const MOST_GRADIENTS: usize = 1 << 25;

/// The device that a schedule is recorded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The loop of the matrix products.
    pub micro_kernel: MicroKernel,
    /// What tensors of floats live in.
    pub storage: Storage,
    /// Workgroups that keep the adapter busy; long reductions are split to reach it.
    pub busy_workgroups: usize,
}

/// One use of an operation.
#[derive(Debug)]
struct Node {
    /// Whether an operation of another crate may stand here: its geometry is not trusted.
    foreign: bool,
    operation: Box<dyn Operation>,
    inputs: Vec<TensorId>,
    outputs: Vec<TensorId>,
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
    /// Whether training changes it.
    pub trainable: bool,
    /// The weights, in [`Arena::Weights`].
    pub weights: TensorId,
    /// The place of their gradient, at the same offset in [`Arena::Gradients`]. The gradient may lie in parts elsewhere: see
    /// [`Graph::gradient_parts`].
    pub gradient: TensorId,
    /// First float in memory of the arenas.
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

    /// Input channels of a convolution, features of a dense layer.
    fn inputs(&self) -> usize {
        self.kernel_shape[self.kernel_shape.len() - 2]
    }

    /// Rows of the kernel in memory, without the bias: input channels are rounded up to the four of a vec4.
    pub fn padded_rows(&self) -> usize {
        self.kernel_len() / self.columns() / self.inputs() * self.inputs().next_multiple_of(4)
    }

    /// The elements of [`Parameter::weights`] from those of the kernel and then the bias.
    pub fn pad(&self, values: &[f32]) -> Vec<f32> {
        let columns = self.columns();
        let mut rows = Vec::with_capacity((self.padded_rows() + 1) * columns);
        let (kernel, bias) = values.split_at(self.kernel_len());
        for cell in kernel.chunks(self.inputs() * columns) {
            rows.extend(cell);
            rows.resize(rows.len() + (self.inputs().next_multiple_of(4) - self.inputs()) * columns, 0.0);
        }
        rows.extend(bias);
        rows
    }

    /// The elements of the kernel and then the bias from those of [`Parameter::weights`] or a tensor like it.
    pub fn unpad(&self, rows: &[f32]) -> Vec<f32> {
        let columns = self.columns();
        let (kernel, bias) = rows.split_at(self.padded_rows() * columns);
        let cells = kernel.chunks(self.inputs().next_multiple_of(4) * columns);
        cells.flat_map(|cell| &cell[..self.inputs() * columns]).chain(bias).copied().collect()
    }

    /// Floats of kernel and bias.
    pub fn len(&self) -> usize {
        self.kernel_len() + if self.bias { self.columns() } else { 0 }
    }

    /// Always false, since a kernel has at least one float.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Where the gradient of one block of weights lies in [`Arena::Gradients`]. A block is a few floats of one parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GradientBlock {
    /// First float of the first part.
    pub first: usize,
    /// Number of parts, whose sum is the gradient. With 0 parts the weights stay as they are.
    pub parts: usize,
    /// Floats from one part to the next.
    pub part_len: usize,
    /// Floats of the block that belong to the parameter: the last block may reach past it.
    pub len: usize,
}

/// Tells graphs apart: a tensor's id means nothing to another graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct GraphId(u64);

/// Most elements of a tensor that shaders can index.
const MOST_ELEMENTS: usize = 1 << 31;

/// Tensors and the nodes between them, in order of construction.
#[derive(Debug)]
pub struct Graph {
    id: GraphId,
    tensors: Vec<Tensor>,
    nodes: Vec<Node>,
    parameters: Vec<Parameter>,
    arena_len: usize,
    /// Floats of the gradients' arena with the parts of gradients.
    gradients_len: usize,
    /// Gradients of parameters that are left in parts: the tensor of all parts, and their number.
    parts: HashMap<TensorId, (TensorId, usize)>,
    target: Target,
    tuning: Tuning,
}

impl Graph {
    /// An empty graph whose dispatches are recorded for `target`.
    pub fn new(target: Target) -> Self {
        static GRAPHS: AtomicU64 = AtomicU64::new(0);
        Self {
            id: GraphId(GRAPHS.fetch_add(1, Ordering::Relaxed)),
            tensors: Vec::new(),
            nodes: Vec::new(),
            parameters: Vec::new(),
            arena_len: 0,
            gradients_len: 0,
            parts: HashMap::new(),
            target,
            tuning: Tuning::default(),
        }
    }

    /// Sets the measured choices of how to compute matrix products; a rule chooses for the others.
    pub fn set_tuning(&mut self, tuning: Tuning) {
        self.tuning = tuning;
    }

    /// The measured choices of how to compute matrix products.
    pub fn tuning(&self) -> &Tuning {
        &self.tuning
    }

    /// The target that its dispatches are recorded for.
    pub fn target(&self) -> Target {
        self.target
    }

    pub(crate) fn id(&self) -> GraphId {
        self.id
    }

    /// A tensor of the graph.
    ///
    /// # Panics
    /// Where `id` is from a graph with more tensors.
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

    /// Floats of the parameters in each arena.
    pub fn arena_len(&self) -> usize {
        self.arena_len
    }

    /// Floats in [`Arena::Gradients`]: the gradients of the parameters, then the parts of gradients.
    pub fn gradients_len(&self) -> usize {
        self.gradients_len.max(self.arena_len)
    }

    /// Adds a tensor for `count` parts of `gradient`, one after the other; only the optimizer adds them up. Gives none if
    /// `gradient` is not the gradient of a whole parameter, or if the arena would grow too large.
    fn leave_in_parts(&mut self, gradient: TensorId, count: usize) -> Option<TensorId> {
        let tensor = self.tensor(gradient);
        let Home::Arena(Arena::Gradients, _) = tensor.home else { return None };
        let part_len = tensor.shape.padded_elements();
        let offset = self.gradients_len();
        // The last block of a part may reach past it.
        let end = offset + (count - 1) * part_len + part_len.next_multiple_of(ARENA_ALIGNMENT);
        if end > MOST_GRADIENTS {
            return None;
        }
        let (name, shape) = (format!("{} parts", tensor.name), [count, tensor.shape.rows(), tensor.shape.columns()]);
        self.gradients_len = end.next_multiple_of(ARENA_ALIGNMENT);
        let parts = self.add_tensor(name, shape, Home::Arena(Arena::Gradients, offset));
        self.parts.insert(gradient, (parts, count));
        Some(parts)
    }

    /// The tensor that holds a parameter's gradient after a backward pass, and the number of its parts, which lie one after
    /// the other.
    pub fn gradient_parts(&self, gradient: TensorId) -> (TensorId, usize) {
        self.parts.get(&gradient).copied().unwrap_or((gradient, 1))
    }

    /// Where the gradients are, for each [`ARENA_ALIGNMENT`] floats of the weights.
    pub(crate) fn gradient_blocks(&self) -> Vec<GradientBlock> {
        let mut blocks = Vec::with_capacity(self.arena_len / ARENA_ALIGNMENT);
        for parameter in &self.parameters {
            let (tensor, parts) = match parameter.trainable {
                true => self.gradient_parts(parameter.gradient),
                false => (parameter.gradient, 0),
            };
            let Home::Arena(_, start) = self.tensor(tensor).home else { continue };
            let part_len = self.tensor(parameter.gradient).shape.padded_elements();
            let end = start + part_len;
            let firsts = (start..end).step_by(ARENA_ALIGNMENT);
            blocks.extend(firsts.map(|first| {
                let len = (end - first).min(ARENA_ALIGNMENT);
                GradientBlock { first, parts, part_len, len }
            }));
        }
        blocks
    }

    /// The tensor that holds the elements: a view's source, else the tensor itself.
    pub fn root(&self, id: TensorId) -> TensorId {
        match self.tensor(id).home {
            Home::View(of) => self.root(of),
            _ => id,
        }
    }

    /// Where the elements of a tensor live, whether it is a view or not.
    pub(crate) fn home(&self, id: TensorId) -> Home {
        self.tensor(self.root(id)).home
    }

    /// The storage that holds a tensor.
    pub fn storage(&self, id: TensorId) -> Storage {
        match self.home(id) {
            Home::Minibatch(_) | Home::Metrics => Storage::Buffers,
            _ => self.target.storage,
        }
    }

    /// Adds a tensor.
    pub(crate) fn add_tensor(&mut self, name: impl Into<String>, shape: impl Into<Shape>, home: Home) -> TensorId {
        self.tensors.push(Tensor { name: name.into(), shape: shape.into(), home });
        TensorId(self.tensors.len() - 1)
    }

    /// Adds a tensor that the host writes before a run, in a buffer of its own.
    pub fn input(&mut self, name: impl Into<String>, shape: impl Into<Shape>) -> TensorId {
        self.add_tensor(name, shape, Home::Input)
    }

    /// Adds the minibatch, which the host writes before each step.
    pub fn minibatch(&mut self, minibatch: Minibatch) -> TensorId {
        self.add_tensor("minibatch", [minibatch.words()], Home::Minibatch(minibatch))
    }

    /// Adds a trainable kernel, with a bias if asked, and its gradient. The tensor has a row for each cell and input
    /// channel, channels rounded up to a multiple of four, then one for the bias: `[rows, columns]`.
    ///
    /// # Errors
    /// A shape with less than two sizes, with a size of 0, or too large.
    pub fn add_parameter(&mut self, layer: &str, kernel_shape: Vec<usize>, bias: bool) -> Result<TensorId, GraphError> {
        if kernel_shape.len() < 2 || kernel_shape.contains(&0) {
            let wrong = format!("a kernel has at least two sizes, none of them 0, but its shape is {kernel_shape:?}");
            return Err(GraphError::Value { node: layer.into(), wrong });
        }
        // With the sizes in memory, so that no product below overflows.
        let in_memory = kernel_shape.iter().map(|size| size.checked_next_multiple_of(4).unwrap_or(usize::MAX));
        if in_memory.fold(1_usize, usize::saturating_mul) > MOST_ELEMENTS {
            return Err(GraphError::TooLarge { tensor: layer.into(), shape: kernel_shape.into() });
        }
        let offset = self.arena_len;
        let mut parameter = Parameter {
            layer: layer.into(),
            kernel_shape,
            bias,
            trainable: true,
            weights: TensorId(0),
            gradient: TensorId(0),
            offset,
        };
        let shape: Shape = [parameter.padded_rows() + usize::from(bias), parameter.columns()].into();
        self.arena_len = (offset + shape.padded_elements()).next_multiple_of(ARENA_ALIGNMENT);
        parameter.weights = self.add_tensor(format!("{layer} w"), shape.clone(), Home::Arena(Arena::Weights, offset));
        parameter.gradient = self.add_tensor(format!("{layer} dw"), shape, Home::Arena(Arena::Gradients, offset));
        let weights = parameter.weights;
        self.parameters.push(parameter);
        Ok(weights)
    }

    /// Freezes the parameters of a layer: they get no gradient, and training does not change them.
    pub fn freeze(&mut self, layer: &str) {
        for parameter in self.parameters.iter_mut().filter(|parameter| parameter.layer == layer) {
            parameter.trainable = false;
        }
    }

    /// Adds a node of any operation. Its first output, which is returned, is a new tensor, or a view of its first input if
    /// the operation only reshapes; [`Graph::outputs`] gives the others. Kernels that it records run with runtime checks: see [`Wgsl`](crate::kernel::Wgsl).
    ///
    /// # Errors
    /// A geometry that the operation refuses, inputs of another graph, a tensor that is too large.
    pub fn add_node(
        &mut self,
        name: &str,
        operation: impl Operation + 'static,
        inputs: &[TensorId],
    ) -> Result<TensorId, GraphError> {
        self.push_node(name, operation, inputs, true)
    }

    /// [`Graph::add_node`] for wgrad's own operations, which stay inside their tensors if they are as
    /// [`Operation::check`] wants them.
    pub(crate) fn add_own_node(
        &mut self,
        name: &str,
        operation: impl Operation + 'static,
        inputs: &[TensorId],
    ) -> Result<TensorId, GraphError> {
        self.push_node(name, operation, inputs, false)
    }

    /// The tensors of a node that is to be added.
    pub(crate) fn inputs<'g>(&'g self, node: &'g str, inputs: &[TensorId]) -> Result<Inputs<'g>, GraphError> {
        let tensors: Option<Vec<&Tensor>> = inputs.iter().map(|input| self.tensors.get(input.0)).collect();
        let tensors = tensors.ok_or_else(|| GraphError::UnknownTensor { node: node.into() })?;
        for tensor in &tensors {
            indexable(&tensor.name, &tensor.shape)?;
        }
        Ok(Inputs::new(node, tensors))
    }

    fn push_node(
        &mut self,
        name: &str,
        operation: impl Operation + 'static,
        inputs: &[TensorId],
        foreign: bool,
    ) -> Result<TensorId, GraphError> {
        let tensors = self.inputs(name, inputs)?;
        operation.check(&tensors)?;
        let shapes = operation.outputs();
        for shape in &shapes {
            indexable(name, shape)?;
        }
        let Some(shape) = shapes.first() else { return Err(tensors.refuse("an operation needs an output")) };
        let mut home = Home::Slot;
        if operation.is_view() {
            let [of, ..] = inputs else { return Err(tensors.refuse("a view needs an input")) };
            home = Home::View(*of);
        }
        // Elements of one are taken for those of the other.
        let views = if operation.passes_gradient() { inputs.len() } else { usize::from(operation.is_view()) };
        for input in &tensors.tensors()[..views] {
            if input.shape.padded_elements() != shape.padded_elements() {
                let (node, tensor) = (name.into(), input.name.clone());
                return Err(GraphError::Shape { node, tensor, found: input.shape.clone(), wanted: shape.clone() });
            }
        }
        let outputs: Vec<TensorId> = (shapes.into_iter().enumerate())
            .map(|(i, shape)| match i {
                0 => self.add_tensor(name, shape, home),
                _ => self.add_tensor(format!("{name}, output {i}"), shape, Home::Slot),
            })
            .collect();
        let first = outputs[0];
        self.nodes.push(Node { foreign, operation: Box::new(operation), inputs: inputs.to_vec(), outputs });
        Ok(first)
    }

    /// All outputs of the node whose first output is `output`; none if there is no such node.
    pub fn outputs(&self, output: TensorId) -> &[TensorId] {
        self.nodes.iter().find(|node| node.outputs[0] == output).map_or(&[], |node| &node.outputs)
    }

    /// Moves a tensor to another home.
    pub(crate) fn set_home(&mut self, id: TensorId, home: Home) {
        self.tensors[id.0].home = home;
    }

    /// Whether the operation that made `id`, or what it is a view of, wants the gradient gated by its output, as a relu
    /// does.
    pub(crate) fn is_gated(&self, id: TensorId) -> bool {
        let root = self.root(id);
        let maker = self.nodes.iter().find(|node| node.outputs[0] == root);
        maker.is_some_and(|node| {
            let needed = vec![true; node.inputs.len()];
            node.operation.epilogue(&node.outputs, &needed) == Epilogue::Gate(root)
        })
    }

    /// Records the forward pass.
    pub fn record_forward(&mut self, mode: Mode) -> Vec<Dispatch> {
        let nodes = std::mem::take(&mut self.nodes);
        let mut recorder = Recorder::new(self, mode);
        for node in &nodes {
            recorder.set_foreign(node.foreign);
            node.operation.forward(&mut recorder, &node.inputs, &node.outputs);
        }
        let dispatches = recorder.finish();
        self.nodes = nodes;
        dispatches
    }
}

/// Whether shaders can index a tensor of this shape.
fn indexable(tensor: &str, shape: &Shape) -> Result<(), GraphError> {
    if shape.padded_elements() > MOST_ELEMENTS {
        return Err(GraphError::TooLarge { tensor: tensor.into(), shape: shape.clone() });
    }
    Ok(())
}
