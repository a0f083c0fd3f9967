//! What normalizations share: gamma and beta, and kernels that add up the rows of each channel.

use crate::graph::{
    ARENA_ALIGNMENT, DispatchBuilder, GraphError, Initializer, Inputs, Recorder, Target, TensorId, VariableSpec,
};
use crate::kernel::{operations, wgsl};
use crate::shape::Shape;

/// Invocations of a workgroup that share what they find, in the shaders of `shaders/norm` and `shaders/group_norm`.
pub(super) const LANES: usize = 64;

/// Fours of channels that such a workgroup takes side by side. The fewer they are, the more rows it takes at once.
const MOST_QUADS: usize = 4;

/// How many fours of channels an invocation of a software adapter can take: there is a file `norm/depth_..` for each. More of them
/// would be pipelines to compile: with 3 besides, the normalizations of MobileNetV2 took 2 % less time.
const DEPTHS: [usize; 4] = [1, 2, 6, 8];

/// Rows that an invocation loads before it uses them.
const ROWS_OF_A_TRIP: usize = 8;

/// Most rows that an invocation takes. Their loops are far below the 65,535 iterations that llvmpipe runs.
const MOST_ROWS: usize = 1 << 14;

/// Floats from the start of a vector of `channels` to that of the next one in one tensor: variables begin at multiples of
/// [`ARENA_ALIGNMENT`].
pub(super) fn vector_stride(channels: usize) -> usize {
    channels.next_multiple_of(ARENA_ALIGNMENT)
}

/// Asserts that input `input` holds `count` vectors of `channels`.
pub(super) fn check_vectors(
    inputs: &Inputs<'_>,
    input: usize,
    channels: usize,
    count: usize,
) -> Result<(), GraphError> {
    let Some(tensor) = inputs.tensors().get(input) else { return inputs.count(input + 1) };
    let wanted = count.saturating_sub(1) * vector_stride(channels) + channels;
    match tensor.shape.dims() {
        [len] if *len >= wanted => {
            let vector = |_| VariableSpec::vector("", "", channels, Initializer::Zeros);
            inputs.begins_with(input, &(0..count).map(vector).collect::<Vec<_>>())
        }
        _ => Err(inputs.refuse(format!(
            "`{}` has the shape {}, but {count} vectors of {channels} channels need [{wanted}]",
            tensor.name, tensor.shape
        ))),
    }
}

/// Declares how vectors of `channels` lie in `tensor`, which the dispatch writes.
pub(super) fn vectors<'r, 'g>(
    dispatch: DispatchBuilder<'r, 'g>,
    channels: usize,
    count: usize,
    len: usize,
) -> DispatchBuilder<'r, 'g> {
    dispatch
        .shared(wgsl!("norm/vectors"))
        .number("STRIDE", vector_stride(channels))
        .number("VECTORS", count)
        .number("LEN", len)
}

/// Which of gamma and beta a normalization has, in Keras's words: `scale` and `center`. One tensor holds those that there
/// are, gamma first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GammaBeta {
    pub channels: usize,
    pub scale: bool,
    pub center: bool,
}

impl GammaBeta {
    /// How many vectors there are.
    pub fn count(self) -> usize {
        usize::from(self.scale) + usize::from(self.center)
    }

    /// The variables of a layer, with Keras's first values.
    pub fn variables(self, layer: &str) -> Vec<VariableSpec> {
        let vector = |name, first| VariableSpec::vector(layer, name, self.channels, first);
        let gamma = self.scale.then(|| vector("gamma", Initializer::Ones));
        gamma.into_iter().chain(self.center.then(|| vector("beta", Initializer::Zeros))).collect()
    }

    /// First float of beta.
    pub fn beta_first(self) -> usize {
        if self.scale { vector_stride(self.channels) } else { 0 }
    }

    /// Declares where a forward pass finds them.
    pub fn constants<'r, 'g>(self, dispatch: DispatchBuilder<'r, 'g>) -> DispatchBuilder<'r, 'g> {
        dispatch.constant("GAMMA", self.scale).constant("BETA", self.center).number("BETA_FIRST", self.beta_first())
    }

