//! Convolution in general: of groups of channels, each by itself, and by kernels whose cells are apart. As in Keras, it is a
//! cross-correlation.
//!
//! Kernels here are plain loops. Where a convolution has one group and a dense kernel, [`Conv2d`](super::Conv2d) is much
//! faster; where each channel is a group, [`DepthwiseConv2d`] is.

mod gradients;

use crate::graph::{
    DispatchBuilder, Graph, GraphError, Initializer, Inputs, Layout, Operation, Recorder, Sink, TensorId, VariableSpec,
    places,
};
use crate::kernel::{operations, wgsl};
use crate::ops::DepthwiseConv2d;
use crate::ops::padding::{Padding, check_windows};
use crate::shape::Shape;

/// Invocations of a workgroup.
const LANES: usize = 64;

/// Pixels of a line that an invocation computes: `shaders/grouped_conv2d/{forward,dx}.wgsl` have as many.
const STRIP: usize = 4;

/// Geometry of a convolution of `[n, h, w, c]` by a kernel `[kh, kw, c / groups, filters]`. Both channels and filters are cut
/// into so many groups of neighbours, and a filter sees the channels of its group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupedConv2d {
    /// `[n, h, w, c]`
    pub input: [usize; 4],
    /// Output channels.
    pub filters: usize,
    /// `[kh, kw]`
    pub kernel: [usize; 2],
    /// `[sy, sx]`
    pub stride: [usize; 2],
    /// From one cell of the kernel to the next, `[dy, dx]`.
    pub dilation: [usize; 2],
    /// The groups, whose number divides the channels and the filters.
    pub groups: usize,
    /// The border of zeros that is added around the image.
    pub padding: Padding,
    /// Whether a bias is added.
    pub bias: bool,
}

impl Graph {
    /// Adds a convolution of `x` `[n, h, w, c]` by the weights `w`, which hold [`GroupedConv2d::variables`]:
    /// `[n, oh, ow, filters]`. It is depthwise if it can be.
    ///
    /// # Errors
    /// A geometry that does not fit `x` or `w`.
    pub fn grouped_conv2d(
        &mut self,
        name: &str,
        geometry: GroupedConv2d,
        x: TensorId,
        w: TensorId,
    ) -> Result<TensorId, GraphError> {
        match geometry.depthwise() {
            Some(depthwise) => self.depthwise_conv2d(name, depthwise, x, w),
            None => self.add_own_node(name, geometry, &[x, w]),
        }
    }
}

impl GroupedConv2d {
    /// The same as a depthwise convolution, if each channel is a group and the cells of the kernel are neighbours.
    fn depthwise(&self) -> Option<DepthwiseConv2d> {
        let Self { input, filters, kernel, stride, dilation, groups, padding, bias } = *self;
        let fits = groups > 0 && groups == input[3] && filters.is_multiple_of(groups) && dilation == [1, 1];
        fits.then(|| DepthwiseConv2d { input, multiplier: filters / groups, kernel, stride, padding, bias })
    }

    /// `[h, w]` of the window that the kernel covers.
    fn window(&self) -> [usize; 2] {
        [0, 1].map(|axis| self.kernel[axis].saturating_sub(1).saturating_mul(self.dilation[axis]).saturating_add(1))
    }

    /// `[n, oh, ow, filters]`; height or width is 0 where the window is larger than the image.
    pub fn output(&self) -> [usize; 4] {
        let window = self.window();
        let size = |axis: usize| self.padding.windows(self.input[1 + axis], window[axis], self.stride[axis]);
        [self.input[0], size(0), size(1), self.filters]
    }

    /// `[kh, kw, c / groups, filters]`
    pub fn kernel_shape(&self) -> Vec<usize> {
        let channels = self.input[3].checked_div(self.groups).unwrap_or(0);
        vec![self.kernel[0], self.kernel[1], channels, self.filters]
    }

    /// Its variables: the kernel, and the bias if it has one.
    pub fn variables(&self, layer: &str) -> Vec<VariableSpec> {
        let columns = self.filters;
        let kernel = VariableSpec::kernel(layer, self.kernel_shape());
        let kernel = VariableSpec { layout: Layout::Rows { columns }, ..kernel };
        let bias = self.bias.then(|| VariableSpec::vector(layer, "bias", columns, Initializer::Zeros));
        std::iter::once(kernel).chain(bias).collect()
    }

