//! The network as data: tensors, nodes, the dispatches they record, and the plan that orders them.
//!
//! Nothing here touches a device, so order, liveness and memory can be tested without one.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

mod arena;
mod backward;
mod chained;
mod dispatch;
mod error;
mod fuse;
mod gradient_block;
mod initializer;
mod joined;
mod layout;
mod operation;
mod pieces;
mod placement;
mod plan;
mod precision;
mod recorder;
mod regularizer;
mod sink;
mod target;
mod tensor;
mod tuning;
mod variable;
mod weights;

pub use arena::{Arena, Chunk, Place};
pub use backward::Gradients;
pub(crate) use dispatch::SECOND_RESULT_BINDING;
pub use dispatch::{Binding, Dispatch};
pub use error::{GraphError, PlanError};
pub(crate) use fuse::{Fused, Pair, Rule};
pub(crate) use gradient_block::GradientBlock;
pub use initializer::Initializer;
pub use layout::Layout;
pub(crate) use layout::places;
pub use operation::{Inputs, Operation};
pub use plan::{BufferKey, Plan};
pub(crate) use precision::LOSS_SCALE_LEN;
pub use recorder::{DispatchBuilder, Mode, Recorder};
pub use regularizer::Regularizer;
pub use sink::{Epilogue, Sink};
pub use target::{Target, Winograd};
pub use tensor::{Home, Tensor, TensorId};
pub use tuning::{Algorithm, Product, ProductChoice, Tuning};
pub use variable::{Role, Variable, VariableSpec};

pub use crate::kernel::Access;
use crate::kernel::Precision;
use crate::minibatch::Minibatch;
use crate::shape::Shape;
use tensor::indexable;

/// Floats to which the start of a variable is aligned: WebGPU's 256 bytes for the offset of a binding.
pub(crate) const ARENA_ALIGNMENT: usize = 64;

/// One use of an operation.
#[derive(Clone, Debug)]
struct Node {
    /// For printing.
    name: String,
    /// Whether an operation of another crate may stand here: its geometry is not trusted.
    foreign: bool,
    operation: Arc<dyn Operation>,
    inputs: Vec<TensorId>,
    outputs: Vec<TensorId>,
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
    /// The nodes that schedules of a mode are recorded from, where rules have changed them.
    rewritten: HashMap<Mode, Vec<Node>>,
    variables: Vec<Variable>,
    /// Tensors of weights, and the places of their gradients.
    weights_gradients: HashMap<TensorId, TensorId>,
    /// The chunks of each arena; at least one.
    chunks: Vec<Chunk>,
    /// Gradients of weights that are left in parts: the tensor of all parts, and their number.
    parts: HashMap<TensorId, (TensorId, usize)>,
    /// Averaged weights that several nodes use: where each writes its statistics.
    statistics: HashMap<TensorId, Vec<TensorId>>,
    target: Target,
    tuning: Tuning,
    /// The state of the loss scale, if there is one.
    loss_scale: Option<TensorId>,
}

impl Graph {
    /// An empty graph whose dispatches are recorded for `target`.
    pub fn new(target: Target) -> Self {
        static GRAPHS: AtomicU64 = AtomicU64::new(0);
        let mut graph = Self {
            id: GraphId(GRAPHS.fetch_add(1, Ordering::Relaxed)),
            tensors: Vec::new(),
            nodes: Vec::new(),
            rewritten: HashMap::new(),
            variables: Vec::new(),
            weights_gradients: HashMap::new(),
            chunks: vec![Chunk::default()],
            parts: HashMap::new(),
            statistics: HashMap::new(),
            target,
            tuning: Tuning::default(),
            loss_scale: None,
        };
        if target.precision == Precision::F16 {
            graph.loss_scale = Some(graph.input("loss scale", [LOSS_SCALE_LEN]));
        }
        graph
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

    /// Adds a tensor that the host writes before a run, in a buffer of its own.
    pub fn input(&mut self, name: impl Into<String>, shape: impl Into<Shape>) -> TensorId {
        self.add_tensor(name, shape, Home::Input)
    }

    /// Adds the minibatch, which the host writes before each step.
    pub fn minibatch(&mut self, minibatch: Minibatch) -> TensorId {
        self.add_tensor("minibatch", [minibatch.words()], Home::Minibatch(minibatch))
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
        Ok(Inputs::new(self, node, inputs, tensors))
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
        let same = |input: &usize| operation.passes_gradient(*input) || (*input == 0 && operation.is_view());
        for input in (0..inputs.len()).filter(same).map(|input| tensors.tensors()[input]) {
            if input.shape.padded_elements() != shape.padded_elements() {
                let (node, tensor) = (name.into(), input.name.clone());
                return Err(GraphError::Shape { node, tensor, found: input.shape.clone(), wanted: shape.clone() });
            }
        }
        let outputs: Vec<TensorId> = (shapes.into_iter().enumerate())
            .map(|(i, shape)| match i {
                0 => self.add_tensor(name, shape, home),
                _ => self.add_output(name, i, shape),
            })
            .collect();
        let first = outputs[0];
        if operation.is_loss() {
            // What the host reads, and what the loss computes its exponentials of, stays exact.
            inputs.iter().for_each(|input| self.keep_f32(*input));
        } else if !foreign && home == Home::Slot {
            self.tensors[first.0].precision = self.target.precision;
        }
        let (name, operation) = (name.into(), Arc::new(operation));
        self.nodes.push(Node { name, foreign, operation, inputs: inputs.to_vec(), outputs });
        self.rewritten.clear();
        Ok(first)
    }

    /// Adds a tensor for an output other than the first.
    fn add_output(&mut self, node: &str, number: usize, shape: Shape) -> TensorId {
        self.add_tensor(format!("{node}, output {number}"), shape, Home::Slot)
    }

    /// All outputs of the node whose first output is `output`; none if there is no such node.
    pub fn outputs(&self, output: TensorId) -> &[TensorId] {
        self.nodes.iter().find(|node| node.outputs[0] == output).map_or(&[], |node| &node.outputs)
    }

    /// Moves a tensor to another home.
    pub(crate) fn set_home(&mut self, id: TensorId, home: Home) {
        self.tensors[id.0].home = home;
    }

    /// Records the forward pass.
    pub fn record_forward(&mut self, mode: Mode) -> Vec<Dispatch> {
        let nodes = self.take_nodes(mode);
        let mut recorder = Recorder::new(self, mode);
        for node in &nodes {
            recorder.set_foreign(node.foreign);
            node.operation.forward(&mut recorder, &node.inputs, &node.outputs);
        }
        let dispatches = recorder.finish();
        self.put_nodes(mode, nodes);
        dispatches
    }
}
