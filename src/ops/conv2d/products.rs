//! The matrix products of a convolution: forward, and the gradients of its input and of its weights.

use super::Conv2d;
use super::pack::Packed;
use super::windows::Trip;
use crate::graph::{DispatchBuilder, Epilogue, Recorder, Sink, TensorId};
use crate::kernel::{operations, wgsl};
use crate::ops::ending::Ending;
use crate::ops::matrix_product::MatrixProduct;
use crate::ops::micro_kernels::Rows;
use crate::ops::padding::Padding;
use crate::ops::parted_sum::PartedSum;

impl Conv2d {
    /// `line`, if each pixel can serve three columns of the kernel: see [`Rows`].
    fn shared_line(&self, line: usize) -> usize {
        if self.kernel[1] == 3 && self.stride == [1, 1] { line } else { 0 }
    }

    /// `line`, if a lane can hold the pixels that four of its rows see: see [`Rows`].
    fn held_line(&self, line: usize, pooled: bool) -> usize {
        let steps = if pooled { self.stride == [1, 1] } else { self.stride[1] <= 2 };
        if self.kernel == [3, 3] && self.input[3] <= 4 && steps { line } else { 0 }
    }

    /// The share of pairs of a cell of the input and one of the kernel that no window has.
    fn skipped(&self, pooled: bool) -> f64 {
        let pairs = |axis: usize| {
            let size = self.input[1 + axis];
            let (windows, before) = (self.computed_size(pooled)[axis], self.padding_before()[axis]);
            let exists = |k: usize, o: usize| (before..before + size).contains(&(o * self.stride[axis] + k));
            let reached = |k: usize| (0..windows).filter(|o| exists(k, *o)).count();
            (0..self.kernel[axis]).map(reached).sum::<usize>() as f64 / (size * self.kernel[axis]) as f64
        };
        1.0 - pairs(0) * pairs(1)
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

    fn geometry<'r, 'g>(
        &self,
        dispatch: DispatchBuilder<'r, 'g>,
        pooled: bool,
        bias_first: usize,
    ) -> DispatchBuilder<'r, 'g> {
        let [_, h, w, _] = self.input;
        let [c, filters] = self.channels();
        let [oh, ow] = self.computed_size(pooled);
        let [pad_y, pad_x] = self.padding_before();
        let reaches_past = |size, out: usize, axis: usize| (out - 1) * self.stride[axis] + self.kernel[axis] > size;
        let padded = self.padding == Padding::Same && (reaches_past(h, oh, 0) || reaches_past(w, ow, 1));
        let sizes = [("H", h), ("W", w), ("CIN", c), ("OH", oh), ("OW", ow), ("COUT", filters)];
        let at_run_time = self.reads_sizes(pooled);
        (sizes.into_iter().chain([("BIAS_FIRST", bias_first)]))
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

    /// Whether it is a dense layer: images are single pixels.
    fn is_dense(&self) -> bool {
        self.is_pointwise() && self.input[1] * self.input[2] == 1
    }

    /// Whether its kernels read their sizes at run time. Pointwise convolutions of many pixels need no divisions by them,
    /// and deep networks have many. A dense layer is one of single pixels.
    fn reads_sizes(&self, pooled: bool) -> bool {
        self.is_pointwise() && !pooled && !self.is_dense()
    }

    /// Records the forward pass. With `places`, max pooling of 2 x 2 cells follows, and the places of the maxima are
    /// written there, and there is no ending.
    pub(in crate::ops) fn record_forward(
        &self,
        recorder: &mut Recorder,
        inputs: &[TensorId],
        output: TensorId,
        places: Option<TensorId>,
        ending: Ending<'_>,
    ) {
        let pixels = self.computed_pixels(places.is_some());
        let key = self.key("forward", places.is_some());
        if self.record_tiled_forward(recorder, &key, [inputs[0], inputs[1], output], places, ending) {
            return;
        }
        let sizes = [pixels, self.channels()[1], self.window_cells()];
        // Under pooling, a line of windows has two lines of pixels.
        let [oh, ow] = self.computed_size(places.is_some());
        let [lines, line] = if places.is_some() { [oh / 2, 2 * ow] } else { [oh, ow] };
        let (line, held) = (self.shared_line(line), self.held_line(line, places.is_some()));
        let rows = Rows { line, lines, pixels: held, are_images: self.is_dense(), ..Rows::default() };
        let product = MatrixProduct::whole(recorder, key, sizes, rows).at_run_time(self.reads_sizes(places.is_some()));
        let name = recorder.graph().tensor(output).name.clone();
        let packed =
            product.kernel().rows_of_a_line().map(|_| self.pack(recorder, product.described(), inputs[1], false));
        let Packed { tensor: w, bias_first } =
            packed.unwrap_or(Packed { tensor: inputs[1], bias_first: self.bias_first() });
        let dispatch = recorder.dispatch(name).a(inputs[0]).b(w).c(output).f(places);
        let dispatch = match product.kernel() {
            _ if packed.is_some() => dispatch.shared(wgsl!("conv2d/forward_taps")),
            kernel if kernel.holds_pixels() => {
                let windows = places.is_some();
                let sums = if windows { wgsl!("product/pixels_of_windows") } else { wgsl!("product/pixels_of_lines") };
                dispatch.shared(sums).size("CHANNELS", self.input[3])
            }
            _ => dispatch,
        };
        let dispatch = self.geometry(dispatch, places.is_some(), bias_first).source(wgsl!("conv2d/forward"));
        let dispatch = ending.define(dispatch).constant("RELU", self.relu).constant("POOLED", places.is_some());
        let dispatch = product.by_rows(dispatch, &[0, 2]);
        product.complete(dispatch, self.flops(pixels)).record();
    }

    /// Records the gradient of the input from the weights `w` and from `dy`, the gradient of the result before relu. If
    /// `pooled`, `dy` has only the cells that max pooling of 2 x 2 cells keeps. With the places of the `maxima`, `dy` is the
    /// gradient of the pooled output instead.
    pub(in crate::ops) fn record_dx(
        &self,
        recorder: &mut Recorder,
        w: TensorId,
        dy: TensorId,
        pooled: bool,
        maxima: Option<TensorId>,
        sink: &Sink,
    ) {
        if matches!(sink.epilogue, Epilogue::Scatter { .. }) && sink.earlier.is_some() {
            recorder.store(sink, |recorder, gradient| {
                let plain = Sink { gradient, earlier: None, epilogue: Epilogue::None, ..*sink };
                self.record_dx(recorder, w, dy, pooled, maxima, &plain);
            });
            return;
        }
        let key = self.key("dx", pooled);
        if maxima.is_none() && self.record_tiled_dx(recorder, &key, [dy, w], pooled, sink) {
            return;
        }
        let [n, h, width, _] = self.input;
        let [c, filters] = self.channels();
        let sizes = [n * h * width, c, self.kernel[0] * self.kernel[1] * filters];
        let (line, skipped) = (self.shared_line(width), self.skipped(pooled));
        let rows = Rows {
            costly: !self.is_pointwise() || pooled,
            line,
            lines: h,
            skipped,
            are_images: self.is_dense(),
            ..Rows::default()
        };
        let product = MatrixProduct::whole(recorder, key, sizes, rows);
        let product = product.at_run_time(self.reads_sizes(pooled));
        let name = recorder.graph().tensor(sink.gradient).name.clone();
        let (gate, places, [_, _, pool_w, pool_c]) = match sink.epilogue {
            Epilogue::None => (None, None, [1; 4]),
            Epilogue::Gate(y) => (Some(y), None, [1; 4]),
            Epilogue::Scatter { pooled, places } => (None, Some(places), pooled),
        };
        let packed =
            product.kernel().rows_of_a_line().map(|_| self.pack(recorder, product.described(), w, true).tensor);
        let dispatch = recorder.dispatch(name).a(dy).b(packed.unwrap_or(w)).c(sink.gradient);
        let dispatch = dispatch.d(places.or(sink.earlier)).e(gate).h(maxima);
        // The store reads `d` once. It reads `e` once too, but that has an image anyway, since the forward pass reads one.
        let dispatch = dispatch.sweeping_over(1 << 3);
        let (dispatch, block) = if packed.is_some() {
            // The pixels of a line follow each other.
            (dispatch.shared(wgsl!("conv2d/dx_taps")), 1)
        } else {
            // Few enough images that what a tile reads of them stays in the nearest cache.
            (dispatch, 1 << n.trailing_zeros().min(4))
        };
        let dispatch = self
            .geometry(dispatch, pooled, self.bias_first())
            .source(wgsl!("conv2d/dx"))
            .constant("GATED", gate.is_some())
            .constant("SUMMED", sink.earlier.is_some())
            .constant("SCATTERED", places.is_some())
            .constant("OF_MAXIMA", maxima.is_some())
            .constant("POOLED", false)
            .size("POOL_W", pool_w)
            .size("POOL_C", pool_c.next_multiple_of(4))
            .size("BLOCK", block);
        let dispatch = product.by_rows(dispatch, &[0, 2, 3, 4]);
        let flops = self.flops(self.computed_pixels(pooled));
        product.complete(dispatch, flops).record();
    }

    /// Records the gradient of the weights from `dy`, which is as in [`Conv2d::record_dx`], as are the `places`
    /// of the maxima.
    pub(in crate::ops) fn record_dw(
        &self,
        recorder: &mut Recorder,
        x: TensorId,
        dy: TensorId,
        pooled: bool,
        places: Option<TensorId>,
        sink: &Sink,
    ) {
        let key = self.key("dw", pooled);
        recorder.store(sink, |recorder, dw| {
            if places.is_some() || !self.record_tiled_dw(recorder, &key, [x, dy, dw], pooled) {
                self.record_plain_dw(recorder, x, dy, pooled, places, dw);
            }
        });
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
        let sizes = [self.window_cells() + usize::from(self.bias), self.channels()[1], pixels];
        let key = self.key("dw", pooled);
        let rows = Rows { nine_taps: self.kernel == [3, 3] && self.stride == [1, 1], ..Rows::default() };
        let product = MatrixProduct::split(recorder, key, sizes, rows);
        let product = product.at_run_time(self.reads_sizes(pooled));
        let name = recorder.graph().tensor(dw).name.clone();
        let sum = PartedSum::new(recorder, dw, product.parts());
        let dispatch = recorder.dispatch(name).a(x).b(dy).c(sum.parts).d(places);
        let dispatch = if product.kernel().takes_windows() {
            let trip = Trip::new(self, product.kernel(), pooled, places.is_some());
            let [oh, ow] = self.computed_size(pooled);
            let trips = self.input[0] * oh.div_ceil(trip.lines) * ow.div_ceil(4);
            let dispatch = trip.sources.into_iter().fold(dispatch, |dispatch, source| dispatch.source(source));
            let dispatch = dispatch.size("CHANNELS", self.input[3]).size("PART_TRIPS", trips.div_ceil(product.parts()));
            if trip.finds_maxima { dispatch.constant("SCATTERED", places.is_none()) } else { dispatch }
        } else {
            dispatch
        };
        let dispatch = self
            .geometry(dispatch, pooled, self.bias_first())
            .source(wgsl!("conv2d/dw"))
            .constant("POOLED", places.is_some())
            .size_or_number("PART_LEN", self.weight_places().1, self.reads_sizes(pooled));
        product.complete(dispatch, self.flops(pixels)).record();
        sum.finish(recorder);
    }
}
