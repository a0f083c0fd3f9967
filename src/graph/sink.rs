//! Where the gradient of an input goes, and what happens to it on its way.

use super::{GraphError, Node, Recorder, TensorId};
use crate::kernel::wgsl;
use crate::shape::Shape;

/// What the gradient of a tensor goes through before the operation that made the tensor gets it. That operation declares
/// it: see [`Operation::epilogue`](super::Operation::epilogue).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Epilogue {
    /// Nothing.
    #[default]
    None,
    /// It becomes 0 wherever this tensor, of the same shape, is not positive: the gradient passes a relu whose output the
    /// tensor is.
    Gate(TensorId),
    /// The gradient `[n, oh, ow, c]` of the output of max pooling becomes that of the `[n, 2 oh, 2 ow, c]` cells that were
    /// pooled.
    Scatter {
        /// `[n, oh, ow, c]`
        pooled: [usize; 4],
        /// Of the same shape: the place of each maximum among its 2 x 2 cells, in row-major order. A place that is not
        /// from 0 to 3 stands for no cell.
        places: TensorId,
    },
}

/// Where an operation writes the gradient of one of its inputs.
///
/// An operation that can apply the epilogue while it stores the gradient writes to [`Sink::gradient`]. Every other one
/// calls [`Recorder::store`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sink {
    /// The input.
    pub input: TensorId,
    /// The gradient behind the epilogue.
    pub gradient: TensorId,
    /// What other operations contributed to the gradient, if it is to be added before the epilogue.
    pub earlier: Option<TensorId>,
    /// What the gradient goes through.
    pub epilogue: Epilogue,
}

impl Sink {
    /// Whether all that is done to the gradient is to gate it by the input itself.
    pub fn is_gated_by_input(&self, recorder: &Recorder) -> bool {
        let graph = recorder.graph();
        self.earlier.is_none() && matches!(self.epilogue, Epilogue::Gate(y) if graph.root(y) == graph.root(self.input))
    }
}

impl Epilogue {
    /// The shape of a gradient of the shape `plain` behind the epilogue.
    pub(super) fn shape(&self, plain: Shape) -> Shape {
        match *self {
            Self::None | Self::Gate(_) => plain,
            Self::Scatter { pooled: [n, h, w, c], .. } => [n, 2 * h, 2 * w, c].into(),
        }
    }
}

impl Node {
    /// What its operation declares about the gradient of its output, if that makes sense: kernels that run without bounds
    /// checks rely on it.
    pub(super) fn epilogue(&self, recorder: &Recorder, needed: &[bool]) -> Result<Epilogue, GraphError> {
        let epilogue = self.operation.epilogue(recorder, &self.outputs, needed);
        let graph = recorder.graph();
        let output = &graph.tensor(self.outputs[0]);
        let is_like_output = |id: TensorId| {
            self.outputs.contains(&id) && graph.tensor(id).shape.padded_elements() == output.shape.padded_elements()
        };
        let fits = match epilogue {
            Epilogue::None => true,
            Epilogue::Gate(y) => is_like_output(y),
            Epilogue::Scatter { pooled, places } => output.shape == pooled.into() && is_like_output(places),
        };
        if fits {
            return Ok(epilogue);
        }
        let wrong = "the epilogue of its gradient does not fit its outputs".into();
        Err(GraphError::Value { node: output.name.clone(), wrong })
    }
}

impl Recorder<'_> {
    /// Stores the gradient of an input where `write` can't apply the sink's epilogue: `write` gets a tensor of the shape
    /// of the input and records the dispatches that write the gradient there. A dispatch that applies the epilogue
    /// follows, if there is one.
    pub fn store(&mut self, sink: &Sink, write: impl FnOnce(&mut Self, TensorId)) {
        if sink.epilogue == Epilogue::None && sink.earlier.is_none() {
            write(self, sink.gradient);
            return;
        }
        let plain = self.gradient_like(sink.input);
        write(self, plain);
        match (sink.epilogue, sink.earlier) {
            (Epilogue::None, Some(earlier)) => self.add(earlier, plain, sink.gradient),
            (Epilogue::Scatter { .. }, Some(earlier)) => {
                let sum = self.gradient_like(sink.input);
                self.add(earlier, plain, sum);
                self.apply(sink.epilogue, sum, None, sink.gradient);
            }
            (epilogue, earlier) => self.apply(epilogue, plain, earlier, sink.gradient),
        }
    }

    /// Records `to`, the gradient `from` behind an epilogue. A gate takes what came `earlier` too.
    pub(super) fn apply(&mut self, epilogue: Epilogue, from: TensorId, earlier: Option<TensorId>, to: TensorId) {
        let tensor = self.graph().tensor(to);
        let (name, shape) = (tensor.name.clone(), tensor.shape.clone());
        let dispatch = self.dispatch(name).a(from).c(to);
        match epilogue {
            Epilogue::None => dispatch.source(wgsl!("copy")),
            Epilogue::Gate(y) => {
                (dispatch.b(y).d(earlier)).source(wgsl!("epilogue/gate")).constant("SUMMED", earlier.is_some())
            }
            Epilogue::Scatter { pooled: [_, _, w, c], places } => (dispatch.b(places))
                .source(wgsl!("epilogue/scatter"))
                .size("POOL_W", w)
                .size("POOL_C", c.next_multiple_of(4)),
        }
        .elementwise(&shape, 1)
        .record();
    }

    /// A tensor for the gradient of `of`.
    pub(super) fn gradient_like(&mut self, of: TensorId) -> TensorId {
        self.gradient_behind(Epilogue::None, of)
    }

    /// A tensor for the gradient of `of` behind an epilogue.
    pub(super) fn gradient_behind(&mut self, epilogue: Epilogue, of: TensorId) -> TensorId {
        let tensor = self.graph().tensor(of);
        let (name, shape) = (format!("d {}", tensor.name), tensor.shape.clone());
        let precision = tensor.precision;
        let gradient = self.temporary(name, epilogue.shape(shape));
        self.set_precision(gradient, precision);
        gradient
    }

    /// Records `c = a + b`.
    pub fn add(&mut self, a: TensorId, b: TensorId, c: TensorId) {
        let shape = self.graph().tensor(c).shape.clone();
        let name = format!("{} = sum", self.graph().tensor(c).name);
        self.dispatch(name).a(a).b(b).c(c).source(wgsl!("add")).elementwise(&shape, 1).record();
    }

    /// Records `c = a`.
    pub(super) fn copy(&mut self, a: TensorId, c: TensorId) {
        let shape = self.graph().tensor(c).shape.clone();
        let name = format!("{} = copy", self.graph().tensor(c).name);
        self.dispatch(name).a(a).c(c).source(wgsl!("copy")).elementwise(&shape, 0).record();
    }
}
