//! Two-dimensional max pooling.

use crate::graph::{Graph, GraphError, Inputs, Operation, Recorder, Sink, TensorId};
use crate::kernel::wgsl;
use crate::ops::pool2d::Pool2d;
use crate::shape::Shape;

/// Largest value of each window. The second output is the place of each maximum in its window, counted in row-major order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool2d {
    /// The windows.
    pub pool: Pool2d,
    /// Whether the result goes through relu. Then the place of a maximum that is not positive is -1, which stands for no
    /// cell, since relu makes its gradient 0.
    pub relu: bool,
}

impl Graph {
    /// Adds max pooling of `x` `[n, h, w, c]`: `[n, oh, ow, c]`.
    ///
    /// # Errors
    /// Windows that do not fit `x`.
    pub fn max_pool2d(&mut self, name: &str, pool: Pool2d, x: TensorId) -> Result<TensorId, GraphError> {
        self.add_own_node(name, MaxPool2d { pool, relu: false }, &[x])
    }
}

impl Graph {
    /// Adds the largest value of each channel of `x` `[n, h, w, c]`: `[n, c]`, or `[n, 1, 1, c]` if it keeps the axes.
    ///
    /// # Errors
    /// A tensor that is no image.
    pub fn global_max_pool2d(&mut self, name: &str, keepdims: bool, x: TensorId) -> Result<TensorId, GraphError> {
        let pool = Pool2d::global(self.inputs(name, &[x])?.image(0)?);
        let y = self.max_pool2d(name, pool, x)?;
        if keepdims { Ok(y) } else { self.flatten(name, y) }
    }
}

impl MaxPool2d {
    fn record_dx(&self, recorder: &mut Recorder, dy: TensorId, places: TensorId, dx: TensorId) {
        let name = recorder.graph().tensor(dx).name.clone();
        let dispatch = recorder.dispatch(name).a(dy).c(dx).d(Some(places));
        let dispatch = self.pool.geometry(dispatch, self.pool.input, 2 * self.pool.windows());
        dispatch.source(wgsl!("max_pool2d/dx")).record();
    }
}

impl Operation for MaxPool2d {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        self.pool.check(inputs)
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![self.pool.output().into(); 2]
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        let name = recorder.graph().tensor(outputs[0]).name.clone();
        let dispatch = recorder.dispatch(name).a(inputs[0]).c(outputs[0]).f(Some(outputs[1]));
        self.pool
            .geometry(dispatch, self.pool.output(), self.pool.cells())
            .source(wgsl!("max_pool2d/forward"))
            .constant("RELU", self.relu)
            .record();
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
        recorder.store(sink, |recorder, dx| self.record_dx(recorder, dy, outputs[1], dx));
    }
}