    /// Declares the sum over `parts`, and that it writes the gradient into `gradient`, if any.
    pub fn sum_parts<'r, 'g>(
        self,
        dispatch: DispatchBuilder<'r, 'g>,
        sums: TensorId,
        parts: usize,
        gradient: Option<(TensorId, usize)>,
    ) -> DispatchBuilder<'r, 'g> {
        let dispatch = dispatch.e(Some(sums)).f(gradient.map(|(tensor, _)| tensor));
        vectors(dispatch, self.channels, self.count(), gradient.map_or(0, |(_, len)| len))
            .source(wgsl!("norm/summed_parts"))
            .number("PARTS", parts)
            .constant("DGAMMA", self.scale && gradient.is_some())
            .constant("DBETA", self.center && gradient.is_some())
            .number("DBETA_FIRST", self.beta_first())
    }
}

/// Rows and channels of a tensor, and how kernels that treat each channel apart divide them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Columns {
    pub rows: usize,
    pub channels: usize,
    /// Lanes of a subgroup of a software adapter. A workgroup there is one subgroup, whose invocations share nothing: see
    /// `norm/moments_apart`. It takes its rows from the first to the last, which caches like.
    lanes: Option<usize>,
}

impl Columns {
    /// Those of a tensor of this shape, on this target.
    pub fn of(shape: &Shape, target: Target) -> Self {
        let lanes = target.micro_kernel.lanes().map(|lanes| lanes as usize);
        Self { rows: shape.rows(), channels: shape.columns(), lanes }
    }

    /// Invocations of a workgroup.
    fn invocations(self) -> usize {
        self.lanes.unwrap_or(LANES)
    }

    /// Channels in memory.
    pub fn padded(self) -> usize {
        self.channels.next_multiple_of(4)
    }

    /// Workgroups side by side.
    fn width(self) -> usize {
        let [quads, depth] = self.layout();
        (self.padded() / 4).div_ceil(quads * depth)
    }

    /// Fours of channels that a workgroup's invocations take at once, side by side, and how many times.
    fn layout(self) -> [usize; 2] {
        let all = self.padded() / 4;
        let Some(lanes) = self.lanes else { return [all.div_ceil(all.div_ceil(MOST_QUADS)), 1] };
        let layouts = (1..=lanes.min(all)).flat_map(|quads| DEPTHS.map(|depth| [quads, depth]));
        // As many as leave the fewest lanes without work, and as much of a row at once as they can: a workgroup that takes a
        // line of 64 bytes from each row waits for each of them, since the processor fetches ahead what follows in memory.
        let cost = |[quads, depth]: [usize; 2]| {
            let width = all.div_ceil(quads * depth);
            let steps = 1000 * width * depth / (lanes / quads);
            let waits = if width == 1 { 0 } else { 16 * steps / (quads * depth) };
            (steps + waits, depth, lanes - quads)
        };
        layouts.min_by_key(|layout| cost(*layout)).unwrap_or([1, 1])
    }

    /// Fours of channels that a workgroup's invocations take at once.
    fn quads(self) -> usize {
        self.layout()[0]
    }

    /// Rows that a workgroup takes at once.
    fn lane_rows(self) -> usize {
        self.invocations() / self.quads()
    }

    /// Parts of a slice, of which a workgroup knows the sums.
    pub fn apart(self) -> usize {
        self.lanes.map_or(1, |_| self.lane_rows())
    }

    /// Number of parts of slices of `slice` rows.
    pub fn parts(self, slice: usize) -> usize {
        self.slices(slice) * self.apart()
    }

    /// Defines how the invocations of a workgroup share the parts.
    fn define_parts<'r, 'g>(self, dispatch: DispatchBuilder<'r, 'g>) -> DispatchBuilder<'r, 'g> {
        dispatch.shared(if self.lanes.is_some() { wgsl!("norm/apart") } else { wgsl!("norm/together") })
    }

