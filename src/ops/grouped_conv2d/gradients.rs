//! The gradients of a convolution of groups of channels.

use super::{GroupedConv2d, LANES, STRIP};
use crate::graph::{Recorder, TensorId};
use crate::kernel::wgsl;
use crate::ops::parted_sum::PartedSum;

impl GroupedConv2d {
    pub(super) fn record_dx(&self, recorder: &mut Recorder, dy: TensorId, w: TensorId, dx: TensorId) {
        let [n, h, width, c] = self.input;
        let strips = width.div_ceil(STRIP);
        let count = n * h * strips * c.div_ceil(4);
        let name = recorder.graph().tensor(dx).name.clone();
        let dispatch = recorder.dispatch(name).a(dy).b(w).c(dx);
        self.geometry(dispatch)
            .source(wgsl!("grouped_conv2d/dx"))
            .number("STRIPS", strips)
            .number("COUNT", count)
            .workgroups(count.div_ceil(LANES), 1)
            .cost(self.flops(), self.kernel[0] * (1 + self.kernel[1] * (1 + self.filters_of_group())))
            .record();
    }

    pub(super) fn record_dw(&self, recorder: &mut Recorder, x: TensorId, dy: TensorId, dw: TensorId) {
        let [n, oh, ow, filters] = self.output();
        let ([kh, kw], blocks) = (self.kernel, self.channels_of_group().div_ceil(4));
        // An item is four channels of a cell of the kernel, or the bias, for four filters.
        let items = (kh * kw * blocks + usize::from(self.bias)) * filters.div_ceil(4);
        let [lines, iterations] = [n * oh, ow + 1];
        let [of_part, parts] = PartedSum::shares(recorder.target(), lines, iterations, items);
        let tensor = recorder.graph().tensor(dw);
        let (name, len) = (tensor.name.clone(), tensor.shape.padded_elements());
        let sum = PartedSum::new(recorder, dw, parts);
        let dispatch = recorder.dispatch(name).a(x).b(dy).c(sum.parts);
        self.geometry(dispatch)
            .source(wgsl!("grouped_conv2d/dw"))
            .number("ITEMS", items)
            .number("LINES", lines)
            .number("LINES_OF_PART", of_part)
            .number("PARTS", parts)
            .number("PART_LEN", len)
            .workgroups((items * parts).div_ceil(LANES), 1)
            .cost(self.flops(), of_part * iterations)
            .record();
        sum.finish(recorder);
    }
}
