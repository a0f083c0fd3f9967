//! Minibatches on their way to the device.

use std::sync::Arc;

use crate::gpu::{Gpu, GpuError, Mapping};

/// Most training steps of one submission.
pub(super) const MOST_STEPS: usize = 8;

/// Minibatches that are staged: the device may work on as many as are being encoded.
pub(super) const STAGED: usize = 2 * MOST_STEPS;

/// Mapped buffers that the host fills in turn. Before it fills a slot again it waits for the submission that read the
/// slot, and for no later one, so that the loader is at most a ring ahead of the device.
#[derive(Debug)]
pub(super) struct StagingRing {
    gpu: Arc<Gpu>,
    slots: Vec<Slot>,
    next: usize,
    /// Slots that are filled, but whose commands are not submitted yet.
    filled: Vec<usize>,
}

#[derive(Debug)]
struct Slot {
    buffer: wgpu::Buffer,
    pending: Option<(wgpu::SubmissionIndex, Mapping)>,
}

impl StagingRing {
    /// A ring of `slots` buffers, each of `bytes` bytes.
    pub fn new(gpu: Arc<Gpu>, slots: usize, bytes: u64) -> Self {
        let usage = wgpu::BufferUsages::MAP_WRITE | wgpu::BufferUsages::COPY_SRC;
        let slots = (0..slots)
            .map(|_| Slot { buffer: gpu.create_buffer("staging", bytes, usage, true), pending: None })
            .collect();
        Self { gpu, slots, next: 0, filled: Vec::new() }
    }

    /// Bytes of all slots.
    pub fn bytes(&self) -> u64 {
        self.slots.iter().map(|slot| slot.buffer.size()).sum()
    }

    /// Waits for the next slot and fills it with `parts`, one after the other.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn fill(&mut self, parts: &[&[u8]]) -> Result<&wgpu::Buffer, GpuError> {
        let index = self.next;
        let slot = &mut self.slots[index];
        if let Some((submission, mapping)) = slot.pending.take() {
            self.gpu.await_submission(Some(submission));
            mapping.wait(&self.gpu).await?;
        }
        let mut range = slot.buffer.get_mapped_range_mut(..).map_err(|error| self.gpu.failure(&error))?;
        let mut start = 0;
        for part in parts {
            range.slice(start..start + part.len()).copy_from_slice(part);
            start += part.len();
        }
        drop(range);
        slot.buffer.unmap();
        self.filled.push(index);
        self.next = (index + 1) % self.slots.len();
        Ok(&self.slots[index].buffer)
    }

    /// Notes that `submission` reads the filled slots; they can be filled again when it has finished.
    pub fn submitted(&mut self, submission: &wgpu::SubmissionIndex) {
        for index in self.filled.drain(..) {
            let slot = &mut self.slots[index];
            let mapping = self.gpu.start_map(&slot.buffer, wgpu::MapMode::Write);
            slot.pending = Some((submission.clone(), mapping));
        }
    }
}
