//! Depthwise convolution: each channel has kernels of its own. As in Keras, it is a cross-correlation.

use crate::graph::{
    DispatchBuilder, Graph, GraphError, Initializer, Inputs, Layout, Operation, Recorder, Sink, TensorId, VariableSpec,
    places,
};
use crate::kernel::{operations, wgsl};
use crate::ops::ending::{Ending, Ends};
use crate::ops::padding::{Padding, check_windows};
use crate::ops::parted_sum::PartedSum;
use crate::shape::Shape;

/// Pixels of a row that an invocation computes: `shaders/depthwise_conv2d/windows.wgsl` has the same constant.
const STRIP: usize = 4;

/// Columns of a window whose gradients an invocation adds up: `shaders/depthwise_conv2d/dw.wgsl` has the same constant.
const COLUMNS: usize = 4;

/// Invocations of a workgroup.
const LANES: usize = 64;

/// Most pixels that an invocation adds up for the gradient of the weights: half of the loop iterations that a plan allows.
const LONGEST_PART: usize = 32_768;

/// Geometry of a convolution of each channel of `[n, h, w, c]` by `multiplier` kernels of its own, `[kh, kw, c, multiplier]`
/// in all. Channel `c * multiplier + m` of the output comes from channel `c` of the input by its kernel `m`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DepthwiseConv2d {
    /// `[n, h, w, c]`
    pub input: [usize; 4],
    /// Output channels of each input channel.
    pub multiplier: usize,
    /// `[kh, kw]`
    pub kernel: [usize; 2],
    /// `[sy, sx]`
    pub stride: [usize; 2],
    /// The border of zeros that is added around the image.
    pub padding: Padding,
    /// Whether a bias is added.
    pub bias: bool,
}

impl Graph {
    /// Adds a depthwise convolution of `x` `[n, h, w, c]` by the weights `w`, which hold
    /// [`DepthwiseConv2d::variables`]: `[n, oh, ow, c * multiplier]`.
    ///
    /// # Errors
    /// A geometry that does not fit `x` or `w`.
    pub fn depthwise_conv2d(
        &mut self,
        name: &str,
        geometry: DepthwiseConv2d,
        x: TensorId,
        w: TensorId,
    ) -> Result<TensorId, GraphError> {
        self.add_own_node(name, geometry, &[x, w])
    }
}

impl DepthwiseConv2d {
    /// `[n, oh, ow, c * multiplier]`; height or width is 0 where the kernel is larger than the image.
    pub fn output(&self) -> [usize; 4] {
        let [n, h, w, _] = self.input;
        let size = |size, axis: usize| self.padding.windows(size, self.kernel[axis], self.stride[axis]);
        [n, size(h, 0), size(w, 1), self.filters()]
    }

    /// `[kh, kw, c, multiplier]`
    pub fn kernel_shape(&self) -> Vec<usize> {
        vec![self.kernel[0], self.kernel[1], self.input[3], self.multiplier]
    }

    /// Whether the geometry makes sense and fits the second input, the weights.
    pub(super) fn check_weights(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.positive("the image", &self.input)?;
        inputs.positive("the multiplier", &[self.multiplier])?;
        check_windows(inputs, "the kernel", self.kernel, self.stride)?;
        inputs.weights(1, &self.variables(""))?;
        if self.output().contains(&0) {
            return Err(inputs.refuse(format!("a kernel of {:?} does not fit into {:?}", self.kernel, self.input)));
        }
        Ok(())
    }

    fn filters(&self) -> usize {
        self.input[3].saturating_mul(self.multiplier)
    }

    /// Zeros before the image in y and x.
    fn padding_before(&self) -> [usize; 2] {
        [0, 1].map(|axis| self.padding.before(self.input[1 + axis], self.kernel[axis], self.stride[axis]))
    }

    /// Channels in memory: of the input and of the output.
    fn channels(&self) -> [usize; 2] {
        [self.input[3], self.filters()].map(|channels| channels.next_multiple_of(4))
    }

