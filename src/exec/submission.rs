//! Steps that are submitted together: their minibatches take one copy, and their dispatches one pass.

use super::Executor;
use super::command::Run;
use super::error::ExecError;
use super::executor::{INFER, TRAIN, UPDATE};
use super::held_images::StepImages;
use super::readback::StepMetrics;
use super::staging::Waiting;
use crate::graph::BufferKey;
use crate::minibatch::Step;

impl Executor {
    /// Stages a training step at the optimizer's learning rate, and submits the steps that wait when there are enough of them.
    /// It waits only while the device still reads both staging buffers.
    ///
    /// # Errors
    /// [`ExecError::Minibatch`] where the images do not fit the network: then the step is not taken, and training may go
    /// on. What the device reports.
    pub async fn train_step(&mut self, images: impl Into<StepImages<'_>>) -> Result<(), ExecError> {
        self.train_step_at(images, self.options().optimizer.learning_rate).await
    }

    /// [`Executor::train_step`] at another learning rate.
    ///
    /// # Errors
    /// As there.
    pub async fn train_step_at(
        &mut self,
        images: impl Into<StepImages<'_>>,
        learning_rate: f64,
    ) -> Result<(), ExecError> {
        let images = images.into();
        self.forget_parameters();
        let optimizer = &self.options().optimizer;
        let step = self.step_of(images, self.updates + 1);
        let step = match self.graph.loss_scale() {
            Some(_) => optimizer.at_scaled(self.updates, learning_rate, step),
            None => optimizer.at(self.updates, learning_rate, step),
        };
        let parts = optimizer.accumulate.max(1);
        self.stage(images, TRAIN, step).await?;
        if let Some(waiting) = self.waiting.last_mut() {
            waiting.updates = parts > 1 && step.part as usize + 1 == parts;
        }
        self.submit_if_due().await?;
        self.updates += 1;
        Ok(())
    }

    /// The numbers of a step over `images`, without those of the optimizer.
    pub(super) fn step_of(&self, images: StepImages<'_>, update: u64) -> Step {
        Step {
            // It only chooses a slot, so wrapping does no harm.
            number: self.readback.encoded() as u32,
            update: update as u32,
            ..Step::over(u32::try_from(images.len()).unwrap_or(u32::MAX)).seeded(self.options().seed)
        }
    }

    /// Stages the minibatch of a step, which waits to be submitted.
    pub(super) async fn stage(&mut self, images: StepImages<'_>, plan: usize, step: Step) -> Result<(), ExecError> {
        if self.staging.is_full() {
            self.submit().await?;
        }
        self.prepare(plan).await?;
        let (minibatch, classes) = (&self.minibatch, self.classes);
        let pieces = match images {
            StepImages::Sent(batch) => minibatch.pieces(&step, &batch.labels, &batch.pixels, classes)?,
            StepImages::Held(images) => minibatch.pieces_held(&step, &images.labels, &images.places, classes)?,
        };
        let minibatch = self.staging.fill(&pieces).await? as u32;
        self.readback.count_step();
        self.staged(plan);
        // Training makes nothing that lasts, since it changes the parameters in each step.
        let renews = plan != INFER || self.renewed.replace(self.changes) != Some(self.changes);
        let run = Run { plan, minibatch, renews };
        self.waiting.push(Waiting { run, updates: false, logits: None });
        Ok(())
    }

    pub(super) async fn submit_if_due(&mut self) -> Result<(), ExecError> {
        if self.waiting.len() >= self.steps_per_submit { self.submit().await } else { Ok(()) }
    }

    /// Submits the steps that are staged but not submitted yet.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn submit(&mut self) -> Result<(), ExecError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let mut encoder = self.gpu().encoder();
        self.staging.encode(&mut encoder, self.program().buffer(BufferKey::Minibatch)?);
        let waiting = std::mem::take(&mut self.waiting);
        let mut steps = Vec::new();
        for step in &waiting {
            steps.push(step.run);
            if step.updates {
                steps.push(Run { plan: UPDATE, ..step.run });
            }
            if let Some(buffer) = &step.logits {
                self.program().encode_steps(&std::mem::take(&mut steps), &mut encoder)?;
                self.encode_logits(buffer, &mut encoder)?;
            }
        }
        self.program().encode_steps(&steps, &mut encoder)?;
        let copies = self.readback.is_due();
        if copies {
            self.readback.encode(&mut encoder, self.program.buffer(BufferKey::Metrics)?).await?;
        }
        let submission = self.gpu().submit(encoder);
        self.staging.submitted(submission.clone());
        self.logits_ring.submitted(&submission);
        if copies {
            self.readback.submitted(submission);
        }
        self.submitted()?;
        self.gpu().check()?;
        Ok(())
    }

    /// Sets how many steps are submitted together, at most 8, and fewer where minibatches are large. With more of them the
    /// host has less to do for each, but each submission takes longer, and some systems reset a device that is busy for
    /// seconds.
    pub fn set_steps_per_submit(&mut self, steps: usize) {
        self.steps_per_submit = steps.clamp(1, self.staging.most_steps());
    }

    /// Steps that are submitted together.
    pub fn steps_per_submit(&self) -> usize {
        self.steps_per_submit
    }

    /// Metrics of steps that have arrived since the last call, oldest first. It does not wait. While steps wait to be
    /// submitted, it does not ask the device, which costs the host more than it would learn.
    ///
    /// # Errors
    /// What the device reports.
    pub fn arrived_metrics(&mut self) -> Result<Vec<StepMetrics>, ExecError> {
        if self.waiting.is_empty() {
            self.gpu().poll();
        }
        Ok(self.readback.arrived()?)
    }

    /// Metrics of every submitted step that was not returned yet, oldest first.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn metrics(&mut self) -> Result<Vec<StepMetrics>, ExecError> {
        self.submit().await?;
        let metrics = self.program.buffer(BufferKey::Metrics)?.clone();
        let steps = self.readback.flush(&metrics).await?;
        self.gpu().check()?;
        Ok(steps)
    }
}
