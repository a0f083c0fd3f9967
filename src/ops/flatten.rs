//! `[n, h, w, c]` as `[n, features]`. It needs no copy if the number of channels is a multiple of four.

use crate::graph::{Graph, GraphError, Inputs, Operation, Recorder, Sink, TensorId};
use crate::kernel::wgsl;
use crate::shape::Shape;

/// The same elements in rows, in the order of Keras: height, width, channels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flatten {
    /// `[n, ...]`
    pub input: Shape,
}

impl Graph {
    /// Adds the elements of `x` as rows: `[n, features]`.
    ///
    /// # Errors
    /// A tensor without sizes, or of another graph.
    pub fn flatten(&mut self, name: &str, x: TensorId) -> Result<TensorId, GraphError> {
        let input = self.inputs(name, &[x])?.tensors()[0].shape.clone();
        self.add_own_node(name, Flatten { input }, &[x])
    }
}

impl Flatten {
    fn record(recorder: &mut Recorder, from: TensorId, to: TensorId) {
        let tensor = recorder.graph().tensor(to);
        let (name, shape) = (tensor.name.clone(), tensor.shape.clone());
        let source = recorder.graph().tensor(from).shape.clone();
        recorder
            .dispatch(name)
            .a(from)
            .c(to)
            .source(wgsl!("flatten"))
            .size("FROM", source.columns())
            .size("FROM_STRIDE", source.padded_columns())
            .size("TO", shape.columns())
            .size("TO_STRIDE", shape.padded_columns())
            .elementwise(&shape, 0)
            .record();
    }
}

impl Operation for Flatten {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.count(1)?;
        if self.input.dims().is_empty() {
            return Err(inputs.refuse("a tensor without sizes has no rows"));
        }
        inputs.shape(0, self.input.clone())
    }

    fn outputs(&self) -> Vec<Shape> {
        let n = self.input.dims()[0];
        vec![[n, self.input.elements() / n.max(1)].into()]
    }

    fn is_view(&self) -> bool {
        self.input.columns().is_multiple_of(4) || self.input.dims().len() == 2
    }

    fn passes_gradient(&self) -> bool {
        self.is_view()
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        if !self.is_view() {
            Self::record(recorder, inputs[0], outputs[0]);
        }
    }

    fn backward(
        &self,
        recorder: &mut Recorder,
        _inputs: &[TensorId],
        _outputs: &[TensorId],
        dy: TensorId,
        sinks: &[Option<Sink>],
    ) {
        if let Some(sink) = &sinks[0] {
            recorder.store(sink, |recorder, dx| Self::record(recorder, dy, dx));
        }
    }
}
