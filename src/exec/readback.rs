//! Metrics on their way to the host.

use std::ops::Range;
use std::sync::Arc;

use crate::gpu::{Gpu, GpuError, Mapping};
use crate::ops::METRIC_SLOTS;

/// Copies that may be in flight.
const SLOTS: usize = 2;

/// Steps between two copies of the device's ring of metrics. It is so small that no metric is overwritten before it is
/// copied.
const INTERVAL: u64 = METRIC_SLOTS as u64 / 8;

const BYTES: u64 = METRIC_SLOTS as u64 * 16;

/// What a step measured.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct StepMetrics {
    /// Mean loss over the minibatch.
    pub loss: f64,
    /// Images whose label has the largest logit.
    pub correct: u32,
    /// Images whose label has one of the five largest logits: all images if there are at most five classes.
    pub top5_correct: u32,
    /// Images of the minibatch.
    pub length: u32,
}

/// Copies of the metrics, read when they arrive.
#[derive(Debug)]
pub(super) struct ReadbackRing {
    gpu: Arc<Gpu>,
    slots: Vec<Slot>,
    next: usize,
    /// How many steps are encoded, and how many of them have metrics in a copy.
    encoded: u64,
    copied: u64,
    metrics: Vec<StepMetrics>,
}

#[derive(Debug)]
struct Slot {
    buffer: wgpu::Buffer,
    pending: Option<Pending>,
}

#[derive(Debug)]
struct Pending {
    submission: wgpu::SubmissionIndex,
    mapping: Mapping,
    steps: Range<u64>,
}

impl ReadbackRing {
    pub fn new(gpu: Arc<Gpu>) -> Self {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let slots = (0..SLOTS)
            .map(|_| Slot { buffer: gpu.create_buffer("metrics for the host", BYTES, usage, false), pending: None })
            .collect();
        Self { gpu, slots, next: 0, encoded: 0, copied: 0, metrics: Vec::new() }
    }

    /// Bytes of all slots.
    pub fn bytes(&self) -> u64 {
        self.slots.iter().map(|slot| slot.buffer.size()).sum()
    }

    /// Steps encoded so far. It is also the number of the next step, which chooses the slot of its metrics.
    pub fn encoded(&self) -> u64 {
        self.encoded
    }

    /// Counts a step that is encoded.
    pub fn count_step(&mut self) {
        self.encoded += 1;
    }

    /// Whether the steps encoded so far should be followed by a copy of the metrics.
    pub fn is_due(&self) -> bool {
        self.encoded - self.copied >= INTERVAL
    }

    /// Encodes a copy of `metrics`, after the steps encoded so far.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn encode(&mut self, encoder: &mut wgpu::CommandEncoder, metrics: &wgpu::Buffer) -> Result<(), GpuError> {
        self.receive(self.next).await?;
        encoder.copy_buffer_to_buffer(metrics, 0, &self.slots[self.next].buffer, 0, BYTES);
        Ok(())
    }

    /// Starts to map the copy that was encoded; `submission` holds it.
    pub fn submitted(&mut self, submission: wgpu::SubmissionIndex) {
        let slot = &mut self.slots[self.next];
        let mapping = self.gpu.start_map(&slot.buffer, wgpu::MapMode::Read);
        slot.pending = Some(Pending { submission, mapping, steps: self.copied..self.encoded });
        self.copied = self.encoded;
        self.next = (self.next + 1) % SLOTS;
    }

    /// Waits for a slot's copy, if it has one, and reads it.
    async fn receive(&mut self, index: usize) -> Result<(), GpuError> {
        let slot = &mut self.slots[index];
        let Some(pending) = slot.pending.take() else { return Ok(()) };
        self.gpu.await_submission(Some(pending.submission));
        pending.mapping.wait(&self.gpu).await?;
        self.read(index, pending.steps)
    }

    /// Reads a slot that is mapped.
    fn read(&mut self, index: usize, steps: Range<u64>) -> Result<(), GpuError> {
        let buffer = &self.slots[index].buffer;
        let range = buffer.get_mapped_range(..).map_err(|error| self.gpu.failure(&error))?;
        let words: Vec<[u32; 4]> = bytemuck::pod_collect_to_vec(&range);
        drop(range);
        buffer.unmap();
        for step in steps {
            let [loss, correct, top5_correct, length] = words[(step % METRIC_SLOTS as u64) as usize];
            let loss = f64::from(f32::from_bits(loss)) / f64::from(length.max(1));
            self.metrics.push(StepMetrics { loss, correct, top5_correct, length });
        }
        Ok(())
    }

    /// Metrics that have arrived and were not returned yet, oldest first. It does not wait.
    ///
    /// # Errors
    /// What the device reports.
    pub fn arrived(&mut self) -> Result<Vec<StepMetrics>, GpuError> {
        for index in self.oldest_first() {
            let slot = &mut self.slots[index];
            match slot.pending.take() {
                Some(pending) if pending.mapping.is_mapped(&self.gpu)? => self.read(index, pending.steps)?,
                Some(pending) => {
                    slot.pending = Some(pending);
                    break;
                }
                None => {}
            }
        }
        Ok(std::mem::take(&mut self.metrics))
    }

    fn oldest_first(&self) -> impl Iterator<Item = usize> + use<> {
        let next = self.next;
        (0..SLOTS).map(move |i| (next + i) % SLOTS)
    }

    /// Reads the metrics of every submitted step.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn flush(&mut self, metrics: &wgpu::Buffer) -> Result<Vec<StepMetrics>, GpuError> {
        if self.copied < self.encoded {
            let mut encoder = self.gpu.encoder();
            self.encode(&mut encoder, metrics).await?;
            let submission = self.gpu.submit(encoder);
            self.submitted(submission);
        }
        for index in self.oldest_first() {
            self.receive(index).await?;
        }
        Ok(std::mem::take(&mut self.metrics))
    }
}
