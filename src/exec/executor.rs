//! Trains and evaluates a network on a device.

use std::sync::Arc;

use super::footprint::plan_within_limits;
use super::logits_ring::{Copy, LogitsRing};
use super::program::Program;
use super::readback::{ReadbackRing, StepMetrics};
use super::schedules::Schedules;
use super::staging::StagingRing;
use crate::Error;
use crate::data::Batch;
use crate::gpu::{Gpu, GpuError, RuntimeChecks};
use crate::graph::{Arena, BufferKey, Dispatch, Graph, Plan, Target, TensorId, Tuning, Variable};
use crate::kernel::MicroKernel;
use crate::minibatch::{Minibatch, Step};
use crate::model::{Answer, BuildOptions, NamedTensor, Network};
use crate::optim::{GradientTable, Optimizer};

/// Workgroups that keep a CPU and a GPU busy: a few for each core. Long reductions are split until there are as many.
const BUSY_WORKGROUPS: [usize; 2] = [8, 256];

/// Most training steps of one submission.
const MOST_STEPS: usize = 8;

/// Minibatches that are staged: the device may work on as many as are being encoded.
pub(super) const STAGED: usize = 2 * MOST_STEPS;

/// How to train.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Images of a minibatch.
    pub batch_size: usize,
    /// Chooses the initial weights.
    pub seed: u64,
    /// The optimizer.
    pub optimizer: Optimizer,
    /// The loop of the matrix products; without it, the one that suits the adapter best.
    pub micro_kernel: Option<MicroKernel>,
    /// Whether shaders check indices and loops.
    pub checks: RuntimeChecks,
    /// How the network is built.
    pub build: BuildOptions,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            batch_size: 32,
            seed: 0,
            optimizer: Optimizer::default(),
            micro_kernel: None,
            checks: RuntimeChecks::default(),
            build: BuildOptions::default(),
        }
    }
}

impl Options {
    /// The target that schedules are recorded for on `gpu`.
    ///
    /// # Errors
    /// A micro-kernel that the adapter can't run.
    pub fn target(&self, gpu: &Gpu) -> Result<Target, Error> {
        let micro_kernel = self.micro_kernel.unwrap_or_else(|| gpu.default_micro_kernel());
        gpu.supports(micro_kernel)?;
        let busy_workgroups = BUSY_WORKGROUPS[usize::from(!gpu.is_software())];
        Ok(Target { micro_kernel, storage: micro_kernel.storage(), busy_workgroups })
    }
}

/// A network on a device: its parameters, its optimizer's state, and the schedules of a training and an evaluation
/// step.
#[derive(Debug)]
pub struct Executor {
    gpu: Arc<Gpu>,
    graph: Graph,
    train: Plan,
    infer: Plan,
    norm: Plan,
    norm_of_gradient: TensorId,
    minibatch: Minibatch,
    classes: usize,
    logits: TensorId,
    answer: Answer,
    program: Program,
    staging: StagingRing,
    readback: ReadbackRing,
    logits_ring: LogitsRing,
    options: Options,
    /// The parameters, once they were read, until they change.
    parameters: Option<Vec<NamedTensor>>,
    /// How often the parameters were changed.
    changes: u64,
    /// Training steps encoded so far.
    pub(super) updates: u64,
    /// Steps that wait to be submitted together.
    encoder: Option<wgpu::CommandEncoder>,
    waiting: usize,
    steps_per_submit: usize,
}

const TRAIN: usize = 0;
const INFER: usize = 1;
const NORM: usize = 2;
const UPDATE: usize = 3;

