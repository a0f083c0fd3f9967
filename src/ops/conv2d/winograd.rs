//! Winograd's algorithm F(4 x 4, 3 x 3) for a convolution by a kernel of 3 x 3 with a stride of 1, and for the gradient of its
//! input: a quarter of the multiplications. See `shaders/winograd/output.wgsl`.

use super::Conv2d;
use super::winograd_product::{
    TileProduct, floats_of_tiles, floats_of_weights, images_of_blocks, rows_of_weights, tiles_in_memory,
};
use crate::graph::{Algorithm, DispatchBuilder, Epilogue, Recorder, Sink, Target, TensorId, Winograd};
use crate::kernel::{Storage, operations, wgsl};
use crate::ops::ending::Ending;

/// Pixels of the result of a tile, in each direction.
const TILE: usize = 4;

/// Elements of a transformed tile or kernel.
pub(super) const PLACES: usize = 36;

/// Operations of a transformation of a tile of a channel, about.
const TRANSFORMATION_FLOPS: usize = 160;

/// Most bytes of the transformed tiles of a part of the batch and of their products, about: a last cache should keep them from
/// one dispatch to the next.
const PART_BYTES: u64 = 24 << 20;

/// The same on llvmpipe, if a part has no sums of its own: the caches of two cores keep as much. Of smaller parts there are so many
/// that to begin a dispatch counts: a step of `models/airbench.toml` with 500 images took 2,315 ms with 4 MiB, 2,153 with 8 and
/// 2,179 with 12, on two cores of a Xeon.
const SMALL_PART_BYTES: u64 = 8 << 20;

/// Most floats of a temporary tensor.
const MOST_FLOATS: usize = 1 << 29;

/// A convolution by a kernel of 3 x 3 with a stride of 1, cut into tiles.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tiled {
    /// `[n, h, w, c]`, with the channels in memory.
    pub input: [usize; 4],
    /// `[n, h, w, c]`, with the channels in memory.
    pub output: [usize; 4],
    /// Zeros before the image in y and x.
    before: [usize; 2],
    /// Whether the kernel is turned by half a circle, with inputs and outputs exchanged.
    turned: bool,
    /// Whether each part of the batch has sums of its own.
    summed: bool,
}

/// A part of the batch, whose tiles lie together in memory.
#[derive(Clone, Copy, Debug)]
pub(super) struct Part {
    first: usize,
    images: usize,
    tiles: usize,
}

impl Tiled {
    /// Tiles of an image in y and x.
    fn tiles(&self) -> [usize; 2] {
        let [_, h, w, _] = self.output;
        [h.div_ceil(TILE), w.div_ceil(TILE)]
    }

    pub(super) fn tiles_of_image(&self) -> usize {
        self.tiles().into_iter().product()
    }

    /// Images of a part of the batch. Each of the two tensors of a part should fit into a binding.
    pub(super) fn images_of_part(&self, target: Target) -> usize {
        let ([n, _, _, c], [_, _, _, filters]) = (self.input, self.output);
        let bytes = |channels| operations([self.tiles_of_image(), PLACES, channels, size_of::<f32>()]).max(1);
        let most = target.binding_bytes / bytes(c.max(filters));
        let is_small = !self.summed && target.micro_kernel.lanes().is_some();
        let of_part = if is_small { SMALL_PART_BYTES } else { PART_BYTES };
        let images = (of_part / bytes(c + filters)).min(most).max(1);
        let images = n.div_ceil((n as u64).div_ceil(images) as usize);
        // Blocks of tiles that a part does not fill are computed in vain.
        let whole = images.next_multiple_of(images_of_blocks(target, self.tiles_of_image()));
        if images < n && whole <= 2 * images && whole as u64 <= most { whole.min(n) } else { images }
    }

    /// Tiles of a part of the batch, in memory.
    pub(super) fn tiles_of_part(&self, target: Target) -> usize {
        tiles_in_memory(target, self.images_of_part(target) * self.tiles_of_image())
    }

    /// Whether shaders can index what the algorithm needs.
    fn fits(&self, target: Target) -> bool {
        let ([_, _, _, c], [_, _, _, filters]) = (self.input, self.output);
        let rows = self.tiles_of_part(target).max(c.next_multiple_of(8));
        operations([PLACES, rows, c.max(filters).next_multiple_of(32)]) <= MOST_FLOATS as u64
    }

