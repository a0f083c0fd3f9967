//! Two-dimensional convolution (cross-correlation, as Keras has it) with bias and relu.

use crate::graph::{DispatchBuilder, Graph, Operation, Recorder, TensorId};
use crate::kernel::wgsl;
use crate::ops::matrix_product::MatrixProduct;
use crate::shape::Shape;

/// What surrounds the image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Padding {
    /// Nothing: windows stay inside.
    Valid,
    /// Zeros, so that the output has `ceil(size / stride)` pixels; the odd one goes after, as in Keras.
    Same,
}

/// Geometry of a convolution of `[n, h, w, c]` by a kernel `[kh, kw, c, filters]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2d {
    /// `[n, h, w, c]`
    pub input: [usize; 4],
    /// Output channels.
    pub filters: usize,
    /// `[kh, kw]`
    pub kernel: [usize; 2],
    /// `[sy, sx]`
    pub stride: [usize; 2],
    /// What surrounds the image.
    pub padding: Padding,
    /// Whether a bias is added.
    pub bias: bool,
    /// Whether the result goes through relu.
    pub relu: bool,
}

impl Graph {
    /// Adds a convolution of `x` by `w` (from [`Graph::add_parameter`]): `[n, oh, ow, filters]`.
    pub fn conv2d(&mut self, name: &str, geometry: Conv2d, x: TensorId, w: TensorId) -> TensorId {
        self.add_node(name, geometry, &[x, w])
    }
}

impl Conv2d {
    /// `[oh, ow]`; 0 where the kernel is larger than the image.
    pub fn output_size(&self) -> [usize; 2] {
        [0, 1].map(|axis| {
            let (size, kernel, stride) = (self.input[1 + axis], self.kernel[axis], self.stride[axis]);
            match self.padding {
                Padding::Valid if size < kernel => 0,
                Padding::Valid => (size - kernel) / stride + 1,
                Padding::Same => size.div_ceil(stride),
            }
        })
    }

    /// `[kh, kw, c, filters]`
    pub fn kernel_shape(&self) -> Vec<usize> {
        vec![self.kernel[0], self.kernel[1], self.input[3], self.filters]
    }

    /// Zeros before the image in y and x.
    fn padding_before(&self) -> [usize; 2] {
        [0, 1].map(|axis| match self.padding {
            Padding::Valid => 0,
            Padding::Same => {
                let covered = (self.output_size()[axis] - 1) * self.stride[axis] + self.kernel[axis];
                covered.saturating_sub(self.input[1 + axis]) / 2
            }
        })
    }

    fn output_pixels(&self) -> usize {
        self.input[0] * self.output_size().iter().product::<usize>()
    }

    /// Cells of a window over all channels.
    fn window_cells(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.input[3]
    }

    fn geometry<'r, 'g>(&self, dispatch: DispatchBuilder<'r, 'g>) -> DispatchBuilder<'r, 'g> {
        let [_, h, w, c] = self.input;
        let [oh, ow] = self.output_size();
        let [pad_y, pad_x] = self.padding_before();
        let reaches_past = |size, out: usize, axis: usize| (out - 1) * self.stride[axis] + self.kernel[axis] > size;
        let padded = self.padding == Padding::Same && (reaches_past(h, oh, 0) || reaches_past(w, ow, 1));
        dispatch
            .shared(wgsl!("conv2d/geometry"))
            .size("H", h)
            .size("W", w)
            .size("CIN", c)
            .size("OH", oh)
            .size("OW", ow)
            .size("COUT", self.filters)
            .size("KH", self.kernel[0])
            .size("KW", self.kernel[1])
            .size("STRIDE_Y", self.stride[0])
            .size("STRIDE_X", self.stride[1])
            .size("PAD_Y", pad_y)
            .size("PAD_X", pad_x)
            .constant("PADDED", padded)
            .constant("BIAS", self.bias)
    }

    fn record_dx(&self, recorder: &mut Recorder, w: TensorId, dy: TensorId, dx: TensorId) {
        let [n, h, width, c] = self.input;
        let target = recorder.target();
        let name = recorder.graph().tensor(dx).name.clone();
        let dispatch = recorder.dispatch(name).a(dy).b(w).c(dx, c);
        let dispatch = self.geometry(dispatch).source(wgsl!("conv2d/dx"));
        let k = self.kernel[0] * self.kernel[1] * self.filters;
        MatrixProduct::whole(n * h * width, c, k).complete(dispatch, target).record();
    }

    fn record_dw(&self, recorder: &mut Recorder, x: TensorId, dy: TensorId, dw: TensorId) {
        let target = recorder.target();
        let rows = self.window_cells() + usize::from(self.bias);
        let product = MatrixProduct::split(rows, self.filters, self.output_pixels(), target);
        let name = recorder.graph().tensor(dw).name.clone();
        // So that every part starts on a vec4.
        let part_rows = rows.next_multiple_of(4);
        let result = if product.parts == 1 {
            dw
        } else {
            recorder.temporary(format!("{name} parts"), [product.parts, part_rows, self.filters])
        };
        let dispatch = recorder.dispatch(name.clone()).a(x).b(dy).c(result, self.filters);
        let dispatch = self.geometry(dispatch).source(wgsl!("conv2d/dw")).size("PART_ROWS", part_rows);
        product.complete(dispatch, target).record();
        if product.parts > 1 {
            let count = rows * self.filters;
            recorder
                .dispatch(format!("{name} = sum of parts"))
                .a(result)
                .c(dw, count)
                .source(wgsl!("sum_parts"))
                .size("PARTS", product.parts)
                .size("PART_LEN", part_rows * self.filters)
                .elementwise(count, product.parts)
                .record();
        }
    }
}

impl Operation for Conv2d {
    fn output_shape(&self) -> Shape {
        let [oh, ow] = self.output_size();
        [self.input[0], oh, ow, self.filters].into()
    }

    fn ends_in_relu(&self) -> bool {
        self.relu
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], output: TensorId) {
        let target = recorder.target();
        let name = recorder.graph().tensor(output).name.clone();
        let dispatch = recorder.dispatch(name).a(inputs[0]).b(inputs[1]).c(output, self.filters);
        let dispatch = self.geometry(dispatch).source(wgsl!("conv2d/forward")).constant("RELU", self.relu);
        MatrixProduct::whole(self.output_pixels(), self.filters, self.window_cells())
            .complete(dispatch, target)
            .record();
    }

    fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &[TensorId],
        output: TensorId,
        dy: TensorId,
        gradients: &[Option<TensorId>],
    ) {
        let dy = if self.relu { recorder.relu_gradient(dy, output) } else { dy };
        if let Some(dw) = gradients[1] {
            self.record_dw(recorder, inputs[0], dy, dw);
        }
        if let Some(dx) = gradients[0] {
            self.record_dx(recorder, inputs[1], dy, dx);
        }
    }
}
