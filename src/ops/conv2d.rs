//! Two-dimensional convolution with bias and relu. As in Keras, it is a cross-correlation: the kernel is not flipped.

mod pack;
mod products;
mod windows;
mod winograd;
mod winograd_dw;
mod winograd_product;
mod winograd_rule;

use crate::graph::{
    Epilogue, Graph, GraphError, Inputs, Layout, Operation, Recorder, Sink, TensorId, VariableSpec, places,
};
use crate::ops::ending::{Ending, Ends};
use crate::ops::padding::{Padding, check_windows};
use crate::shape::Shape;

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
    /// The border that is added around the image.
    pub padding: Padding,
    /// Whether a bias is added.
    pub bias: bool,
    /// Whether the result goes through relu.
    pub relu: bool,
}

impl Graph {
    /// Adds a convolution of `x` by the weights `w`, which hold [`Conv2d::variables`]: `[n, oh, ow, filters]`.
    ///
    /// # Errors
    /// A geometry that does not fit `x` or `w`.
    pub fn conv2d(&mut self, name: &str, geometry: Conv2d, x: TensorId, w: TensorId) -> Result<TensorId, GraphError> {
        self.add_own_node(name, geometry, &[x, w])
    }
}

impl Conv2d {
    /// Whether the geometry makes sense and fits its two inputs, of which the first has the shape `x`.
    pub(super) fn check_shapes(&self, inputs: &Inputs<'_>, x: impl Into<Shape>) -> Result<(), GraphError> {
        inputs.shape(0, x)?;
        inputs.positive("the number of filters", &[self.filters])?;
        check_windows(inputs, "the kernel", self.kernel, self.stride)?;
        inputs.positive("the image", &self.input)?;
        inputs.weights(1, &self.variables(""))?;
        if self.output_size().contains(&0) {
            return Err(inputs.refuse(format!("a kernel of {:?} does not fit into {:?}", self.kernel, self.input)));
        }
        Ok(())
    }

    /// `[oh, ow]`; 0 where the kernel is larger than the image.
    pub fn output_size(&self) -> [usize; 2] {
        [0, 1].map(|axis| self.padding.windows(self.input[1 + axis], self.kernel[axis], self.stride[axis]))
    }

    /// `[n, oh, ow, filters]`; height or width is 0 where the kernel is larger than the image.
    pub fn output(&self) -> [usize; 4] {
        let [oh, ow] = self.output_size();
        [self.input[0], oh, ow, self.filters]
    }

    /// `[kh, kw, c, filters]`
    pub fn kernel_shape(&self) -> Vec<usize> {
        vec![self.kernel[0], self.kernel[1], self.input[3], self.filters]
    }

    /// Its variables: the kernel, and the bias if it has one.
    pub fn variables(&self, layer: &str) -> Vec<VariableSpec> {
        VariableSpec::kernel_and_bias(layer, self.kernel_shape(), self.bias)
    }

    /// First float of the kernel and of the bias among the weights, and the number of those.
    fn weight_places(&self) -> (Vec<usize>, usize) {
        let (kernel, bias) = (self.kernel_shape(), [self.filters]);
        let kernel = (Layout::Kernel, &kernel[..]);
        let bias = self.bias.then_some((Layout::Rows { columns: self.filters }, &bias[..]));
        places(std::iter::once(kernel).chain(bias))
    }

    /// First float of the bias among the weights; 0 if it has none.
    pub(super) fn bias_first(&self) -> usize {
        self.weight_places().0.get(1).copied().unwrap_or(0)
    }

    /// Zeros before the image in y and x.
    fn padding_before(&self) -> [usize; 2] {
        [0, 1].map(|axis| self.padding.before(self.input[1 + axis], self.kernel[axis], self.stride[axis]))
    }

    /// Height and width of the part of the output that is computed: all, or what max pooling of 2 x 2 cells keeps.
    pub(super) fn computed_size(&self, pooled: bool) -> [usize; 2] {
        self.output_size().map(|size| if pooled { size / 2 * 2 } else { size })
    }

    fn computed_pixels(&self, pooled: bool) -> usize {
        self.input[0] * self.computed_size(pooled).iter().product::<usize>()
    }

    /// Channels in memory: of the input and of the output.
    fn channels(&self) -> [usize; 2] {
        [self.input[3], self.filters].map(|channels| channels.next_multiple_of(4))
    }

    /// Cells of a window, times the channels in memory.
    fn window_cells(&self) -> usize {
        self.kernel[0] * self.kernel[1] * self.channels()[0]
    }
}

impl Ends for Conv2d {
    fn check_operands(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        self.check_shapes(inputs, self.input)
    }

    fn is_activated(&self) -> bool {
        self.relu
    }

    fn record_with(&self, recorder: &mut Recorder, inputs: &[TensorId], output: TensorId, ending: Ending<'_>) {
        self.record_forward(recorder, inputs, output, None, ending);
    }
}

impl Operation for Conv2d {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.count(2)?;
        self.check_shapes(inputs, self.input)
    }

    fn outputs(&self) -> Vec<Shape> {
        let [oh, ow] = self.output_size();
        vec![[self.input[0], oh, ow, self.filters].into()]
    }

    fn epilogue(&self, _recorder: &Recorder, outputs: &[TensorId], _needed: &[bool]) -> Epilogue {
        if self.relu { Epilogue::Gate(outputs[0]) } else { Epilogue::None }
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
            self.record_dw(recorder, inputs[0], dy, false, None, sink);
        }
        if let Some(sink) = &sinks[0] {
            self.record_dx(recorder, inputs[1], dy, false, None, sink);
        }
    }
}