    /// Defines moments, and the moments of a workgroup.
    pub fn define_moments<'r, 'g>(self, dispatch: DispatchBuilder<'r, 'g>) -> DispatchBuilder<'r, 'g> {
        let of_workgroup = match self.lanes {
            Some(_) => wgsl!("norm/moments_apart"),
            None => wgsl!("norm/moments_together"),
        };
        self.define_parts(dispatch).shared(wgsl!("norm/moments")).shared(of_workgroup)
    }

    /// Defines sums, and the sums of a workgroup.
    pub fn define_sums<'r, 'g>(self, dispatch: DispatchBuilder<'r, 'g>) -> DispatchBuilder<'r, 'g> {
        let of_workgroup = match self.lanes {
            Some(_) => wgsl!("norm/sums_apart"),
            None => wgsl!("norm/sums_together"),
        };
        self.define_parts(dispatch).shared(wgsl!("norm/sums")).shared(of_workgroup)
    }

    /// Rows of a slice, so that `workgroups` have one each, unless slices would be very short or very long.
    pub fn slice(self, workgroups: usize) -> usize {
        let trip = self.lane_rows() * ROWS_OF_A_TRIP;
        let slices = workgroups.div_ceil(self.width());
        self.rows.div_ceil(slices).next_multiple_of(trip).min(self.lane_rows() * MOST_ROWS)
    }

    /// Number of slices of `slice` rows.
    pub fn slices(self, slice: usize) -> usize {
        self.rows.div_ceil(slice)
    }

    /// Completes a dispatch with a workgroup for each slice of `slice` rows, of which `parts` are read besides. It takes
    /// `flops` for an element.
    pub fn complete<'r, 'g>(
        self,
        dispatch: DispatchBuilder<'r, 'g>,
        slice: usize,
        parts: usize,
        flops: usize,
    ) -> DispatchBuilder<'r, 'g> {
        let slices = self.slices(slice);
        let trips = |rows: usize, at_once: usize| 2 * rows.div_ceil(at_once) + ROWS_OF_A_TRIP;
        let parts_at_once = if self.lanes.is_some() { 1 } else { self.lane_rows() };
        dispatch
            .sweeping()
            .number("ROWS", self.rows)
            .number("C", self.padded())
            .number("CHANNELS", self.channels)
            .number("QUADS", self.quads())
            .size("LANES", self.invocations())
            .number("LANE_ROWS", self.lane_rows())
            .number("APART", self.apart())
            .number("SLICE", slice)
            .number("SLICES", slices)
            .workgroups(self.width() * slices, 1)
            .cost(
                operations([self.rows, self.channels, flops]),
                trips(slice.min(self.rows), self.lane_rows())
                    + self.layout()[1] * trips(parts, parts_at_once)
                    + self.invocations(),
            )
    }

    /// Begins a dispatch whose workgroups take a slice each.
    pub fn dispatch<'r, 'g>(self, recorder: &'r mut Recorder<'g>, name: String) -> DispatchBuilder<'r, 'g> {
        let depth = match self.layout()[1] {
            1 => wgsl!("norm/depth_1"),
            2 => wgsl!("norm/depth_2"),
            6 => wgsl!("norm/depth_6"),
            _ => wgsl!("norm/depth_8"),
        };
        recorder.dispatch(name).shared(depth).shared(wgsl!("norm/columns"))
    }

    /// Records the gradient of gamma and beta alone, from sums of `parts`.
    pub fn record_parameters(
        self,
        recorder: &mut Recorder,
        parameters: GammaBeta,
        sums: TensorId,
        parts: usize,
        gradient: TensorId,
    ) {
        let tensor = recorder.graph().tensor(gradient);
        let (name, len) = (tensor.name.clone(), tensor.shape.padded_elements());
        let dispatch = self.define_sums(self.dispatch(recorder, name));
        let dispatch = parameters.sum_parts(dispatch, sums, parts, Some((gradient, len)));
        let alone = Self { rows: 1, ..self };
        alone.complete(dispatch.source(wgsl!("norm/parameters")), 1, parts, 0).record();
    }
}
