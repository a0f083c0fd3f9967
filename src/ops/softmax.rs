//! Softmax inside a network. A softmax before the loss is part of the loss.

use crate::graph::{DispatchBuilder, Graph, GraphError, Inputs, Operation, Recorder, Sink, TensorId};
use crate::kernel::{operations, wgsl};
use crate::shape::Shape;

/// Invocations of a workgroup.
const LANES: usize = 64;

/// `y = exp(x) / sum of exp(x)` over the last axis. It is computed from `x` less the largest of its row, so that nothing
/// overflows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Softmax {
    /// Shape of `x` and `y`: any.
    pub shape: Shape,
}

impl Graph {
    /// Adds the softmax of `x` over its last axis: the shape of `x`.
    ///
    /// # Errors
    /// A tensor without elements, or of another graph.
    pub fn softmax(&mut self, name: &str, x: TensorId) -> Result<TensorId, GraphError> {
        let shape = self.inputs(name, &[x])?.tensors()[0].shape.clone();
        self.add_own_node(name, Softmax { shape }, &[x])
    }
}

impl Softmax {
    /// Records a dispatch in which an invocation goes over a row `passes` times.
    fn record(&self, dispatch: DispatchBuilder<'_, '_>, passes: usize) {
        let rows = self.shape.rows();
        dispatch
            .shared(wgsl!("softmax/rows"))
            .size("ROWS", rows)
            .size("COLUMNS", self.shape.columns())
            .size("STRIDE", self.shape.padded_columns())
            .workgroups(rows.div_ceil(LANES), 1)
            .cost(operations([8, self.shape.elements()]), passes * self.shape.padded_columns() / 4)
            .record();
    }
}

impl Operation for Softmax {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.count(1)?;
        inputs.positive("the shape", self.shape.dims())?;
        inputs.shape(0, self.shape.clone())
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![self.shape.clone()]
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        let name = recorder.graph().tensor(outputs[0]).name.clone();
        let dispatch = recorder.dispatch(name).a(inputs[0]).c(outputs[0]);
        self.record(dispatch.source(wgsl!("softmax/forward")), 3);
    }

    fn backward(
        &self,
        recorder: &mut Recorder,
        _inputs: &[TensorId],
        outputs: &[TensorId],
        dy: TensorId,
        sinks: &[Option<Sink>],
    ) {
        let Some(sink) = &sinks[0] else { return };
        recorder.store(sink, |recorder, dx| {
            let name = recorder.graph().tensor(dx).name.clone();
            let dispatch = recorder.dispatch(name).a(dy).b(outputs[0]).c(dx);
            self.record(dispatch.source(wgsl!("softmax/dx")), 2);
        });
    }
}
