//! The schedules of an executor: pure data, made before the device is used.

use super::Options;
use super::error::ExecError;
use super::footprint::Footprint;
use super::logits_ring::LogitsRing;
use super::staging::{BUFFERS, staged_bytes};
use crate::gpu::Gpu;
use crate::graph::{Arena, Graph, Mode, Plan, Target, TensorId};
use crate::minibatch::Minibatch;
use crate::model::{Built, Network};
use crate::optim::{GradientTable, Penalties};

/// The schedules of a training and an evaluation step of one network, and of the norm of the gradient.
#[derive(Debug)]
pub(super) struct Schedules {
    pub graph: Graph,
    pub train: Plan,
    pub infer: Plan,
    pub minibatch: Minibatch,
    /// Number of classes: labels are below it.
    pub classes: usize,
    pub logits: TensorId,
    /// The update, where several minibatches make one; else it is a part of the training step.
    pub update: Option<Plan>,
    /// The tables of gradients, which the host writes before the first step.
    pub tables: Vec<GradientTable>,
    /// The penalties of the weights, if there are any, whose table the host writes too.
    pub penalties: Option<Penalties>,
    /// The schedule of the norm of the gradient, and the tensor that holds it.
    pub norm: Plan,
    pub norm_of_gradient: TensorId,
    pub footprint: Footprint,
}

impl Schedules {
    /// [`Schedules::new`] on `gpu`, if they fit it.
    ///
    /// # Errors
    /// A network that can't be built or planned, or what does not fit.
    pub fn that_fit(gpu: &Gpu, model: &Network, batch_size: usize, options: &Options) -> Result<Self, ExecError> {
        let schedules = Self::new(model, batch_size, options, options.target(gpu)?)?;
        schedules.footprint.check(&gpu.limits(), gpu.memory_left())?;
        Ok(schedules)
    }

