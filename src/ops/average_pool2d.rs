//! Two-dimensional average pooling.

use crate::graph::{Graph, GraphError, Inputs, Operation, Recorder, Sink, TensorId};
use crate::kernel::wgsl;
use crate::ops::pool2d::Pool2d;
use crate::shape::Shape;

/// Mean of each window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AveragePool2d {
    /// The windows.
    pub pool: Pool2d,
}

impl Graph {
    /// Adds average pooling of `x` `[n, h, w, c]`: `[n, oh, ow, c]`.
    ///
    /// # Errors
    /// Windows that do not fit `x`.
    pub fn average_pool2d(&mut self, name: &str, pool: Pool2d, x: TensorId) -> Result<TensorId, GraphError> {
        self.add_own_node(name, AveragePool2d { pool }, &[x])
    }

    /// Adds the mean of each channel of `x` `[n, h, w, c]`: `[n, c]`, or `[n, 1, 1, c]` if it keeps the axes.
    ///
    /// # Errors
    /// A tensor that is no image.
    pub fn global_average_pool2d(&mut self, name: &str, keepdims: bool, x: TensorId) -> Result<TensorId, GraphError> {
        let pool = Pool2d::global(self.inputs(name, &[x])?.image(0)?);
        let y = self.average_pool2d(name, pool, x)?;
        if keepdims { Ok(y) } else { self.flatten(name, y) }
    }
}

impl Operation for AveragePool2d {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        self.pool.check(inputs)
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![self.pool.output().into()]
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        let name = recorder.graph().tensor(outputs[0]).name.clone();
        let dispatch = recorder.dispatch(name).a(inputs[0]).c(outputs[0]);
        let dispatch = self.pool.geometry(dispatch, self.pool.output(), self.pool.cells());
        dispatch.source(wgsl!("average_pool2d/forward")).record();
    }

    fn backward(
        &self,
        recorder: &mut Recorder,
        _inputs: &[TensorId],
        _outputs: &[TensorId],
        dy: TensorId,
        sinks: &[Option<Sink>],
    ) {
        let Some(sink) = &sinks[0] else { return };
        recorder.store(sink, |recorder, dx| {
            let name = recorder.graph().tensor(dx).name.clone();
            let dispatch = recorder.dispatch(name).a(dy).c(dx);
            let dispatch = self.pool.geometry(dispatch, self.pool.input, 2 * self.pool.windows());
            dispatch.source(wgsl!("average_pool2d/dx")).record();
        });
    }
}