impl Executor {
    /// Builds `model` for minibatches of `options.batch_size` and gives it initial weights.
    ///
    /// # Errors
    /// A network that can't be built or planned; [`Error::BatchSize`] where it exceeds the device's limits, which is found
    /// before anything is allocated; what the device reports.
    pub fn new(gpu: Arc<Gpu>, model: &Network, options: Options) -> Result<Self, Error> {
        let target = options.target(&gpu)?;
        let (limits, left) = (gpu.limits(), gpu.memory_left());
        let Schedules {
            graph, train, update, infer, minibatch, classes, logits, tables, norm, norm_of_gradient, ..
        } = plan_within_limits(options.batch_size, |batch_size| {
            let schedules = Schedules::new(model, batch_size, &options, target)?;
            schedules.footprint.check(&limits, left)?;
            Ok(schedules)
        })?;
        // Measured choices may come from another adapter.
        for product in train.dispatches().iter().chain(infer.dispatches()).filter_map(Dispatch::product) {
            gpu.supports(product.choice.kernel)?;
        }
        let plans: Vec<&Plan> = [&train, &infer, &norm].into_iter().chain(&update).collect();
        let program = Program::new(gpu.clone(), &graph, &plans, options.checks)?;
        for table in &tables {
            program.write(&graph, &train, table.tensor, &table.values)?;
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
        executor.initialize()?;
        executor.gpu.check()?;
        Ok(executor)
    }

    fn initialize(&self) -> Result<(), Error> {
        self.program.write_arena(&self.graph, Arena::Weights, &self.graph.initial_values(self.options.seed))?;
        Ok(())
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
    /// [`Error::Minibatch`] where the batch does not fit the network: then the step is not taken, and training may go
    /// on. What the device reports.
    pub async fn train_step(&mut self, batch: &Batch) -> Result<(), Error> {
        self.train_step_at(batch, self.options.optimizer.learning_rate).await
    }

    /// [`Executor::train_step`] at another learning rate.
    ///
    /// # Errors
    /// As there.
    pub async fn train_step_at(&mut self, batch: &Batch, learning_rate: f64) -> Result<(), Error> {
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

    /// Encodes an evaluation step, as [`Executor::train_step`] does a training step.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn eval_step(&mut self, batch: &Batch) -> Result<(), Error> {
        self.encode(batch, INFER, self.step_of(batch, self.updates)).await?;
        self.submit_if_due().await
    }

    /// Encodes an evaluation step whose logits [`Executor::arrived_logits`] returns.
    ///
    /// # Errors
    /// As [`Executor::eval_step`].
    pub async fn eval_step_with_logits(&mut self, batch: &Batch) -> Result<(), Error> {
        if self.logits_ring.is_full() {
            self.submit().await?;
        }
        self.encode(batch, INFER, self.step_of(batch, self.updates)).await?;
        let Some(buffer) = self.logits_ring.buffer().await? else {
            return Err(GpuError::Device("no buffer is left for logits".into()).into());
        };
        let (memory, offset, bytes) = self.program.kept(&self.graph, &self.infer, self.logits)?;
        let encoder = self.encoder.get_or_insert_with(|| self.gpu.encoder());
        let start = memory.encode_copy(encoder, offset, bytes, &buffer);
        let shape = &self.graph.tensor(self.logits).shape;
        let (row, classes, images) = (shape.padded_columns(), shape.columns(), batch.len);
        self.logits_ring.encoded(Copy { buffer, start, row, classes, images });
        self.submit_if_due().await
    }

    /// Logits `[images, classes]` of [`Executor::eval_step_with_logits`] that have arrived since the last call, oldest
    /// first; waits for nothing.
    ///
    /// # Errors
    /// What the device reports.
    pub fn arrived_logits(&mut self) -> Result<Vec<f32>, Error> {
        self.gpu.poll();
        Ok(self.logits_ring.arrived()?)
    }

    /// Logits `[images, classes]` of every step that were not returned yet, oldest first; waits for them.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn all_logits(&mut self) -> Result<Vec<f32>, Error> {
        self.submit().await?;
        Ok(self.logits_ring.flush().await?)
    }

    /// Computes the logits `[len, classes]` of a minibatch, and waits for them.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn logits(&mut self, batch: &Batch) -> Result<Vec<f32>, Error> {
        self.eval_step_with_logits(batch).await?;
        self.metrics().await?;
        self.all_logits().await
    }

    /// The numbers of a step over `batch`, without those of the optimizer.
    fn step_of(&self, batch: &Batch, update: u64) -> Step {
        Step {
            // It only chooses a slot, so wrapping does no harm.
            number: self.readback.encoded() as u32,
            update: update as u32,
            ..Step::over(u32::try_from(batch.len).unwrap_or(u32::MAX)).seeded(self.options.seed)
        }
    }

    async fn encode(&mut self, batch: &Batch, plan: usize, step: Step) -> Result<(), Error> {
        let pieces = self.minibatch.pieces(&step, &batch.labels, &batch.pixels, self.classes)?;
        let staged = self.staging.fill(&pieces).await?;
        self.readback.count_step();
        let minibatch = self.program.buffer(BufferKey::Minibatch)?;
        let encoder = self.encoder.get_or_insert_with(|| self.gpu.encoder());
        encoder.copy_buffer_to_buffer(staged, 0, minibatch, 0, staged.size());
        self.program.encode(plan, encoder)?;
        self.waiting += 1;
        Ok(())
    }

    async fn submit_if_due(&mut self) -> Result<(), Error> {
        if self.waiting >= self.steps_per_submit { self.submit().await } else { Ok(()) }
    }

    /// Submits the steps that are encoded but not submitted yet.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn submit(&mut self) -> Result<(), Error> {
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
    pub fn arrived_metrics(&mut self) -> Result<Vec<StepMetrics>, Error> {
        self.gpu.poll();
        Ok(self.readback.arrived()?)
    }

