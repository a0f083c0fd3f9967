//! Evaluation steps, and the logits that they leave.

use super::Executor;
use super::error::ExecError;
use super::executor::INFER;
use super::held_images::StepImages;
use super::logits_ring::Copy;
use crate::data::Batch;
use crate::gpu::GpuError;

impl Executor {
    /// Encodes an evaluation step, as [`Executor::train_step`] does a training step.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn eval_step(&mut self, images: impl Into<StepImages<'_>>) -> Result<(), ExecError> {
        let images = images.into();
        self.stage(images, INFER, self.step_of(images, self.updates)).await?;
        self.submit_if_due().await
    }

    /// Encodes an evaluation step whose logits [`Executor::arrived_logits`] returns.
    ///
    /// # Errors
    /// As [`Executor::eval_step`].
    pub async fn eval_step_with_logits(&mut self, images: impl Into<StepImages<'_>>) -> Result<(), ExecError> {
        let images = images.into();
        if self.logits_ring.is_full() {
            self.submit().await?;
        }
        self.stage(images, INFER, self.step_of(images, self.updates)).await?;
        let Some(buffer) = self.logits_ring.buffer().await? else {
            return Err(GpuError::Device("no buffer is left for logits".into()).into());
        };
        let (memory, offset, _) = self.program.kept(&self.graph, &self.infer, self.logits)?;
        let start = memory.first_copied_byte(offset);
        if let Some(waiting) = self.waiting.last_mut() {
            waiting.logits = Some(buffer.clone());
        }
        let shape = &self.graph.tensor(self.logits).shape;
        let (row, classes, images) = (shape.padded_columns(), shape.columns(), images.len());
        self.logits_ring.encoded(Copy { buffer, start, row, classes, images });
        self.submit_if_due().await
    }

    /// Encodes the copy of the logits of the step before.
    pub(super) fn encode_logits(
        &self,
        buffer: &wgpu::Buffer,
        encoder: &mut wgpu::CommandEncoder,
    ) -> Result<(), ExecError> {
        let (memory, offset, bytes) = self.program.kept(&self.graph, &self.infer, self.logits)?;
        memory.encode_copy(encoder, offset, bytes, buffer);
        Ok(())
    }

    /// Logits `[images, classes]` of [`Executor::eval_step_with_logits`] that have arrived since the last call, oldest
    /// first; waits for nothing.
    ///
    /// # Errors
    /// What the device reports.
    pub fn arrived_logits(&mut self) -> Result<Vec<f32>, ExecError> {
        self.gpu.poll();
        Ok(self.logits_ring.arrived()?)
    }

    /// Logits `[images, classes]` of every step that were not returned yet, oldest first; waits for them.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn all_logits(&mut self) -> Result<Vec<f32>, ExecError> {
        self.submit().await?;
        Ok(self.logits_ring.flush().await?)
    }

    /// Computes the logits `[len, classes]` of a minibatch, and waits for them.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn logits(&mut self, batch: &Batch) -> Result<Vec<f32>, ExecError> {
        self.eval_step_with_logits(batch).await?;
        self.metrics().await?;
        self.all_logits().await
    }
}
