//! Two-dimensional max pooling without padding.

use crate::graph::{Access, DispatchBuilder, Graph, Home, Operation, Recorder, TensorId};
use crate::kernel::wgsl;
use crate::shape::Shape;

/// Geometry of max pooling of `[n, h, w, c]`; windows may overlap or leave gaps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MaxPool2d {
    /// `[n, h, w, c]`
    pub input: [usize; 4],
    /// `[window_h, window_w]`, at most [`MaxPool2d::MAX_CELLS`] cells.
    pub window: [usize; 2],
    /// `[sy, sx]`
    pub stride: [usize; 2],
    /// Place of each maximum: `[n, oh, ow, ceil(c / 4)]`, 7 bits a channel.
    argmax: TensorId,
    /// Whether the input is a relu's output.
    relu: bool,
}

impl Graph {
    /// Adds max pooling of `x` `[n, h, w, c]`: `[n, oh, ow, c]`.
    pub fn max_pool2d(&mut self, name: &str, window: [usize; 2], stride: [usize; 2], x: TensorId) -> TensorId {
        let dims = self.tensor(x).shape.dims();
        let input = [dims[0], dims[1], dims[2], dims[3]];
        let [oh, ow] = MaxPool2d::output_size(input, window, stride);
        let argmax = self.add_tensor(format!("{name} argmax"), [input[0], oh, ow, input[3].div_ceil(4)], Home::Slot);
        let relu = self.ends_in_relu(x);
        self.add_node(name, MaxPool2d { input, window, stride, argmax, relu }, &[x])
    }
}

impl MaxPool2d {
    /// Most cells of a window: their places fit 7 bits, but for the one that means none.
    pub const MAX_CELLS: usize = 127;

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
        let groups = c.div_ceil(4);
        dispatch
            .shared(wgsl!("max_pool2d/geometry"))
            .size("H", h)
            .size("W", w)
            .size("C", c)
            .size("OH", oh)
            .size("OW", ow)
            .size("WINDOW_H", self.window[0])
            .size("WINDOW_W", self.window[1])
            .size("STRIDE_Y", self.stride[0])
            .size("STRIDE_X", self.stride[1])
            .size("PIXELS", pixels)
            .size("GROUPS", groups)
            .workgroups((pixels * groups).div_ceil(64), 1)
            .cost(pixels * c * trips, trips)
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
        let dispatch = recorder.dispatch(name).a(inputs[0]).c(output, c).bind(3, self.argmax, Access::Write);
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
        let [n, h, w, c] = self.input;
        let windows: usize = [0, 1].map(|axis| self.window[axis].div_ceil(self.stride[axis])).iter().product();
        let name = recorder.graph().tensor(dx).name.clone();
        let dispatch = recorder.dispatch(name).a(dy).b(self.argmax).c(dx, c);
        self.geometry(dispatch, n * h * w, 2 * windows).source(wgsl!("max_pool2d/dx")).record();
        if self.relu {
            recorder.mark_stopped_by_relu(dx);
        }
    }
}