    /// Records the convolution of `x` by `w`. The dispatches that `store` completes write the result; they have `a` already.
    fn record(
        &self,
        recorder: &mut Recorder,
        key: String,
        [x, w, result]: [TensorId; 3],
        store: &dyn for<'r, 'g> Fn(DispatchBuilder<'r, 'g>) -> DispatchBuilder<'r, 'g>,
    ) {
        let ([.., k], [.., columns]) = (self.input, self.output);
        let target = recorder.target();
        let tiles = self.tiles_of_part(target);
        let name = recorder.graph().tensor(result).name.clone();
        let transformed = |what: &str| format!("{name}, transformed {what}");
        let u = recorder.temporary(transformed("weights"), [floats_of_weights(k, columns)]);
        let v = recorder.temporary(transformed("tiles"), [floats_of_tiles(tiles, k)]);
        let m = recorder.temporary(transformed("products"), [floats_of_tiles(tiles, columns)]);
        let product = TileProduct::new(recorder, key, [tiles, columns, k]);

        let [cin, cout] = if self.turned { [columns, k] } else { [k, columns] };
        recorder
            .dispatch(transformed("weights"))
            .a(w)
            .c(u)
            .source(wgsl!("winograd/weights"))
            .number("CIN", cin)
            .number("COUT", cout)
            .constant("TURNED", self.turned)
            .storing_pairs()
            .workgroups(rows_of_weights(k) / 8 * columns.div_ceil(32), 1)
            .cost(operations([k, columns, 200]), 0)
            .product(product.described())
            .record();
        for part in self.parts(target, tiles) {
            self.record_input(recorder, x, v, part, &product);
            let dispatch = recorder.dispatch(transformed("products")).a(v).b(u).c(m);
            product.complete(dispatch, [tiles, columns, k]).record();
            let dispatch = recorder.dispatch(name.clone()).a(m).c(result).sweeping_over(1);
            let dispatch = dispatch.shared(wgsl!("winograd/tiles"));
            self.complete(store(dispatch.source(wgsl!("winograd/output"))), part, columns, &product).record();
        }
    }

    /// The parts of the batch, with as many tiles in memory.
    pub(super) fn parts(&self, target: Target, tiles: usize) -> impl Iterator<Item = Part> + use<> {
        let (n, images) = (self.input[0], self.images_of_part(target));
        (0..n).step_by(images).map(move |first| Part { first, images: images.min(n - first), tiles })
    }

    /// Records the transformation of the input to `v`.
    pub(super) fn record_input(
        &self,
        recorder: &mut Recorder,
        x: TensorId,
        v: TensorId,
        part: Part,
        product: &TileProduct,
    ) {
        let [_, h, width, c] = self.input;
        let name = recorder.graph().tensor(v).name.clone();
        let dispatch = recorder.dispatch(name).a(x).c(v).storing_pairs().shared(wgsl!("winograd/tiles"));
        let dispatch = dispatch.source(wgsl!("winograd/input"));
        let sizes = [("H", h), ("W", width), ("BEFORE_Y", self.before[0]), ("BEFORE_X", self.before[1])];
        let dispatch = sizes.into_iter().fold(dispatch, |dispatch, (name, size)| dispatch.number(name, size));
        self.complete(dispatch, part, c, product).record();
    }

    /// Completes a dispatch that transforms the tiles of a part, 16 channels of 16 tiles in a workgroup.
    pub(super) fn complete<'r, 'g>(
        &self,
        dispatch: DispatchBuilder<'r, 'g>,
        Part { first, images, tiles }: Part,
        channels: usize,
        product: &TileProduct,
    ) -> DispatchBuilder<'r, 'g> {
        let [tiles_y, tiles_x] = self.tiles();
        let sizes = [("CHANNELS", channels), ("TILES", tiles), ("TILES_Y", tiles_y), ("TILES_X", tiles_x)];
        let sizes = sizes.into_iter().chain([("FIRST_IMAGE", first), ("IMAGES", images)]);
        (sizes.fold(dispatch, |dispatch, (name, size)| dispatch.number(name, size)))
            .workgroups(tiles / 16 * channels.div_ceil(16), 1)
            .cost(operations([tiles, channels, TRANSFORMATION_FLOPS]), 0)
            .product(product.described())
    }
}

