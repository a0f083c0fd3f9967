//! Depthwise convolution: each channel has kernels of its own. As in Keras, it is a cross-correlation.

mod dw;
mod windows;

use crate::graph::{
    DispatchBuilder, Graph, GraphError, Initializer, Inputs, Layout, Operation, Recorder, Sink, TensorId, VariableSpec,
    places,
};
use crate::kernel::{operations, wgsl};
use crate::ops::ending::{Ending, Ends};
use crate::ops::padding::{Padding, check_windows};
use crate::shape::Shape;

/// Invocations of a workgroup.
const LANES: usize = 64;

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
        let target = recorder.target();
        let name = recorder.graph().tensor(output).name.clone();
        let dispatch = recorder
            .dispatch(name)
            .a(inputs[0])
            .b(inputs[1])
            .c(output)
            .source(wgsl!("depthwise_conv2d/forward"))
            .shared(wgsl!("depthwise_conv2d/x"))
            .number("COUT", self.channels()[1]);
        let dispatch = ending.define(self.geometry(dispatch, self.bias));
        let places = [self.stride, [1; 2], self.padding_before()];
        self.windows(target, dispatch, 1, [self.input, self.output()], places).record();
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
