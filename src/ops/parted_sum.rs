//! Long sums, which kernels compute in parts.

use crate::graph::{Recorder, TensorId};
use crate::kernel::wgsl;

/// A tensor that is the sum of parts of its size. One dispatch computes the parts, at once, and then they are added up in
/// their order, so that every run has the same bits.
#[derive(Debug)]
pub(super) struct PartedSum {
    /// What the dispatch writes: the parts, one after the other.
    pub parts: TensorId,
    count: usize,
    sum: TensorId,
    /// Whether nobody else adds the parts up.
    pending: bool,
}

impl PartedSum {
    /// A place for `count` parts of `sum`. A single part is `sum` itself.
    pub fn new(recorder: &mut Recorder, sum: TensorId, count: usize) -> Self {
        if count == 1 {
            return Self { parts: sum, count, sum, pending: false };
        }
        if let Some(parts) = recorder.leave_in_parts(sum, count) {
            // The optimizer adds them up.
            return Self { parts, count, sum, pending: false };
        }
        let tensor = recorder.graph().tensor(sum);
        let (name, shape) = (format!("{} parts", tensor.name), [count, tensor.shape.rows(), tensor.shape.columns()]);
        Self { parts: recorder.temporary(name, shape), count, sum, pending: true }
    }

    /// Records the addition of the parts, where that is left to do.
    pub fn finish(self, recorder: &mut Recorder) {
        if !self.pending {
            return;
        }
        let tensor = recorder.graph().tensor(self.sum);
        let (name, shape) = (format!("{} = sum of parts", tensor.name), tensor.shape.clone());
        recorder
            .dispatch(name)
            .a(self.parts)
            .c(self.sum)
            .source(wgsl!("sum_parts"))
            .size("PARTS", self.count)
            .size("PART_LEN", shape.padded_elements())
            .elementwise(&shape, self.count as u64)
            .record();
    }
}