impl Conv2d {
    /// Whether the convolution `tiled`, whose direct product has this key, runs by the algorithm.
    pub(super) fn runs_tiled(&self, recorder: &Recorder, key: &str, tiled: &Tiled) -> bool {
        if self.kernel != [3, 3] || self.stride != [1, 1] || !tiled.fits(recorder.target()) {
            return false;
        }
        let tuning = recorder.graph().tuning();
        match (recorder.target().winograd, tuning.get(key).or_else(|| tuning.carried_over(key))) {
            (Winograd::WhereFaster, Some(measured)) => measured.algorithm == Algorithm::Winograd,
            _ => tiled.runs_by_rule(recorder.target()),
        }
    }

    /// Whether both gradients are computed from the gradient of what max pooling of 2 x 2 cells made of the result, and the
    /// places of the maxima. That is a quarter of the floats that the gradient of the result has, so less is stored. Only
    /// kernels for subgroups of 8 lanes are known to gain by that, and Winograd's algorithm reads all pixels. Measured choices
    /// do not matter, so that all candidates get the same gradient.
    pub(in crate::ops) fn takes_maxima(&self, target: Target) -> bool {
        let is_tiled = |tiled: Tiled| tiled.fits(target) && tiled.runs_by_rule(target);
        let lanes = target.micro_kernel.lanes() == Some(8) && target.storage == Storage::Images;
        let direct = !is_tiled(self.tiled_dx(true)) && (self.bias || !is_tiled(self.tiled_dw(true)));
        lanes && self.kernel == [3, 3] && self.stride == [1, 1] && direct
    }

    fn tiled_forward(&self, pooled: bool) -> Tiled {
        let [n, h, w, _] = self.input;
        let ([c, filters], [oh, ow]) = (self.channels(), self.computed_size(pooled));
        let (input, output) = ([n, h, w, c], [n, oh, ow, filters]);
        Tiled { input, output, before: self.padding_before(), turned: false, summed: false }
    }

    pub(super) fn tiled_dw(&self, pooled: bool) -> Tiled {
        Tiled { summed: true, ..self.tiled_forward(pooled) }
    }

    fn tiled_dx(&self, pooled: bool) -> Tiled {
        let [n, h, w, _] = self.input;
        let ([c, filters], [oh, ow]) = (self.channels(), self.computed_size(pooled));
        let before = self.padding_before().map(|before| 2_usize.saturating_sub(before));
        let (input, output) = ([n, oh, ow, filters], [n, h, w, c]);
        Tiled { input, output, before, turned: true, summed: false }
    }

    /// Records the forward pass by the algorithm, as [`Conv2d::record_forward`] does directly. False where it does not run so.
    pub(super) fn record_tiled_forward(
        &self,
        recorder: &mut Recorder,
        key: &str,
        [x, w, output]: [TensorId; 3],
        places: Option<TensorId>,
        ending: Ending<'_>,
    ) -> bool {
        let pooled = places.is_some();
        let tiled = self.tiled_forward(pooled);
        if !self.runs_tiled(recorder, key, &tiled) {
            return false;
        }
        let [_, oh, ow, _] = tiled.output;
        tiled.record(recorder, key.into(), [x, w, output], &|dispatch| {
            ending
                .define(dispatch.b(w).f(places))
                .source(wgsl!("winograd/forward"))
                .number("OH", oh)
                .number("OW", ow)
                .number("BIAS_FIRST", self.bias_first())
                .constant("BIAS", self.bias)
                .constant("RELU", self.relu)
                .constant("POOLED", pooled)
        });
        true
    }

    /// Records the gradient of the input by the algorithm, as [`Conv2d::record_dx`] does directly. False where it does not run
    /// so.
    pub(super) fn record_tiled_dx(
        &self,
        recorder: &mut Recorder,
        key: &str,
        [dy, w]: [TensorId; 2],
        pooled: bool,
        sink: &Sink,
    ) -> bool {
        let tiled = self.tiled_dx(pooled);
        let [_, h, width, _] = tiled.output;
        if !self.runs_tiled(recorder, key, &tiled) {
            return false;
        }
        let (gate, places) = match sink.epilogue {
            Epilogue::None => (None, None),
            Epilogue::Gate(y) => (Some(y), None),
            Epilogue::Scatter { places, .. } => (None, Some(places)),
        };
        tiled.record(recorder, key.into(), [dy, w, sink.gradient], &|dispatch| {
            (dispatch.d(places.or(sink.earlier)).e(gate))
                .sweeping_over(1 << 3 | 1 << 4)
                .source(wgsl!("winograd/dx"))
                .number("OH", h)
                .number("OW", width)
                .constant("GATED", gate.is_some())
                .constant("SUMMED", sink.earlier.is_some())
                .constant("SCATTERED", places.is_some())
        });
        true
    }
}