    /// The schedules of `model` for minibatches of `batch_size` images, which overrides the size in `options`.
    ///
    /// # Errors
    /// A network that can't be built or planned.
    pub fn new(model: &Network, batch_size: usize, options: &Options, target: Target) -> Result<Self, ExecError> {
        let built = model.build_with(batch_size, target, options.build.clone())?;
        let Built { mut graph, minibatch, classes, logits, loss } = built;
        let mut dispatches = graph.record_forward(Mode::Train);
        dispatches.extend(graph.record_backward(&[], &[])?.0);
        let penalties = Penalties::new(&mut graph);
        if let Some(penalties) = &penalties {
            dispatches.extend(penalties.record(&mut graph, Mode::Train, minibatch, loss)?);
        }
        let mut update = None;
        let tables = match options.optimizer.accumulate {
            0 | 1 => {
                let (last, table) = options.optimizer.record(&mut graph, minibatch)?;
                dispatches.extend(last);
                vec![table]
            }
            _ => {
                let accumulation = options.optimizer.record_accumulation(&mut graph, minibatch)?;
                dispatches.extend(accumulation.accumulate);
                update = Some(Plan::new(&graph, accumulation.update, &[])?);
                accumulation.tables.into()
            }
        };
        let train = Plan::joined(&graph, dispatches, &[])?;
        let mut dispatches = graph.record_forward(Mode::Infer);
        if let Some(penalties) = &penalties {
            dispatches.extend(penalties.record(&mut graph, Mode::Infer, minibatch, loss)?);
        }
        // The average lies as the weights do.
        graph.move_to_arena(&mut dispatches, Arena::Weights, options.evaluated_arena());
        let infer = Plan::joined(&graph, dispatches, &[logits])?;
        let (dispatches, norm_of_gradient) = tables[0].record_norm(&mut graph);
        let norm = Plan::new(&graph, dispatches, &[norm_of_gradient])?;
        let plans: Vec<&Plan> = [&train, &infer, &norm].into_iter().chain(&update).collect();
        let mut footprint = Footprint::new(&graph, &plans);
        footprint.passages += BUFFERS as u64 * staged_bytes(graph.tensor(minibatch).bytes());
        let bytes = graph.tensor(logits).bytes();
        footprint.passages += LogitsRing::slots(bytes) as u64 * bytes;
        let minibatch = Minibatch::new(batch_size, model.input()).beside(options.build.held_images);
        Ok(Self {
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
            footprint,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::footprint::{largest_within_limits, plan_within_limits};
    use super::*;
    use crate::kernel::{MicroKernel, Storage};
    use crate::model::Sequential;

    fn target(storage: Storage) -> Target {
        let most_buffers = wgpu::Limits::default().max_storage_buffers_per_shader_stage;
        Target { storage, most_buffers, ..Target::new(MicroKernel::Direct, 8) }
    }

    /// Limits of WebGPU, but for one.
    fn limits(change: impl Fn(&mut wgpu::Limits)) -> wgpu::Limits {
        let mut limits = wgpu::Limits::default();
        change(&mut limits);
        limits
    }

    fn plan(batch_size: usize, storage: Storage, limits: &wgpu::Limits, left: Option<u64>) -> Result<(), ExecError> {
        let model = Sequential::tutorial([32, 32, 3], 10);
        let schedules = Schedules::new(&model, batch_size, &Options::default(), target(storage))?;
        Ok(schedules.footprint.check(limits, left)?)
    }

    #[test]
    fn the_largest_batch_that_fits_is_found_without_a_device() {
        let (buffers, images) = (Storage::Buffers, Storage::Images);
        for (storage, limits, left, name) in [
            (buffers, limits(|l| l.max_storage_buffer_binding_size = 8 << 20), None, "max_storage_buffer_binding_size"),
            (buffers, limits(|l| l.max_buffer_size = 8 << 20), None, "max_buffer_size"),
            (images, limits(|l| l.max_texture_dimension_2d = 512), None, "max_texture_dimension_2d"),
            (buffers, limits(|l| l.max_compute_workgroups_per_dimension = 1000), None, "max_compute_workgroups_per"),
            (buffers, limits(|_| ()), Some(64 << 20), "memory left to this process"),
        ] {
            let plan = |batch_size| plan(batch_size, storage, &limits, left);
            let error = plan_within_limits(1 << 20, plan).unwrap_err();
            let ExecError::BatchSize { largest, .. } = error else { panic!("{error}") };
            assert!(largest >= 8 && plan(largest).is_ok(), "{name}: {largest}");
            assert_eq!(largest_within_limits(plan).unwrap(), largest);
            let next = plan_within_limits(largest + 1, plan).unwrap_err().to_string();
            assert!(next.contains(name) && next.ends_with(&format!("that fits is {largest}")), "{next}");
        }
    }

    #[test]
    fn where_one_image_is_too_much_the_error_says_so() {
        let limits = limits(|l| l.max_storage_buffer_binding_size = 1 << 12);
        let error = plan_within_limits(32, |batch_size| plan(batch_size, Storage::Buffers, &limits, None));
        let error = error.unwrap_err().to_string();
        assert!(error.contains("not even 1 image fits") && error.contains("4096"), "{error}");
        let plan = |batch_size| plan(batch_size, Storage::Buffers, &limits, None);
        assert_eq!(largest_within_limits(plan).unwrap(), 0);
    }

    #[test]
    fn a_network_that_is_wrong_for_every_batch_is_not_about_the_batch() {
        let model = Sequential::new([4, 4, 3]).conv2d(8, 5).flatten().dense(10);
        let plan = |batch_size| Schedules::new(&model, batch_size, &Options::default(), target(Storage::Buffers));
        let error = plan_within_limits(1 << 20, plan).unwrap_err();
        assert!(matches!(error, ExecError::Model(_)), "{error}");
        assert!(matches!(largest_within_limits(plan), Err(ExecError::Model(_))));
    }
}
