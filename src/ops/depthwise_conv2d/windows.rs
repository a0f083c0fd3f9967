//! Sums over the windows of a depthwise convolution: the forward pass and the gradient of its input.

use super::{DepthwiseConv2d, LANES};
use crate::graph::{DispatchBuilder, Recorder, Target, TensorId};
use crate::kernel::{Storage, Wgsl, wgsl};
use crate::ops::ending::Ending;

/// Pixels of a line, or of a line of a tile, that an invocation computes: `shaders/depthwise_conv2d/{windows,tiles}.wgsl` have the same constant.
pub(super) const STRIP: usize = 4;

/// Lines of pixels of a tile in `shaders/depthwise_conv2d/{tiles,dw_tiles}.wgsl`.
pub(super) const TILE_LINES: usize = 2;

impl DepthwiseConv2d {
    /// What a tile sees, if there are kernels whose invocations compute tiles of pixels: see
    /// `shaders/depthwise_conv2d/tiles.wgsl`. Compilers for GPUs unroll the loops of the other shaders themselves.
    pub(super) fn tile(&self, target: Target, step: [usize; 2], spacing: [usize; 2]) -> Option<Wgsl> {
        if self.multiplier != 1 || target.storage != Storage::Images {
            return None;
        }
        match (self.kernel, step, spacing) {
            ([3, 3], [1, 1], [1, 1]) => Some(wgsl!("depthwise_conv2d/kernel_3_stride_1")),
            ([3, 3], [2, 2], [1, 1]) => Some(wgsl!("depthwise_conv2d/kernel_3_stride_2")),
            ([3, 3], [1, 1], [2, 2]) => Some(wgsl!("depthwise_conv2d/kernel_3_spacing_2")),
            ([5, 5], [1, 1], [1, 1]) => Some(wgsl!("depthwise_conv2d/kernel_5_stride_1")),
            ([5, 5], [2, 2], [1, 1]) => Some(wgsl!("depthwise_conv2d/kernel_5_stride_2")),
            ([5, 5], [1, 1], [2, 2]) => Some(wgsl!("depthwise_conv2d/kernel_5_spacing_2")),
            _ => None,
        }
    }

    /// Adds to a dispatch whose operands are bound what makes it compute `to` `[n, h, w, c]` from `from`. The window of the
    /// pixel `(y, x)` begins `before` cells before `(step * y, step * x)`; its cells fall on every `spacing`-th pixel of
    /// `from`, each of which is the sum of `parts` products.
    pub(super) fn windows<'r, 'g>(
        &self,
        target: Target,
        dispatch: DispatchBuilder<'r, 'g>,
        parts: usize,
        [from, to]: [[usize; 4]; 2],
        [step, spacing, before]: [[usize; 2]; 3],
    ) -> DispatchBuilder<'r, 'g> {
        let [n, h, w, c] = to;
        let tile = self.tile(target, step, spacing);
        let lines = if tile.is_some() { h.div_ceil(TILE_LINES) } else { h };
        let strips = w.div_ceil(STRIP);
        let channels = c.next_multiple_of(4);
        let count = n * lines * strips * channels / 4;
        let dispatch = match tile {
            Some(tile) => dispatch
                .shared(wgsl!("depthwise_conv2d/tiles"))
                .shared(tile)
                .number("TILE_LINES", lines)
                .size("FIRST_Y", before[0] % spacing[0])
                .size("FIRST_X", before[1] % spacing[1]),
            None => dispatch
                .shared(wgsl!("depthwise_conv2d/windows"))
                .size("PARTS", parts)
                .size("STEP_Y", step[0])
                .size("STEP_X", step[1])
                .size("SPACING_Y", spacing[0])
                .size("SPACING_X", spacing[1]),
        };
        dispatch
            .shared(wgsl!("quotient"))
            .number("FROM_H", from[1])
            .number("FROM_W", from[2])
            .number("FROM_C", from[3].next_multiple_of(4))
            .number("TO_H", h)
            .number("TO_W", w)
            .number("TO_C", channels)
            .number("CHANNELS", c)
            .number("BEFORE_Y", before[0])
            .number("BEFORE_X", before[1])
            .number("STRIPS", strips)
            .number("COUNT", count)
            .workgroups(count.div_ceil(LANES), 1)
            .cost(self.flops(), self.multiplier * self.kernel[0] * (self.kernel[1] + 1))
    }

    pub(super) fn record_dx(&self, recorder: &mut Recorder, dy: TensorId, w: TensorId, dx: TensorId) {
        // A cell of x gathers from the windows that hold it, by the kernel turned around.
        let before = self.padding_before();
        let before = [0, 1].map(|axis| self.kernel[axis] - 1 - before[axis]);
        let target = recorder.target();
        let name = recorder.graph().tensor(dx).name.clone();
        let dispatch = recorder.dispatch(name).a(dy).b(w).c(dx).source(wgsl!("depthwise_conv2d/dx"));
        let dispatch = Ending::None.define(self.geometry(dispatch, false));
        let places = [[1; 2], self.stride, before];
        self.windows(target, dispatch, self.multiplier, [self.output(), self.input], places).record();
    }
}
