//! Two-dimensional max pooling without padding.

use crate::graph::{DispatchBuilder, Graph, Home, Operation, Recorder, TensorId};
use crate::kernel::wgsl;
use crate::shape::Shape;

/// Geometry of max pooling of `[n, h, w, c]`; windows may overlap or leave gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool2d {
    /// `[n, h, w, c]`
    pub input: [usize; 4],
    /// `[window_h, window_w]`
    pub window: [usize; 2],
    /// `[sy, sx]`
    pub stride: [usize; 2],
    /// Place of each maximum in its window, counted in row-major order; -1 where relu stops the gradient.
    places: TensorId,
    /// Whether the input is a relu's output.
    relu: bool,
}

impl Graph {
    /// Adds max pooling of `x` `[n, h, w, c]`: `[n, oh, ow, c]`.
    pub fn max_pool2d(&mut self, name: &str, window: [usize; 2], stride: [usize; 2], x: TensorId) -> TensorId {
        let dims = self.tensor(x).shape.dims();
        let input = [dims[0], dims[1], dims[2], dims[3]];
        let [oh, ow] = MaxPool2d::output_size(input, window, stride);
        let places = self.add_tensor(format!("{name} places"), [input[0], oh, ow, input[3]], Home::Slot);
        let relu = self.ends_in_relu(x);
        self.add_node(name, MaxPool2d { input, window, stride, places, relu }, &[x])
    }
}

impl MaxPool2d {
    /// `[oh, ow]`; 0 where the window is larger than the image.
    pub fn output_size(input: [usize; 4], window: [usize; 2], stride: [usize; 2]) -> [usize; 2] {
        [0, 1].map(|axis| match input[1 + axis].checked_sub(window[axis]) {
            Some(rest) => rest / stride[axis] + 1,
            None => 0,
        })
    }

    fn geometry<'r, 'g>(
        &self,
        dispatch: DispatchBuilder<'r, 'g>,
        pixels: usize,
        trips: usize,
    ) -> DispatchBuilder<'r, 'g> {
        let [_, h, w, c] = self.input;
        let [oh, ow] = Self::output_size(self.input, self.window, self.stride);
        let channels = c.next_multiple_of(4);
        dispatch
            .shared(wgsl!("max_pool2d/geometry"))
            .size("H", h)
            .size("W", w)
            .size("C", channels)
            .size("OH", oh)
            .size("OW", ow)
            .size("WINDOW_H", self.window[0])
            .size("WINDOW_W", self.window[1])
            .size("STRIDE_Y", self.stride[0])
            .size("STRIDE_X", self.stride[1])
            .size("PIXELS", pixels)
            .workgroups((pixels * channels / 4).div_ceil(64), 1)
            .cost(pixels * c * trips, trips)
    }
}

impl MaxPool2d {
    /// Records the gradient of the cells `[n, h, w, c]` of windows of 2 x 2, 2 apart.
    pub(super) fn record_dx_of_pairs(recorder: &mut Recorder, dy: TensorId, places: TensorId, cells: TensorId) {
        let dims = recorder.graph().tensor(cells).shape.dims();
        let input = [dims[0], dims[1], dims[2], dims[3]];
        Self { input, window: [2, 2], stride: [2, 2], places, relu: false }.record_dx(recorder, dy, cells);
    }

    fn record_dx(&self, recorder: &mut Recorder, dy: TensorId, dx: TensorId) {
        let [n, h, w, _] = self.input;
        let windows: usize = [0, 1].map(|axis| self.window[axis].div_ceil(self.stride[axis])).iter().product();
        let name = recorder.graph().tensor(dx).name.clone();
        let dispatch = recorder.dispatch(name).a(dy).c(dx).d(Some(self.places));
        self.geometry(dispatch, n * h * w, 2 * windows).source(wgsl!("max_pool2d/dx")).record();
    }
}

impl Operation for MaxPool2d {
    fn output_shape(&self) -> Shape {
        let [oh, ow] = Self::output_size(self.input, self.window, self.stride);
        [self.input[0], oh, ow, self.input[3]].into()
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], output: TensorId) {
        let name = recorder.graph().tensor(output).name.clone();
        let c = self.input[3];
        let dispatch = recorder.dispatch(name).a(inputs[0]).c(output).f(Some(self.places));
        self.geometry(dispatch, self.output_shape().elements() / c, self.window[0] * self.window[1])
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