    /// Metrics of every submitted step that was not returned yet, oldest first.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn metrics(&mut self) -> Result<Vec<StepMetrics>, Error> {
        self.submit().await?;
        let metrics = self.program.buffer(BufferKey::Metrics)?.clone();
        let steps = self.readback.flush(&metrics).await?;
        self.gpu.check()?;
        Ok(steps)
    }

    /// The parameters, in order of the layers. They are read from the device once, until they change.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn parameters(&mut self) -> Result<Vec<NamedTensor>, Error> {
        self.submit().await?;
        self.gpu.check()?;
        if let Some(parameters) = &self.parameters {
            return Ok(parameters.clone());
        }
        let parameters = named(self.program.read_arena(&self.graph, Arena::Weights).await?);
        Ok(self.parameters.insert(parameters).clone())
    }

    /// The exponential average of the parameters; the parameters before the first update, and none where no average is
    /// kept.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn averaged_parameters(&mut self) -> Result<Option<Vec<NamedTensor>>, Error> {
        let Some(arena) = self.options.optimizer.average_arena() else { return Ok(None) };
        if self.updates < self.options.optimizer.accumulate.max(1) as u64 {
            return Ok(Some(self.parameters().await?));
        }
        self.submit().await?;
        Ok(Some(named(self.program.read_arena(&self.graph, arena).await?)))
    }

    /// How often the parameters may have been changed: equal numbers mean equal parameters.
    pub fn parameter_changes(&self) -> u64 {
        self.changes
    }

    /// To be called before the parameters change.
    pub(super) fn forget_parameters(&mut self) {
        self.parameters = None;
        self.changes += 1;
    }

    /// The gradients of the last training step, named and shaped as the parameters. Frozen layers have none, and are left
    /// out.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn gradients(&mut self) -> Result<Vec<NamedTensor>, Error> {
        self.submit().await?;
        Ok(named(self.program.read_gradients(&self.graph).await?))
    }

    /// L2 norm of the gradient of the last training step, over all trainable parameters together: NaN if an element is not
    /// finite. The device computes it, so that 16 bytes are read; waits for them.
    ///
    /// # Errors
    /// What the device reports.
    pub async fn gradient_norm(&mut self) -> Result<f64, Error> {
        self.submit().await?;
        self.program.run(NORM)?;
        let values = self.program.read(&self.graph, &self.norm, self.norm_of_gradient).await?;
        Ok(GradientTable::norm(&values))
    }

    /// Replaces all parameters; the optimizer's state stays.
    ///
    /// # Errors
    /// A parameter that is missing, unknown or of another shape; then nothing changes.
    pub fn set_parameters(&mut self, tensors: &[NamedTensor]) -> Result<(), Error> {
        let values = self.values("", tensors)?;
        self.forget_parameters();
        self.program.write_arena(&self.graph, Arena::Weights, &values)?;
        Ok(())
    }

    /// Checks whether [`Executor::set_parameters`] would accept `tensors`.
    ///
    /// # Errors
    /// Those of [`Executor::set_parameters`].
    pub fn check_parameters(&self, tensors: &[NamedTensor]) -> Result<(), Error> {
        self.values("", tensors).map(drop)
    }

    /// The elements of each variable from `tensors`, which are to be named, behind `prefix`, and shaped as the variables.
    pub(super) fn values<'t>(
        &self,
        prefix: &str,
        tensors: impl IntoIterator<Item = &'t NamedTensor>,
    ) -> Result<Vec<Vec<f32>>, Error> {
        let tensors: Vec<&NamedTensor> = tensors.into_iter().collect();
        let mut all = Vec::new();
        for variable in self.graph.variables() {
            let (name, shape) = (format!("{prefix}{}", variable.name()), variable.shape());
            let tensor = (tensors.iter().find(|tensor| tensor.name == name))
                .ok_or_else(|| Error::Weights(format!("`{name}` is missing; the network wants it as {shape:?}")))?;
            if tensor.shape != shape || tensor.values.len() != variable.len() {
                let found = &tensor.shape;
                return Err(Error::Weights(format!("`{name}` is {found:?}, but the network wants {shape:?}")));
            }
            all.push(tensor.values.clone());
        }
        if all.len() < tensors.len() {
            let others = tensors.len() - all.len();
            return Err(Error::Weights(format!("{others} tensors belong to no layer of the network")));
        }
        Ok(all)
    }
}

/// The elements of each variable, under its name.
pub(super) fn named(variables: Vec<(&Variable, Vec<f32>)>) -> Vec<NamedTensor> {
    let tensor = |(variable, values): (&Variable, Vec<f32>)| NamedTensor {
        name: variable.name().into(),
        shape: variable.shape().to_vec(),
        values,
    };
    variables.into_iter().map(tensor).collect()
}