    /// Its variables: the kernel, and the bias if it has one.
    pub fn variables(&self, layer: &str) -> Vec<VariableSpec> {
        let columns = self.filters();
        let kernel = VariableSpec::kernel(layer, self.kernel_shape());
        let kernel = VariableSpec { layout: Layout::Rows { columns }, ..kernel };
        let bias = self.bias.then(|| VariableSpec::vector(layer, "bias", columns, Initializer::Zeros));
        std::iter::once(kernel).chain(bias).collect()
    }

    /// First float of the kernel and of the bias among the weights, and the number of those.
    fn weight_places(&self) -> (Vec<usize>, usize) {
        let columns = self.filters();
        let layout = Layout::Rows { columns };
        let (kernel, bias) = (self.kernel_shape(), [columns]);
        let bias = self.bias.then_some((layout, &bias[..]));
        places(std::iter::once((layout, &kernel[..])).chain(bias))
    }

    /// First float of the bias among the weights; 0 if it has none.
    fn bias_first(&self) -> usize {
        self.weight_places().0.get(1).copied().unwrap_or(0)
    }

    /// Floating-point operations; a multiply-add counts as two.
    fn flops(&self) -> u64 {
        operations(self.output()) * operations([2, self.kernel[0], self.kernel[1]])
    }

    fn geometry<'r, 'g>(&self, dispatch: DispatchBuilder<'r, 'g>, bias: bool) -> DispatchBuilder<'r, 'g> {
        dispatch
            .size("KH", self.kernel[0])
            .size("KW", self.kernel[1])
            .size("MULTIPLIER", self.multiplier)
            .constant("BIAS", bias)
            .number("BIAS_FIRST", self.bias_first())
    }

    /// Adds to a dispatch whose operands are bound what makes it compute `to` `[n, h, w, c]` from `from`. The window of the
    /// pixel `(y, x)` begins `before` cells before `(step * y, step * x)`; its cells fall on every `spacing`-th pixel of
    /// `from`.
    fn windows<'r, 'g>(
        &self,
        dispatch: DispatchBuilder<'r, 'g>,
        [from, to]: [[usize; 4]; 2],
        [step, spacing, before]: [[usize; 2]; 3],
    ) -> DispatchBuilder<'r, 'g> {
        let [n, h, w, c] = to;
        let strips = w.div_ceil(STRIP);
        let channels = c.next_multiple_of(4);
        let count = n * h * strips * channels / 4;
        dispatch
            .shared(wgsl!("quotient"))
            .shared(wgsl!("depthwise_conv2d/windows"))
            .number("FROM_H", from[1])
            .number("FROM_W", from[2])
            .number("FROM_C", from[3].next_multiple_of(4))
            .number("TO_H", h)
            .number("TO_W", w)
            .number("TO_C", channels)
            .number("CHANNELS", c)
            .size("STEP_Y", step[0])
            .size("STEP_X", step[1])
            .size("SPACING_Y", spacing[0])
            .size("SPACING_X", spacing[1])
            .number("BEFORE_Y", before[0])
            .number("BEFORE_X", before[1])
            .number("STRIPS", strips)
            .number("COUNT", count)
            .workgroups(count.div_ceil(LANES), 1)
            .cost(self.flops(), self.multiplier * self.kernel[0] * (self.kernel[1] + 1))
    }

    fn record_dx(&self, recorder: &mut Recorder, dy: TensorId, w: TensorId, dx: TensorId) {
        // A cell of x gathers from the windows that hold it, by the kernel turned around.
        let before = self.padding_before();
        let before = [0, 1].map(|axis| self.kernel[axis] - 1 - before[axis]);
        let name = recorder.graph().tensor(dx).name.clone();
        let dispatch = recorder
            .dispatch(name)
            .a(dy)
            .b(w)
            .c(dx)
            .source(wgsl!("depthwise_conv2d/dx"))
            .size("PARTS", self.multiplier);
        let dispatch = Ending::None.define(self.geometry(dispatch, false));
        self.windows(dispatch, [self.output(), self.input], [[1; 2], self.stride, before]).record();
    }

