//! The interface between operations and the graph.

use std::any::Any;
use std::fmt::Debug;

use super::{Epilogue, Graph, GraphError, Home, Recorder, Sink, Tensor, TensorId, Variable, VariableSpec, places};
use crate::minibatch::Minibatch;
use crate::shape::Shape;

/// An operation. It consists of its geometry, records dispatches, and keeps no state.
///
/// Operations of other crates are welcome: [`Graph::add_node`](super::Graph::add_node) takes them. Their kernels always
/// run with runtime checks, unless the author vouches for the source: see [`Wgsl`](crate::kernel::Wgsl).
pub trait Operation: Any + Debug + Send + Sync {
    /// Checks that the geometry makes sense and that the inputs have the shapes that it was made for. The graph calls it
    /// before it adds a node, and calls nothing else if it fails. For wgrad's own operations, whose kernels run without
    /// bounds checks, memory safety depends on it.
    ///
    /// # Errors
    /// [`GraphError`], which [`Inputs`] helps to make.
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError>;

    /// Shapes of the outputs, at least one. Only the first has a gradient. Others are what the forward pass leaves to the
    /// backward pass or to whoever wants it. Where nothing in a plan reads them, a dispatch that writes one as its second
    /// result leaves it out.
    fn outputs(&self) -> Vec<Shape>;

    /// Whether the first output has the elements of the first input under another shape, so that it needs no memory of its
    /// own.
    fn is_view(&self) -> bool {
        false
    }

    /// Whether the gradient of this input equals that of the output behind [`Operation::epilogue`]. Then `backward` gets
    /// no sink for it, and is not called where there is none for any input.
    fn passes_gradient(&self, input: usize) -> bool {
        let _ = input;
        false
    }

    /// What the gradient of the first output goes through before `backward` gets it. An operation that stores the
    /// gradient can often do that on the way, which saves a dispatch. `needed` says of which inputs somebody needs the
    /// gradient. Tensors in the answer must be among the `outputs`. `recorder` is there to be asked for its target.
    fn epilogue(&self, recorder: &Recorder, outputs: &[TensorId], needed: &[bool]) -> Epilogue {
        let _ = (recorder, outputs, needed);
        Epilogue::None
    }

    /// Records the dispatches that write `outputs`.
    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]);

    /// Records the dispatches that write the gradient of each input into its sink; an entry is `None` where nobody needs
    /// the gradient, or where it is passed on. `dy` is the gradient of the first output behind [`Operation::epilogue`]; a loss, which ends a graph,
    /// gets its own output.
    fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &[TensorId],
        outputs: &[TensorId],
        dy: TensorId,
        sinks: &[Option<Sink>],
    );

    /// Whether the node is a loss: it needs no gradient from above.
    fn is_loss(&self) -> bool {
        false
    }
}

/// The inputs of a node that is to be added.
#[derive(Debug)]
pub struct Inputs<'g> {
    node: &'g str,
    tensors: Vec<&'g Tensor>,
    /// The variables that each of them holds, if it is a tensor of weights.
    variables: Vec<Vec<&'g Variable>>,
}

impl<'g> Inputs<'g> {
    pub(super) fn new(graph: &'g Graph, node: &'g str, inputs: &[TensorId], tensors: Vec<&'g Tensor>) -> Self {
        let variables = inputs.iter().map(|input| graph.variables_of(*input).collect()).collect();
        Self { node, tensors, variables }
    }

    /// The tensors.
    pub fn tensors(&self) -> &[&'g Tensor] {
        &self.tensors
    }

    /// Asserts that there are `wanted` inputs.
    ///
    /// # Errors
    /// [`GraphError::Inputs`]
    pub fn count(&self, wanted: usize) -> Result<(), GraphError> {
        let found = self.tensors.len();
        if found == wanted { Ok(()) } else { Err(GraphError::Inputs { node: self.node.into(), found, wanted }) }
    }

