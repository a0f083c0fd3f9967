//! The gradient of the weights of a depthwise convolution.

use super::windows::{STRIP, TILE_LINES};
use super::{DepthwiseConv2d, LANES};
use crate::graph::{Recorder, TensorId};
use crate::kernel::wgsl;
use crate::ops::parted_sum::PartedSum;

/// Columns of a window whose gradients an invocation adds up: `shaders/depthwise_conv2d/dw.wgsl` has the same constant.
const COLUMNS: usize = 4;

impl DepthwiseConv2d {
    pub(super) fn record_dw(&self, recorder: &mut Recorder, x: TensorId, dy: TensorId, dw: TensorId) {
        let [_, h, w, _] = self.input;
        let [n, oh, ow, _] = self.output();
        let [c, filters] = self.channels();
        let [before_y, before_x] = self.padding_before();
        let tile = self.tile(recorder.target(), self.stride, [1; 2]);
        let blocks = self.kernel[1].div_ceil(COLUMNS);
        // An item is up to four columns of a row of the kernel, or the bias, for four channels; with tiles it is the whole
        // kernel and the bias.
        let of_channels = if tile.is_some() { 1 } else { self.kernel[0] * blocks + usize::from(self.bias) };
        let items = of_channels * filters / 4;
        let [tile_lines, strips] = [oh.div_ceil(TILE_LINES), ow.div_ceil(STRIP)];
        let [all, iterations] = if tile.is_some() { [n * tile_lines * strips, 1] } else { [n * oh, ow + 1] };
        let [of_part, parts] = PartedSum::shares(recorder.target(), all, iterations, items);
        let name = recorder.graph().tensor(dw).name.clone();
        let shape = recorder.graph().tensor(dw).shape.clone();
        let sum = PartedSum::new(recorder, dw, parts);
        let dispatch = recorder.dispatch(name).a(x).b(dy).c(sum.parts).shared(wgsl!("quotient"));
        let dispatch = match tile {
            Some(tile) => dispatch
                .source(wgsl!("depthwise_conv2d/dw_tiles"))
                .shared(tile)
                .number("STRIPS", strips)
                .number("TILE_LINES", tile_lines)
                .number("TILES", all)
                .number("TILES_OF_PART", of_part),
            None => dispatch
                .source(wgsl!("depthwise_conv2d/dw"))
                .shared(wgsl!("depthwise_conv2d/x"))
                .size("STRIDE_Y", self.stride[0])
                .size("STRIDE_X", self.stride[1])
                .size("BLOCKS", blocks)
                .number("LINES", all)
                .number("LINES_OF_PART", of_part),
        };
        self.geometry(dispatch, self.bias)
            .number("H", h)
            .number("W", w)
            .number("CIN", c)
            .number("OH", oh)
            .number("OW", ow)
            .number("COUT", filters)
            .number("BEFORE_Y", before_y)
            .number("BEFORE_X", before_x)
            .number("ITEMS", items)
            .number("PARTS", parts)
            .number("PART_LEN", shape.padded_elements())
            .workgroups((items * parts).div_ceil(LANES), 1)
            .cost(self.flops(), of_part * iterations)
            .record();
        sum.finish(recorder);
    }
}
