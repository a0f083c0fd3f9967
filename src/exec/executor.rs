//! Trains and evaluates a network on a device.

use std::sync::Arc;

use super::Options;
use super::error::ExecError;
use super::footprint::{largest_within_limits, plan_within_limits};
use super::logits_ring::LogitsRing;
use super::program::Program;
use super::readback::{ReadbackRing, StepMetrics};
use super::schedules::Schedules;
use super::staging::{MOST_STEPS, STAGED, StagingRing};
use crate::data::Batch;
use crate::gpu::Gpu;
use crate::graph::{BufferKey, Dispatch, Graph, Plan, TensorId, Tuning};
use crate::minibatch::{Minibatch, Step};
use crate::model::{Answer, NamedTensor, Network};
use crate::optim::{GradientTable, Penalties};

/// A network on a device: its parameters, its optimizer's state, and the schedules of a training and an evaluation
/// step.
#[derive(Debug)]
pub struct Executor {
    pub(super) gpu: Arc<Gpu>,
    pub(super) graph: Graph,
    train: Plan,
    pub(super) infer: Plan,
    pub(super) norm: Plan,
    pub(super) norm_of_gradient: TensorId,
    minibatch: Minibatch,
    classes: usize,
    pub(super) logits: TensorId,
    answer: Answer,
    pub(super) program: Program,
    staging: StagingRing,
    pub(super) readback: ReadbackRing,
    pub(super) logits_ring: LogitsRing,
    pub(super) options: Options,
    /// The parameters, once they were read, until they change.
    pub(super) parameters: Option<Vec<NamedTensor>>,
    /// How often the parameters were changed.
    pub(super) changes: u64,
    /// Training steps encoded so far.
    pub(super) updates: u64,
    /// Steps that wait to be submitted together.
    pub(super) encoder: Option<wgpu::CommandEncoder>,
    waiting: usize,
    steps_per_submit: usize,
}

pub(super) const TRAIN: usize = 0;
pub(super) const INFER: usize = 1;
pub(super) const NORM: usize = 2;
pub(super) const UPDATE: usize = 3;

impl Executor {
    /// Builds `model` for minibatches of `options.batch_size` and gives it initial weights. Shaders are compiled when they are
    /// needed; [`Self::begin_training`] begins earlier.
    ///
    /// # Errors
    /// A network that can't be built or planned; [`ExecError::BatchSize`] where it exceeds the device's limits, which is found
    /// before anything is allocated; what the device reports.
    pub fn new(gpu: Arc<Gpu>, model: &Network, options: Options) -> Result<Self, ExecError> {
        let plan = |batch_size| Schedules::that_fit(&gpu, model, batch_size, &options);
        let Schedules {
            graph,
            train,
            update,
            infer,
            minibatch,
            classes,
            logits,
            tables,
            penalties,
            norm,
            norm_of_gradient,
            ..
        } = plan_within_limits(options.batch_size, plan)?;
        // Measured choices may come from another adapter.
        for product in train.dispatches().iter().chain(infer.dispatches()).filter_map(Dispatch::product) {
            gpu.supports(product.choice.kernel)?;
        }
        let plans: Vec<&Plan> = [&train, &infer, &norm].into_iter().chain(&update).collect();
        let program = Program::allocate(gpu.clone(), &graph, &plans, options.checks)?;
        let tables = tables.iter().flat_map(GradientTable::inputs);
        for (tensor, values) in tables.chain(penalties.iter().flat_map(Penalties::tables)) {
            program.write(&graph, &train, tensor, values)?;
        }
        let (memory, offset, bytes) = program.kept(&graph, &infer, logits)?;
        let logits_bytes = memory.copied_bytes(offset, bytes);
        let executor = Self {
            staging: StagingRing::new(gpu.clone(), STAGED, minibatch.words() as u64 * 4),
            readback: ReadbackRing::new(gpu.clone()),
            logits_ring: LogitsRing::new(gpu.clone(), logits_bytes, STAGED),
            parameters: None,
            changes: 0,
            gpu,
            graph,
            train,
            infer,
            norm,
            norm_of_gradient,
            minibatch,
            classes,
            logits,
            answer: model.answer()?,
            program,
            updates: 0,
            options,
            encoder: None,
            waiting: 0,
            steps_per_submit: 1,
        };
        executor.write_parameters(&executor.graph.initial_values(executor.options.seed))?;
        executor.gpu.check()?;
        Ok(executor)
    }

    /// The most images of a minibatch with which `gpu` can train `model`, whatever `options` say about that; 0 if one is too
    /// many. It is computed from plans, so that nothing is allocated. A GPU does not say how much memory it has: then only
    /// its limits count.
    ///
    /// # Errors
    /// A network that can't be built or planned, or a micro-kernel that the adapter can't run.
    pub fn largest_batch(gpu: &Gpu, model: &Network, options: &Options) -> Result<usize, ExecError> {
        largest_within_limits(|batch_size| Schedules::that_fit(gpu, model, batch_size, options))
    }

    /// The device.
    pub fn gpu(&self) -> &Arc<Gpu> {
        &self.gpu
    }

    /// The options that it was built with.
    pub fn options(&self) -> &Options {
        &self.options
    }

