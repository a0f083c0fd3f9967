//! Two-dimensional max pooling without padding.

use crate::graph::{Graph, GraphError, Home, Inputs, Operation, Recorder, TensorId};
use crate::kernel::wgsl;
use crate::ops::pool2d::Pool2d;
use crate::shape::Shape;

/// Largest value of each window.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool2d {
    /// The windows.
    pub pool: Pool2d,
    /// Place of each maximum in its window, counted in row-major order. It is -1 where relu makes the gradient 0.
    places: TensorId,
    /// Whether the input is a relu's output.
    relu: bool,
}

impl Graph {
    /// Adds max pooling of `x` `[n, h, w, c]`: `[n, oh, ow, c]`.
    ///
    /// # Errors
    /// Windows that do not fit `x`.
    pub fn max_pool2d(&mut self, name: &str, pool: Pool2d, x: TensorId) -> Result<TensorId, GraphError> {
        pool.check(&self.inputs(name, &[x])?)?;
        let places = self.add_tensor(format!("{name} places"), pool.output(), Home::Slot);
        let relu = self.ends_in_relu(x);
        self.add_own_node(name, MaxPool2d { pool, places, relu }, &[x])
    }
}

impl MaxPool2d {
    /// Records the gradient of the cells `[n, h, w, c]` of windows of 2 x 2, 2 apart.
    pub(super) fn record_dx_of_pairs(recorder: &mut Recorder, dy: TensorId, places: TensorId, cells: TensorId) {
        let dims = recorder.graph().tensor(cells).shape.dims();
        let pool = Pool2d { input: [dims[0], dims[1], dims[2], dims[3]], window: [2, 2], stride: [2, 2] };
        Self { pool, places, relu: false }.record_dx(recorder, dy, cells);
    }

    fn record_dx(&self, recorder: &mut Recorder, dy: TensorId, dx: TensorId) {
        let name = recorder.graph().tensor(dx).name.clone();
        let dispatch = recorder.dispatch(name).a(dy).c(dx).d(Some(self.places));
        let dispatch = self.pool.geometry(dispatch, self.pool.input, 2 * self.pool.windows());
        dispatch.source(wgsl!("max_pool2d/dx")).record();
    }
}

impl Operation for MaxPool2d {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        self.pool.check(inputs)
    }

    fn output_shape(&self) -> Shape {
        self.pool.output().into()
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], output: TensorId) {
        let name = recorder.graph().tensor(output).name.clone();
        let dispatch = recorder.dispatch(name).a(inputs[0]).c(output).f(Some(self.places));
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
        _output: TensorId,
        dy: TensorId,
        gradients: &[Option<TensorId>],
    ) {
        let Some(dx) = gradients[0] else { return };
        self.record_dx(recorder, dy, dx);
        if self.relu {
            recorder.mark_stopped_by_relu(dx);
        }
    }
}