    /// Lines of pixels of the output in a part of the sum that the gradient of the weights is, and the number of parts. Both
    /// depend only on the sizes and the target, so that sums have the same order in every run.
    fn parts(&self, busy_workgroups: usize, items: usize) -> [usize; 2] {
        let [n, oh, ow, _] = self.output();
        let lines = n * oh;
        let parts = (busy_workgroups * LANES).div_ceil(items).max((lines * ow).div_ceil(LONGEST_PART));
        let lines_of_part = lines.div_ceil(parts.min(lines));
        [lines_of_part, lines.div_ceil(lines_of_part)]
    }

    fn record_dw(&self, recorder: &mut Recorder, x: TensorId, dy: TensorId, dw: TensorId) {
        let [_, h, w, _] = self.input;
        let [n, oh, ow, _] = self.output();
        let [c, filters] = self.channels();
        let [before_y, before_x] = self.padding_before();
        let blocks = self.kernel[1].div_ceil(COLUMNS);
        // An item is up to four columns of a row of the kernel, or the bias, for four channels.
        let items = (self.kernel[0] * blocks + usize::from(self.bias)) * filters / 4;
        let [lines, parts] = self.parts(recorder.target().busy_workgroups, items);
        let name = recorder.graph().tensor(dw).name.clone();
        let shape = recorder.graph().tensor(dw).shape.clone();
        let sum = PartedSum::new(recorder, dw, parts);
        let dispatch = recorder
            .dispatch(name)
            .a(x)
            .b(dy)
            .c(sum.parts)
            .source(wgsl!("depthwise_conv2d/dw"))
            .shared(wgsl!("quotient"));
        self.geometry(dispatch, self.bias)
            .shared(wgsl!("depthwise_conv2d/x"))
            .number("H", h)
            .number("W", w)
            .number("CIN", c)
            .number("OH", oh)
            .number("OW", ow)
            .number("COUT", filters)
            .size("STRIDE_Y", self.stride[0])
            .size("STRIDE_X", self.stride[1])
            .number("BEFORE_Y", before_y)
            .number("BEFORE_X", before_x)
            .size("BLOCKS", blocks)
            .number("ITEMS", items)
            .number("LINES", n * oh)
            .number("LINES_OF_PART", lines)
            .number("PARTS", parts)
            .number("PART_LEN", shape.padded_elements())
            .workgroups((items * parts).div_ceil(LANES), 1)
            .cost(self.flops(), lines * (ow + 1))
            .record();
        sum.finish(recorder);
    }
}

impl Ends for DepthwiseConv2d {
    fn check_operands(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.shape(0, self.input)?;
        self.check_weights(inputs)
    }

    fn is_activated(&self) -> bool {
        false
    }

    fn record_with(&self, recorder: &mut Recorder, inputs: &[TensorId], output: TensorId, ending: Ending<'_>) {
        let name = recorder.graph().tensor(output).name.clone();
        let dispatch = recorder
            .dispatch(name)
            .a(inputs[0])
            .b(inputs[1])
            .c(output)
            .source(wgsl!("depthwise_conv2d/forward"))
            .shared(wgsl!("depthwise_conv2d/x"))
            .size("PARTS", 1)
            .number("COUT", self.channels()[1]);
        let dispatch = ending.define(self.geometry(dispatch, self.bias));
        self.windows(dispatch, [self.input, self.output()], [self.stride, [1; 2], self.padding_before()]).record();
    }
}

impl Operation for DepthwiseConv2d {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.count(2)?;
        self.check_operands(inputs)
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![self.output().into()]
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        self.record_with(recorder, inputs, outputs[0], Ending::None);
    }

    fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &[TensorId],
        _outputs: &[TensorId],
        dy: TensorId,
        sinks: &[Option<Sink>],
    ) {
        if let Some(sink) = &sinks[1] {
            recorder.store(sink, |recorder, dw| self.record_dw(recorder, inputs[0], dy, dw));
        }
        if let Some(sink) = &sinks[0] {
            recorder.store(sink, |recorder, dx| self.record_dx(recorder, dy, inputs[1], dx));
        }
    }
}