    /// How each matrix product of its schedules is computed.
    pub fn products(&self) -> Tuning {
        let mut tuning = Tuning::default();
        for dispatch in self.train.dispatches().iter().chain(self.infer.dispatches()) {
            if let Some(product) = dispatch.product() {
                tuning.insert(product.key.clone(), product.choice);
            }
        }
        tuning
    }

    /// How the network's logits are to be read.
    pub fn answer(&self) -> Answer {
        self.answer
    }

    /// Images of a minibatch.
    pub fn batch_size(&self) -> usize {
        self.options.batch_size
    }

    /// Tensors and parameters.
    pub fn graph(&self) -> &Graph {
        &self.graph
    }

    /// The plans' memory and commands: plan 0 trains, plan 1 infers, plan 2 takes the norm of the gradient, and plan 3
    /// updates where several minibatches make one update.
    pub fn program(&self) -> &Program {
        &self.program
    }

    /// Schedule of a training step.
    pub fn train_plan(&self) -> &Plan {
        &self.train
    }

    /// Schedule of an evaluation step.
    pub fn infer_plan(&self) -> &Plan {
        &self.infer
    }

    /// Bytes that buffers and images take on the device, including those that minibatches and metrics pass through.
    pub fn device_bytes(&self) -> u64 {
        self.program.bytes() + self.staging.bytes() + self.readback.bytes() + self.logits_ring.bytes()
    }

    /// Encodes a training step at the optimizer's learning rate, and submits it when there are enough of them; waits only
    /// while all staging slots are in flight.
    ///
    /// # Errors
    /// [`ExecError::Minibatch`] where the batch does not fit the network: then the step is not taken, and training may go
    /// on. What the device reports.
    pub async fn train_step(&mut self, batch: &Batch) -> Result<(), ExecError> {
        self.train_step_at(batch, self.options.optimizer.learning_rate).await
    }

    /// [`Executor::train_step`] at another learning rate.
    ///
    /// # Errors
    /// As there.
    pub async fn train_step_at(&mut self, batch: &Batch, learning_rate: f64) -> Result<(), ExecError> {
        self.forget_parameters();
        let optimizer = &self.options.optimizer;
        let step = optimizer.at(self.updates, learning_rate, self.step_of(batch, self.updates + 1));
        self.encode(batch, TRAIN, step).await?;
        let parts = self.options.optimizer.accumulate.max(1);
        if parts > 1 && step.part as usize + 1 == parts {
            let encoder = self.encoder.get_or_insert_with(|| self.gpu.encoder());
            self.program.encode(UPDATE, encoder)?;
        }
        self.submit_if_due().await?;
        self.updates += 1;
        Ok(())
    }

    /// The numbers of a step over `batch`, without those of the optimizer.
    pub(super) fn step_of(&self, batch: &Batch, update: u64) -> Step {
        Step {
            // It only chooses a slot, so wrapping does no harm.
            number: self.readback.encoded() as u32,
            update: update as u32,
            ..Step::over(u32::try_from(batch.len).unwrap_or(u32::MAX)).seeded(self.options.seed)
        }
    }

    pub(super) async fn encode(&mut self, batch: &Batch, plan: usize, step: Step) -> Result<(), ExecError> {
        self.prepare(plan)?;
        let pieces = self.minibatch.pieces(&step, &batch.labels, &batch.pixels, self.classes)?;
        let staged = self.staging.fill(&pieces).await?;
        self.readback.count_step();
        let minibatch = self.program.buffer(BufferKey::Minibatch)?;
        let encoder = self.encoder.get_or_insert_with(|| self.gpu.encoder());
        encoder.copy_buffer_to_buffer(staged, 0, minibatch, 0, staged.size());
        self.program.encode(plan, encoder)?;
        self.encoded(plan);
        self.waiting += 1;
        Ok(())
    }

    pub(super) async fn submit_if_due(&mut self) -> Result<(), ExecError> {
        if self.waiting >= self.steps_per_submit { self.submit().await } else { Ok(()) }
    }

    /// Submits the steps that are encoded but not submitted yet.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn submit(&mut self) -> Result<(), ExecError> {
        let Some(mut encoder) = self.encoder.take() else { return Ok(()) };
        self.waiting = 0;
        let copies = self.readback.is_due();
        if copies {
            self.readback.encode(&mut encoder, self.program.buffer(BufferKey::Metrics)?).await?;
        }
        let submission = self.gpu.submit(encoder);
        self.staging.submitted(&submission);
        self.logits_ring.submitted(&submission);
        if copies {
            self.readback.submitted(submission);
        }
        self.submitted()?;
        self.gpu.check()?;
        Ok(())
    }

    /// Sets how many steps are submitted together, at most 8: fewer waits of the host for the device, but each
    /// submission takes longer, and some systems reset a device that is busy for seconds.
    pub fn set_steps_per_submit(&mut self, steps: usize) {
        self.steps_per_submit = steps.clamp(1, MOST_STEPS);
    }

    /// Steps that are submitted together.
    pub fn steps_per_submit(&self) -> usize {
        self.steps_per_submit
    }

    /// Metrics of steps that have arrived since the last call, oldest first. It does not wait.
    ///
    /// # Errors
    /// What the device reports.
    pub fn arrived_metrics(&mut self) -> Result<Vec<StepMetrics>, ExecError> {
        self.gpu.poll();
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
        self.gpu.check()?;
        Ok(steps)
    }
}