    /// Asserts that input `input` has the shape `wanted`.
    ///
    /// # Errors
    /// [`GraphError::Shape`], or [`GraphError::Inputs`] where there is no such input.
    pub fn shape(&self, input: usize, wanted: impl Into<Shape>) -> Result<(), GraphError> {
        let Some(tensor) = self.tensors.get(input) else { return self.count(input + 1) };
        let (node, wanted) = (self.node.to_owned(), wanted.into());
        if tensor.shape == wanted {
            return Ok(());
        }
        Err(GraphError::Shape { node, tensor: tensor.name.clone(), found: tensor.shape.clone(), wanted })
    }

    /// Asserts that input `input` has the length of `variables`, as [`Graph::add_weights`] places them, and holds such
    /// variables if it is a tensor of weights: two of one length may have other elements in the padding of the other.
    ///
    /// # Errors
    /// [`GraphError::Shape`], [`GraphError::Value`], or [`GraphError::Inputs`] where there is no such input.
    pub fn weights(&self, input: usize, variables: &[VariableSpec]) -> Result<(), GraphError> {
        let (_, len) = places(variables.iter().map(|variable| (variable.layout, &variable.shape[..])));
        self.shape(input, [len])?;
        if self.variables[input].len() > variables.len() {
            let (tensor, held) = (&self.tensors[input].name, self.variables[input].len());
            return Err(self.refuse(format!("`{tensor}` holds {held} variables, not {}", variables.len())));
        }
        self.begins_with(input, variables)
    }

    /// Asserts that input `input` begins with such variables, if it is a tensor of weights.
    pub(crate) fn begins_with(&self, input: usize, variables: &[VariableSpec]) -> Result<(), GraphError> {
        let Some(held) = self.variables.get(input).filter(|held| !held.is_empty()) else { return Ok(()) };
        let lies_like = |(held, wanted): (&&Variable, &VariableSpec)| held.lies_like(wanted);
        if held.len() >= variables.len() && held.iter().zip(variables).all(lies_like) {
            return Ok(());
        }
        let tensor = &self.tensors[input].name;
        let held: Vec<_> =
            held.iter().map(|variable| format!("`{}` {:?}", variable.name(), variable.shape())).collect();
        let wanted: Vec<_> = variables.iter().map(|variable| format!("{:?}", variable.shape)).collect();
        let (held, wanted) = (held.join(", "), wanted.join(", "));
        Err(self.refuse(format!("`{tensor}` holds {held}, but the operation wants variables that lie like {wanted}")))
    }

    /// Asserts that input `input` is a batch of images, and returns its shape `[n, h, w, c]`.
    ///
    /// # Errors
    /// [`GraphError::Value`], or [`GraphError::Inputs`] where there is no such input.
    pub fn image(&self, input: usize) -> Result<[usize; 4], GraphError> {
        let Some(tensor) = self.tensors.get(input) else { return self.count(input + 1).map(|()| [0; 4]) };
        let shape = <[usize; 4]>::try_from(tensor.shape.dims());
        shape.map_err(|_| self.refuse(format!("images are [n, h, w, c], but `{}` is {}", tensor.name, tensor.shape)))
    }

    /// Asserts that input `input` is a minibatch, and returns its layout.
    ///
    /// # Errors
    /// [`GraphError::Value`], or [`GraphError::Inputs`] where there is no such input.
    pub fn minibatch(&self, input: usize) -> Result<Minibatch, GraphError> {
        match self.tensors.get(input).map(|tensor| (tensor.home, &tensor.name)) {
            Some((Home::Minibatch(minibatch), _)) => Ok(minibatch),
            Some((_, name)) => Err(self.refuse(format!("`{name}` is not a minibatch"))),
            None => {
                let (node, found) = (self.node.into(), self.tensors.len());
                Err(GraphError::Inputs { node, found, wanted: input + 1 })
            }
        }
    }

    /// Asserts that all `sizes` are at least 1.
    ///
    /// # Errors
    /// [`GraphError::Value`], which names them as `what`.
    pub fn positive(&self, what: &str, sizes: &[usize]) -> Result<(), GraphError> {
        if sizes.contains(&0) { Err(self.refuse(format!("{what} {sizes:?} must not be 0"))) } else { Ok(()) }
    }

    /// The error that says what is `wrong` with the node.
    pub fn refuse(&self, wrong: impl Into<String>) -> GraphError {
        GraphError::Value { node: self.node.into(), wrong: wrong.into() }
    }
}
