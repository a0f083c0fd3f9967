//! Trains and evaluates a network on a device.

use std::sync::Arc;

use super::Options;
use super::error::ExecError;
use super::footprint::{largest_within_limits, plan_within_limits};
use super::logits_ring::LogitsRing;
use super::program::Program;
use super::readback::ReadbackRing;
use super::schedules::Schedules;
use super::staging::{StagingRing, Waiting};
use crate::data::Split;
use crate::gpu::{Gpu, GpuError, Pipelines};
use crate::graph::{Dispatch, Graph, Plan, TensorId, Tuning};
use crate::minibatch::Minibatch;
use crate::model::{Answer, NamedTensor, Network};
use crate::optim::{GradientTable, LossScale, Penalties};

/// A network on a device: its parameters, its optimizer's state, and the schedules of a training and an evaluation
/// step.
#[derive(Debug)]
pub struct Executor {
    pub(super) gpu: Arc<Gpu>,
    pub(super) graph: Graph,
    pub(super) train: Plan,
    pub(super) infer: Plan,
    pub(super) norm: Plan,
    pub(super) norm_of_gradient: TensorId,
    pub(super) minibatch: Minibatch,
    pub(super) classes: usize,
    pub(super) logits: TensorId,
    answer: Answer,
    pub(super) program: Program,
    pub(super) staging: StagingRing,
    pub(super) readback: ReadbackRing,
    pub(super) logits_ring: LogitsRing,
    pub(super) options: Options,
    /// Sizes of an image, `[h, w, c]`.
    pub(super) image: [usize; 3],
    /// Images that the device holds, and the place of the first of each split.
    pub(super) held: Vec<(Arc<Split>, u32)>,
    /// The parameters, once they were read, until they change.
    pub(super) parameters: Option<Vec<NamedTensor>>,
    /// How often the parameters were changed.
    pub(super) changes: u64,
    /// After how many of these changes the parameters were from which inference has made what lasts.
    pub(super) renewed: Option<u64>,
    /// Training steps staged so far.
    pub(super) updates: u64,
    /// Steps that wait to be submitted together.
    pub(super) waiting: Vec<Waiting>,
    pub(super) steps_per_submit: usize,
}

pub(super) const TRAIN: usize = 0;
pub(super) const INFER: usize = 1;
pub(super) const NORM: usize = 2;
pub(super) const UPDATE: usize = 3;

impl Executor {
    /// Builds `model` for minibatches of `options.batch_size` and gives it initial weights. Shaders are compiled when they are
    /// needed; [`Self::begin_training`] begins earlier. If the device has no memory for the images that
    /// [`Options::holding`] made room for, there is no room for them in [`Self::options`], and they are sent.
    ///
    /// # Errors
    /// A network that can't be built or planned; [`ExecError::BatchSize`] where it exceeds the device's limits, which is found
    /// before anything is allocated; what the device reports.
    pub fn new(gpu: Arc<Gpu>, model: &Network, mut options: Options) -> Result<Self, ExecError> {
        if options.build.held_images > 0 {
            let made = gpu.attempt(|| Self::with_room(gpu.clone(), model, options.clone()));
            if !matches!(made, Err(ExecError::Gpu(GpuError::OutOfMemory(_)))) {
                return made;
            }
            // What was allocated is given back when the device is asked.
            gpu.poll();
            options.build.held_images = 0;
        }
        Self::with_room(gpu, model, options)
    }

    /// [`Self::new`] with room for as many images as `options` say.
    fn with_room(gpu: Arc<Gpu>, model: &Network, options: Options) -> Result<Self, ExecError> {
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
        let dispatches = train.dispatches().iter().chain(infer.dispatches()).flat_map(Dispatch::members);
        for product in dispatches.filter_map(Dispatch::product) {
            gpu.supports(product.choice.kernel)?;
        }
        let plans: Vec<&Plan> = [&train, &infer, &norm].into_iter().chain(&update).collect();
        let program = Program::allocate(gpu.clone(), &graph, &plans, &mut Pipelines::new(options.checks))?;
        let tables = tables.iter().flat_map(GradientTable::inputs);
        for (tensor, values) in tables.chain(penalties.iter().flat_map(Penalties::tables)) {
            program.write(&graph, &train, tensor, values)?;
        }
        let (memory, offset, bytes) = program.kept(&graph, &infer, logits)?;
        let logits_bytes = memory.copied_bytes(offset, bytes);
        let executor = Self {
            staging: StagingRing::new(gpu.clone(), minibatch.words() as u64 * 4),
            readback: ReadbackRing::new(gpu.clone()),
            logits_ring: LogitsRing::new(gpu.clone(), logits_bytes),
            parameters: None,
            changes: 0,
            renewed: None,
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
            image: model.input(),
            held: Vec::new(),
            program,
            updates: 0,
            options,
            waiting: Vec::new(),
            steps_per_submit: 1,
        };
        executor.write_loss_scale(LossScale::default())?;
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
            for product in dispatch.members().iter().filter_map(Dispatch::product) {
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
}
