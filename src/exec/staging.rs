//! Minibatches on their way to the device.

use std::sync::Arc;

use super::command::Run;
use super::options::OFFSET_ALIGNMENT;
use crate::gpu::{Gpu, GpuError, Mapping};

/// Most training steps of one submission.
pub(super) const MOST_STEPS: usize = 8;

/// Most bytes of the minibatches of one submission, unless one minibatch takes more. Steps over large minibatches take so
/// long that nothing is gained by submitting many of them together.
const MOST_BYTES: u64 = 16 << 20;

/// Buffers of the ring: the host fills one while the device works on the other.
pub(super) const BUFFERS: usize = 2;

/// How many minibatches of `bytes` a submission may have.
pub(super) fn most_steps(bytes: u64) -> usize {
    let steps = MOST_BYTES / bytes.next_multiple_of(OFFSET_ALIGNMENT).max(1);
    usize::try_from(steps).unwrap_or(MOST_STEPS).clamp(1, MOST_STEPS)
}

/// Bytes of as many of them.
pub(super) fn staged_bytes(bytes: u64) -> u64 {
    (most_steps(bytes) as u64 - 1) * bytes.next_multiple_of(OFFSET_ALIGNMENT) + bytes
}

/// A step whose minibatch is staged.
#[derive(Debug)]
pub(super) struct Waiting {
    /// What it runs.
    pub run: Run,
    /// Whether the update comes after it, where several minibatches make one.
    pub updates: bool,
    /// Where its logits are copied to.
    pub logits: Option<wgpu::Buffer>,
}

/// Mapped buffers that the host fills in turn, each with the minibatches of one submission, which one copy brings to the
/// device. Before it fills a buffer again it waits for the submission that read it, and for no later one.
#[derive(Debug)]
pub(super) struct StagingRing {
    gpu: Arc<Gpu>,
    buffers: Vec<Staged>,
    next: usize,
    most_steps: usize,
    /// Minibatches in the next buffer, and the first byte behind them.
    steps: usize,
    end: u64,
}

#[derive(Debug)]
struct Staged {
    buffer: wgpu::Buffer,
    pending: Option<(wgpu::SubmissionIndex, Mapping)>,
}

impl StagingRing {
    /// A ring for minibatches of `bytes` bytes.
    pub fn new(gpu: Arc<Gpu>, bytes: u64) -> Self {
        let usage = wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC;
        let buffers = (0..BUFFERS)
            .map(|_| Staged { buffer: gpu.create_buffer("staging", staged_bytes(bytes), usage, true), pending: None })
            .collect();
        Self { gpu, buffers, next: 0, most_steps: most_steps(bytes), steps: 0, end: 0 }
    }

    /// Bytes of all buffers.
    pub fn bytes(&self) -> u64 {
        self.buffers.iter().map(|staged| staged.buffer.size()).sum()
    }

    /// Minibatches that a buffer has room for.
    pub fn most_steps(&self) -> usize {
        self.most_steps
    }

    /// Whether what is filled must be submitted before more is.
    pub fn is_full(&self) -> bool {
        self.steps >= self.most_steps
    }

    /// Fills the next place of the next buffer with `parts`, one after the other, and waits for the buffer if the device
    /// still reads it. Returns the first byte of the place.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn fill(&mut self, parts: &[&[u8]]) -> Result<u64, GpuError> {
        let staged = &mut self.buffers[self.next];
        if let Some((submission, mapping)) = staged.pending.take() {
            self.gpu.await_submission(Some(submission));
            mapping.wait(&self.gpu).await?;
        }
        let start = self.end.next_multiple_of(OFFSET_ALIGNMENT);
        let bytes =
            parts.iter().map(|part| part.len() as u64).sum::<u64>().next_multiple_of(wgpu::COPY_BUFFER_ALIGNMENT);
        let range = staged.buffer.get_mapped_range_mut(start..start + bytes);
        let mut range = range.map_err(|error| self.gpu.failure(&error))?;
        let mut place = 0;
        for part in parts {
            range.slice(place..place + part.len()).copy_from_slice(part);
            place += part.len();
        }
        drop(range);
        (self.steps, self.end) = (self.steps + 1, start + bytes);
        Ok(start)
    }

    /// Encodes the copy of what was filled to the beginning of `minibatches`.
    pub fn encode(&self, encoder: &mut wgpu::CommandEncoder, minibatches: &wgpu::Buffer) {
        let staged = &self.buffers[self.next].buffer;
        staged.unmap();
        encoder.copy_buffer_to_buffer(staged, 0, minibatches, 0, self.end);
    }

    /// Notes that `submission` holds the copy; the buffer can be filled again when it has finished.
    pub fn submitted(&mut self, submission: wgpu::SubmissionIndex) {
        let staged = &mut self.buffers[self.next];
        staged.pending = Some((submission, self.gpu.start_map(&staged.buffer, wgpu::MapMode::Write)));
        (self.next, self.steps, self.end) = ((self.next + 1) % BUFFERS, 0, 0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn large_minibatches_are_submitted_one_by_one() {
        assert_eq!((most_steps(98_000), staged_bytes(98_000)), (8, 7 * 98_048 + 98_000));
        assert_eq!((most_steps(6 << 20), staged_bytes(6 << 20)), (2, 12 << 20));
        assert_eq!((most_steps(1 << 30), staged_bytes(1 << 30)), (1, 1 << 30));
        assert_eq!((most_steps(0), staged_bytes(4)), (8, 7 * 256 + 4));
    }
}
