//! Compiling beside other work.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::cores::{Background, Rest, cores};
use crate::foreign_panic;
use crate::gpu::compilation::FirstUse;
use crate::gpu::{Gpu, GpuError, Pipeline};
use crate::kernel::{BindingUse, NUMBERS_BINDING, Storage};

/// A device that is done with its work earlier has found all machine code in the cache.
const PATIENCE: Duration = Duration::from_millis(150);

/// A dispatch that takes less was not compiled: its code was in the cache. Compiling takes 50 ms or more.
const CACHED: Duration = Duration::from_millis(20);

/// So many such dispatches one after the other end a thread's work.
const MOST_CACHED: usize = 2;

/// Bytes of what is bound where no shader runs: what a binding must have at least.
const BOUND: u64 = 1 << 16;

/// Makes `pipelines` on all cores.
pub fn compile_beside(pipelines: Vec<Arc<Pipeline>>) -> Background {
    Background::new(cores(), pipelines, |rest| {
        while let Some(pipeline) = rest.next() {
            // wgpu panics where a device is lost. Whoever needs the pipeline learns of that.
            let _ = foreign_panic::catch(|| {
                pipeline.get();
            });
        }
    })
}

/// Makes machine code ahead of its first use, on all cores but one, if `gpu` is a software adapter that is busy with the
/// first dispatches of `uses`.
///
/// llvmpipe makes the machine code of a pipeline when it is first dispatched, in the only thread of its device's queue, and
/// keeps it in its cache on disk. So while that queue works through a step from the beginning, other devices of the adapter
/// dispatch its pipelines from the end, without a workgroup, until they find what the cache already has. What they compile
/// is then found there by the queue.
pub fn compile_ahead(gpu: &Arc<Gpu>, mut uses: Vec<FirstUse>) -> Option<Background> {
    if !gpu.is_software() || cores() < 2 {
        return None;
    }
    uses.reverse();
    let gpu = gpu.clone();
    // Asked for here, since whoever waits for a device keeps others from asking.
    let finished = gpu.finish_flag();
    Some(Background::new(cores() - 1, uses, move |rest| {
        // A thread whose device does not open or fails is only missed; wgpu panics where a device is lost.
        let _ = foreign_panic::catch(|| {
            if is_busy(&finished)
                && !rest.is_stopped()
                && let Ok(twin) = pollster::block_on(gpu.twin())
            {
                let _ = dispatch_all(&twin, rest);
            }
        });
    }))
}

/// Whether the device is still busy, after a while, with what was submitted to it before.
fn is_busy(finished: &AtomicBool) -> bool {
    if !finished.load(Ordering::Relaxed) {
        // Whoever waits for the device learns of the end.
        std::thread::park_timeout(PATIENCE);
    }
    !finished.load(Ordering::Relaxed)
}

fn dispatch_all(gpu: &Gpu, rest: &Rest<FirstUse>) -> Result<(), GpuError> {
    let mut cached = 0;
    while let Some(first) = rest.next().filter(|_| cached < MOST_CACHED) {
        cached = if dispatch_nothing(gpu, first)? < CACHED { cached + 1 } else { 0 };
    }
    Ok(())
}

/// Has the driver of `gpu`, which may be another device, make the machine code of a dispatch. Returns how long that took.
pub fn dispatch_nothing(gpu: &Gpu, first: &FirstUse) -> Result<Duration, GpuError> {
    let pipeline = first.pipeline.on(gpu);
    let bind_group = bind_group(gpu, &pipeline, &first.images);
    let mut encoder = gpu.encoder();
    let mut pass = encoder.begin_compute_pass(&wgpu::ComputePassDescriptor::default());
    pass.set_pipeline(pipeline.get());
    let placed = pipeline.recipe().bindings().iter().any(BindingUse::is_placed_by_dispatch);
    pass.set_bind_group(0, &bind_group, if placed { &[0] } else { &[] });
    pass.dispatch_workgroups(0, 0, 0);
    drop(pass);
    let begin = Instant::now();
    gpu.submit(encoder);
    gpu.block_on(gpu.finished());
    gpu.check()?;
    Ok(begin.elapsed())
}

/// Something small in each binding.
fn bind_group(gpu: &Gpu, pipeline: &Pipeline, images: &[(u32, [u32; 2])]) -> wgpu::BindGroup {
    let buffer = |usage| gpu.create_buffer("bound", BOUND, usage, false);
    let bindings = pipeline.recipe().bindings();
    let views = bindings.iter().filter(|binding| binding.storage.is_image()).map(|binding| {
        let size = images.iter().find(|(index, _)| *index == binding.index).map_or([1, 1], |(_, size)| *size);
        (
            binding.index,
            gpu.create_image("bound", binding.storage, size).create_view(&wgpu::TextureViewDescriptor::default()),
        )
    });
    let buffers = bindings.iter().filter(|binding| binding.storage == Storage::Buffers);
    let buffers = buffers.map(|binding| (binding.index, buffer(wgpu::BufferUsages::STORAGE)));
    let numbers = pipeline.module().has_numbers().then(|| (NUMBERS_BINDING, buffer(wgpu::BufferUsages::UNIFORM)));
    let (views, buffers): (Vec<_>, Vec<_>) = (views.collect(), buffers.chain(numbers).collect());
    let views = views.iter().map(|(binding, view)| wgpu::BindGroupEntry {
        binding: *binding,
        resource: wgpu::BindingResource::TextureView(view),
    });
    let buffers = buffers
        .iter()
        .map(|(binding, buffer)| wgpu::BindGroupEntry { binding: *binding, resource: buffer.as_entire_binding() });
    gpu.create_bind_group("bound", pipeline.layout(), &views.chain(buffers).collect::<Vec<_>>())
}
