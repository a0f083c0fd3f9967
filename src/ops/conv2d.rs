//! Two-dimensional convolution with bias and relu. As in Keras, it is a cross-correlation: the kernel is not flipped.

use crate::graph::{
    DispatchBuilder, Epilogue, Graph, GraphError, Inputs, Layout, Operation, Recorder, Sink, TensorId, VariableSpec,
    places,
};
use crate::kernel::{MicroKernel, operations, wgsl};
use crate::ops::matrix_product::{MatrixProduct, Rows};
use crate::ops::padding::{Padding, check_windows};
use crate::ops::parted_sum::PartedSum;
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

    /// `line`, if each pixel of a line of that length can serve three columns of the kernel: see [`Rows`].
    fn shared_pixels(&self, line: usize) -> usize {
        let shares = self.kernel[1] == 3 && self.stride == [1, 1] && line.is_multiple_of(4);
        if shares { line } else { 0 }
    }

    /// Floating-point operations, without those on padded channels; a multiply-add counts as two.
    fn flops(&self, pixels: usize) -> u64 {
        operations([2, pixels, self.kernel[0], self.kernel[1], self.input[3], self.filters])
    }

    /// Names a product by its sizes: batch, image, channels, filters, kernel, stride, padding.
    fn key(&self, direction: &str, pooled: bool) -> String {
        let [n, h, w, c] = self.input;
        let ([kh, kw], [sy, sx]) = (self.kernel, self.stride);
        let padding = if self.padding == Padding::Same { ", same" } else { "" };
        let pooled = if pooled { ", pooled" } else { "" };
        let filters = self.filters;
        format!("{direction} of {n} x {h} x {w} x {c} by {kh} x {kw} to {filters}, stride {sy} x {sx}{padding}{pooled}")
    }

    fn geometry<'r, 'g>(&self, dispatch: DispatchBuilder<'r, 'g>, pooled: bool) -> DispatchBuilder<'r, 'g> {
        let [_, h, w, _] = self.input;
        let [c, filters] = self.channels();
        let [oh, ow] = self.computed_size(pooled);
        let [pad_y, pad_x] = self.padding_before();
        let reaches_past = |size, out: usize, axis: usize| (out - 1) * self.stride[axis] + self.kernel[axis] > size;
        let padded = self.padding == Padding::Same && (reaches_past(h, oh, 0) || reaches_past(w, ow, 1));
        let sizes = [("H", h), ("W", w), ("CIN", c), ("OH", oh), ("OW", ow), ("COUT", filters)];
        let sizes = sizes.into_iter().chain([("BIAS_FIRST", self.bias_first())]);
        let at_run_time = self.reads_sizes(pooled);
        sizes
            .fold(dispatch, |dispatch, (name, size)| dispatch.size_or_number(name, size, at_run_time))
            .shared(wgsl!("conv2d/geometry"))
            .constant("POINTWISE", self.is_pointwise() && !pooled)
            .size("KH", self.kernel[0])
            .size("KW", self.kernel[1])
            .size("STRIDE_Y", self.stride[0])
            .size("STRIDE_X", self.stride[1])
            .size("PAD_Y", pad_y)
            .size("PAD_X", pad_x)
            .constant("PADDED", padded)
            .constant("BIAS", self.bias)
    }

    /// Whether each output pixel sees one pixel of the input, and they are as many.
    fn is_pointwise(&self) -> bool {
        self.kernel == [1, 1] && self.stride == [1, 1]
    }

    /// Whether its kernels read their sizes at run time. Pointwise convolutions of many pixels need no divisions by them,
    /// and deep networks have many. A dense layer is one of single pixels.
    fn reads_sizes(&self, pooled: bool) -> bool {
        self.is_pointwise() && !pooled && self.input[1] * self.input[2] > 1
    }

    /// Records the forward pass. With `places`, max pooling of 2 x 2 cells follows, and the places of the maxima are
    /// written there.
    pub(super) fn record_forward(
        &self,
        recorder: &mut Recorder,
        inputs: &[TensorId],
        output: TensorId,
        places: Option<TensorId>,
    ) {
        let pixels = self.computed_pixels(places.is_some());
        let key = self.key("forward", places.is_some());
        let sizes = [pixels, self.channels()[1], self.window_cells()];
        // Under pooling, the rows are not in the order of a line.
        let pixels_of_a_line = if places.is_some() { 0 } else { self.shared_pixels(self.output_size()[1]) };
        let rows = Rows { costly: false, pixels_of_a_line };
        let product = MatrixProduct::whole(recorder, key, sizes, rows).at_run_time(self.reads_sizes(places.is_some()));
        let name = recorder.graph().tensor(output).name.clone();
        let dispatch = recorder.dispatch(name).a(inputs[0]).b(inputs[1]).c(output).f(places);
        let dispatch = match product.kernel() {
            MicroKernel::Broadcast32x16 => dispatch.shared(wgsl!("conv2d/forward_taps")),
            _ => dispatch,
        };
        let dispatch = self
            .geometry(dispatch, places.is_some())
            .source(wgsl!("conv2d/forward"))
            .constant("RELU", self.relu)
            .constant("POOLED", places.is_some());
        product.complete(dispatch, self.flops(pixels)).record();
    }

    /// Records the gradient of the input from the weights `w` and from `dy`, the gradient of the result before relu. If `pooled`, `dy` has only
    /// the cells that max pooling of 2 x 2 cells keeps.
    pub(super) fn record_dx(&self, recorder: &mut Recorder, w: TensorId, dy: TensorId, pooled: bool, sink: &Sink) {
        if matches!(sink.epilogue, Epilogue::Scatter { .. }) && sink.earlier.is_some() {
            recorder.store(sink, |recorder, gradient| {
                let plain = Sink { gradient, earlier: None, epilogue: Epilogue::None, ..*sink };
                self.record_dx(recorder, w, dy, pooled, &plain);
            });
            return;
        }
        let [n, h, width, _] = self.input;
        let [c, filters] = self.channels();
        let sizes = [n * h * width, c, self.kernel[0] * self.kernel[1] * filters];
        let rows = Rows { costly: true, pixels_of_a_line: self.shared_pixels(width) };
        let product = MatrixProduct::whole(recorder, self.key("dx", pooled), sizes, rows);
        let product = product.at_run_time(self.reads_sizes(pooled));
        let name = recorder.graph().tensor(sink.gradient).name.clone();
        let (gate, places, [_, _, pool_w, pool_c]) = match sink.epilogue {
            Epilogue::None => (None, None, [1; 4]),
            Epilogue::Gate(y) => (Some(y), None, [1; 4]),
            Epilogue::Scatter { pooled, places } => (None, Some(places), pooled),
        };
        let dispatch = recorder.dispatch(name).a(dy).b(w).c(sink.gradient).d(places.or(sink.earlier)).e(gate);
        // The store reads these two once.
        let dispatch = dispatch.sweeping_over(1 << 3 | 1 << 4);
        let (dispatch, block) = match product.kernel() {
            // The pixels of a line follow each other.
            MicroKernel::Broadcast32x16 => (dispatch.shared(wgsl!("conv2d/dx_taps")), 1),
            // Few enough images that what a tile reads of them stays in the nearest cache.
            _ => (dispatch, 1 << n.trailing_zeros().min(4)),
        };
        let dispatch = self
            .geometry(dispatch, pooled)
            .source(wgsl!("conv2d/dx"))
            .constant("GATED", gate.is_some())
            .constant("SUMMED", sink.earlier.is_some())
            .constant("SCATTERED", places.is_some())
            .constant("POOLED", false)
            .size("POOL_W", pool_w)
            .size("POOL_C", pool_c.next_multiple_of(4))
            .size("BLOCK", block);
        let flops = self.flops(self.computed_pixels(pooled));
        product.complete(dispatch, flops).record();
    }

    /// Records the gradient of the weights from `dy`, which is as in [`Conv2d::record_dx`]. With the `places` of the
    /// maxima, `dy` is the gradient of the pooled output instead.
    pub(super) fn record_dw(
        &self,
        recorder: &mut Recorder,
        x: TensorId,
        dy: TensorId,
        pooled: bool,
        places: Option<TensorId>,
        sink: &Sink,
    ) {
        recorder.store(sink, |recorder, dw| self.record_plain_dw(recorder, x, dy, pooled, places, dw));
    }

    fn record_plain_dw(
        &self,
        recorder: &mut Recorder,
        x: TensorId,
        dy: TensorId,
        pooled: bool,
        places: Option<TensorId>,
        dw: TensorId,
    ) {
        let pixels = self.computed_pixels(pooled);
        let rows = self.window_cells() + usize::from(self.bias);
        let key = self.key("dw", pooled);
        let product = MatrixProduct::split(recorder, key, [rows, self.channels()[1], pixels]);
        let product = product.at_run_time(self.reads_sizes(pooled));
        let name = recorder.graph().tensor(dw).name.clone();
        let sum = PartedSum::new(recorder, dw, product.parts());
        let dispatch = recorder.dispatch(name).a(x).b(dy).c(sum.parts).d(places);
        let dispatch = self
            .geometry(dispatch, pooled)
            .source(wgsl!("conv2d/dw"))
            .constant("POOLED", places.is_some())
            .size_or_number("PART_LEN", self.weight_places().1, self.reads_sizes(pooled));
        product.complete(dispatch, self.flops(pixels)).record();
        sum.finish(recorder);
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

    fn epilogue(&self, outputs: &[TensorId], _needed: &[bool]) -> Epilogue {
        if self.relu { Epilogue::Gate(outputs[0]) } else { Epilogue::None }
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        self.record_forward(recorder, inputs, outputs[0], None);
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
            self.record_dx(recorder, inputs[1], dy, false, sink);
        }
    }
}
