//! Long sums, which kernels compute in parts.

use crate::graph::{Recorder, Target, TensorId};
use crate::kernel::wgsl;

/// Invocations of a workgroup of those kernels that add up lines or pixels one by one.
const LANES: usize = 64;

/// Most loop iterations in which an invocation adds up its part: half of those that a plan allows.
const LONGEST_PART: usize = 32_768;

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
    /// Of `all` things to be added up, which take so many loop iterations each, those in a part of the sum, and the number
    /// of parts, where `items` invocations compute a part. Both depend only on the sizes and the target, so that sums have the
    /// same order in every run.
    pub fn shares(target: Target, all: usize, iterations: usize, items: usize) -> [usize; 2] {
        let parts = (target.busy_workgroups * LANES).div_ceil(items).max((all * iterations).div_ceil(LONGEST_PART));
        let of_part = all.div_ceil(parts.min(all));
        [of_part, all.div_ceil(of_part)]
    }

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
