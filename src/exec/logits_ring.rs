//! Logits on their way to the host.

use std::collections::VecDeque;
use std::sync::Arc;

use super::staging::MOST_STEPS;
use crate::gpu::{Gpu, GpuError, Mapping};

/// Most buffers: the device may work on as many steps as are being staged.
const MOST_BUFFERS: usize = 2 * MOST_STEPS;

/// Most bytes of the buffers, unless two take more.
const MOST_BYTES: u64 = 16 << 20;

/// Copies of the logits of evaluation steps, read when they arrive, so that no step waits for the one before.
#[derive(Debug)]
pub(super) struct LogitsRing {
    gpu: Arc<Gpu>,
    bytes: u64,
    free: Vec<wgpu::Buffer>,
    encoded: Vec<Copy>,
    submitted: VecDeque<(Copy, wgpu::SubmissionIndex, Mapping)>,
    arrived: Vec<f32>,
}

/// A copy of a step's logits.
#[derive(Debug)]
pub(super) struct Copy {
    pub buffer: wgpu::Buffer,
    /// First byte of the logits in the buffer.
    pub start: u64,
    /// Floats of a row in the buffer, and those of them that are logits.
    pub row: usize,
    pub classes: usize,
    /// Rows that are images.
    pub images: usize,
}

impl LogitsRing {
    /// How many buffers of `bytes` there are.
    pub fn slots(bytes: u64) -> usize {
        usize::try_from(MOST_BYTES / bytes.max(1)).unwrap_or(MOST_BUFFERS).clamp(2, MOST_BUFFERS)
    }

    /// Makes buffers of `bytes`, which the logits of one step take: many, or a few large ones.
    pub fn new(gpu: Arc<Gpu>, bytes: u64) -> Self {
        let usage = wgpu::BufferUsages::MAP_READ | wgpu::BufferUsages::COPY_DST;
        let free: Vec<_> =
            (0..Self::slots(bytes)).map(|_| gpu.create_buffer("logits for the host", bytes, usage, false)).collect();
        let bytes = bytes * free.len() as u64;
        Self { gpu, bytes, free, encoded: Vec::new(), submitted: VecDeque::new(), arrived: Vec::new() }
    }

    /// Bytes of all buffers.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Whether every buffer holds a copy that is not submitted yet.
    pub fn is_full(&self) -> bool {
        self.free.is_empty() && self.submitted.is_empty()
    }

    /// A buffer that no copy is in; waits where all are in flight. None where [`Self::is_full`].
    ///
    /// # Errors
    /// What the device reports.
    pub async fn buffer(&mut self) -> Result<Option<wgpu::Buffer>, GpuError> {
        self.poll()?;
        if self.free.is_empty() {
            self.receive().await?;
        }
        Ok(self.free.pop())
    }

    /// Notes a copy that was encoded.
    pub fn encoded(&mut self, copy: Copy) {
        self.encoded.push(copy);
    }

    /// Starts to read the copies that were encoded, now that they are submitted.
    pub fn submitted(&mut self, submission: &wgpu::SubmissionIndex) {
        for copy in self.encoded.drain(..) {
            let mapping = self.gpu.start_map(&copy.buffer, wgpu::MapMode::Read);
            self.submitted.push_back((copy, submission.clone(), mapping));
        }
    }

    /// Logits `[images, classes]` that have come so far and were not returned yet, in order; waits for nothing.
    ///
    /// # Errors
    /// What the device reports.
    pub fn arrived(&mut self) -> Result<Vec<f32>, GpuError> {
        self.poll()?;
        Ok(std::mem::take(&mut self.arrived))
    }

    /// Logits of every submitted step that were not returned yet.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn flush(&mut self) -> Result<Vec<f32>, GpuError> {
        while !self.submitted.is_empty() {
            self.receive().await?;
        }
        Ok(std::mem::take(&mut self.arrived))
    }

    /// Reads what has arrived.
    fn poll(&mut self) -> Result<(), GpuError> {
        while let Some((copy, submission, mapping)) = self.submitted.pop_front() {
            if !mapping.is_mapped(&self.gpu)? {
                self.submitted.push_front((copy, submission, mapping));
                break;
            }
            self.read(copy)?;
        }
        Ok(())
    }

    /// Waits for the oldest copy, if there is one, and reads it.
    async fn receive(&mut self) -> Result<(), GpuError> {
        let Some((copy, submission, mapping)) = self.submitted.pop_front() else { return Ok(()) };
        self.gpu.await_submission(Some(submission));
        mapping.wait(&self.gpu).await?;
        self.read(copy)
    }

    /// Reads a copy whose buffer is mapped.
    fn read(&mut self, copy: Copy) -> Result<(), GpuError> {
        let Copy { buffer, start, row, classes, images } = copy;
        let end = start + (images * row * 4) as u64;
        let range = buffer.get_mapped_range(start..end).map_err(|error| self.gpu.failure(&error))?;
        let floats: Vec<f32> = bytemuck::pod_collect_to_vec(&range);
        drop(range);
        buffer.unmap();
        self.arrived.extend(floats.chunks(row).flat_map(|row| &row[..classes]));
        self.free.push(buffer);
        // What a lost device left there means nothing.
        self.gpu.check()
    }
}