    /// First float of the bias among the weights; 0 if it has none.
    fn bias_first(&self) -> usize {
        let layout = Layout::Rows { columns: self.filters };
        let (kernel, bias) = (self.kernel_shape(), [self.filters]);
        let bias = self.bias.then_some((layout, &bias[..]));
        places(std::iter::once((layout, &kernel[..])).chain(bias)).0.get(1).copied().unwrap_or(0)
    }

    /// Floating-point operations; a multiply-add counts as two.
    fn flops(&self) -> u64 {
        operations(self.output()).saturating_mul(operations([
            2,
            self.kernel[0],
            self.kernel[1],
            self.channels_of_group(),
        ]))
    }

    fn channels_of_group(&self) -> usize {
        self.input[3] / self.groups
    }

    fn filters_of_group(&self) -> usize {
        self.filters / self.groups
    }

    /// Defines the geometry, and how the shader takes channels: four at once where four neighbours always share a group.
    fn geometry<'r, 'g>(&self, dispatch: DispatchBuilder<'r, 'g>) -> DispatchBuilder<'r, 'g> {
        let ([_, h, w, c], [_, oh, ow, filters], window) = (self.input, self.output(), self.window());
        let before = [0, 1].map(|axis| self.padding.before(self.input[1 + axis], window[axis], self.stride[axis]));
        let share = |channels: usize| self.groups == 1 || channels.is_multiple_of(4);
        let shared = [self.channels_of_group(), self.filters_of_group()].map(share);
        dispatch
            .shared(wgsl!("quotient"))
            .shared(wgsl!("grouped_conv2d/channels"))
            .number("H", h)
            .number("W", w)
            .number("CIN", c.next_multiple_of(4))
            .number("OH", oh)
            .number("OW", ow)
            .number("COUT", filters.next_multiple_of(4))
            .number("BEFORE_Y", before[0])
            .number("BEFORE_X", before[1])
            .number("BIAS_FIRST", self.bias_first())
            .size("CHANNELS", c)
            .size("FILTERS", filters)
            .size("GROUP_IN", self.channels_of_group())
            .size("GROUP_OUT", self.filters_of_group())
            .size("KH", self.kernel[0])
            .size("KW", self.kernel[1])
            .size("STRIDE_Y", self.stride[0])
            .size("STRIDE_X", self.stride[1])
            .size("APART_Y", self.dilation[0])
            .size("APART_X", self.dilation[1])
            .constant("BIAS", self.bias)
            .constant("SHARED_IN", shared[0])
            .constant("SHARED_OUT", shared[1])
    }
}

impl Operation for GroupedConv2d {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.count(2)?;
        inputs.shape(0, self.input)?;
        inputs.positive("the image", &self.input)?;
        inputs.positive("the number of filters", &[self.filters])?;
        inputs.positive("the number of groups", &[self.groups])?;
        inputs.positive("the kernel", &self.kernel)?;
        inputs.positive("the dilation", &self.dilation)?;
        check_windows(inputs, "the window", self.window(), self.stride)?;
        if [self.input[3], self.filters].iter().any(|channels| !channels.is_multiple_of(self.groups)) {
            let (groups, channels, filters) = (self.groups, self.input[3], self.filters);
            return Err(
                inputs.refuse(format!("{groups} groups divide not both {channels} channels and {filters} filters"))
            );
        }
        inputs.weights(1, &self.variables(""))?;
        if self.output().contains(&0) {
            return Err(inputs.refuse(format!("a window of {:?} does not fit into {:?}", self.window(), self.input)));
        }
        Ok(())
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![self.output().into()]
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        let [n, oh, ow, filters] = self.output();
        let strips = ow.div_ceil(STRIP);
        let count = n * oh * strips * filters.div_ceil(4);
        let name = recorder.graph().tensor(outputs[0]).name.clone();
        let dispatch = recorder.dispatch(name).a(inputs[0]).b(inputs[1]).c(outputs[0]);
        self.geometry(dispatch)
            .source(wgsl!("grouped_conv2d/forward"))
            .number("STRIPS", strips)
            .number("COUNT", count)
            .workgroups(count.div_ceil(LANES), 1)
            .cost(self.flops(), self.kernel[0] * (1 + self.kernel[1] * (1 + self.channels_of_group())))
            .record();
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
