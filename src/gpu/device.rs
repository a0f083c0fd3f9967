//! An opened device, and a count of what was created on it.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::Poll;

use super::failure::Failure;
use super::probe::Probe;
use super::{GpuError, GpuEvent, Mapping};
use crate::foreign_panic;
use crate::kernel::{MicroKernel, Storage};
use crate::text::one_line;

/// An opened adapter.
#[derive(Debug)]
pub struct Gpu {
    #[cfg_attr(not(feature = "host"), allow(dead_code, reason = "only threads open other devices"))]
    pub(super) adapter: wgpu::Adapter,
    device: wgpu::Device,
    pub(super) queue: wgpu::Queue,
    info: wgpu::AdapterInfo,
    failure: Failure,
    created: AtomicU64,
    pub(super) awaited: Mutex<Option<wgpu::SubmissionIndex>>,
    probe: OnceLock<Probe>,
    submissions: AtomicU64,
    pub(super) shares_memory: bool,
    /// Asks the host how many bytes of its memory tensors may take, where it can be asked.
    pub(super) memory_left: fn() -> Option<u64>,
}

impl Gpu {
    /// Wraps a device. Errors that it reports later are kept for [`Gpu::check`], instead of a panic.
    pub(super) fn new(adapter: wgpu::Adapter, device: wgpu::Device, queue: wgpu::Queue) -> Self {
        Self {
            info: adapter.get_info(),
            adapter,
            failure: Failure::of(&device),
            device,
            queue,
            created: AtomicU64::new(0),
            awaited: Mutex::new(None),
            probe: OnceLock::new(),
            submissions: AtomicU64::new(0),
            shares_memory: false,
            memory_left: || None,
        }
    }

    /// Adapter, driver and backend.
    pub fn info(&self) -> &wgpu::AdapterInfo {
        &self.info
    }

    /// Limits of the device.
    pub fn limits(&self) -> wgpu::Limits {
        self.device.limits()
    }

    /// Whether it computes on the CPU.
    pub fn is_software(&self) -> bool {
        self.info.device_type == wgpu::DeviceType::Cpu
    }

    /// Whether a buffer and an image can be one piece of memory: on llvmpipe, if a test shows that they do.
    pub fn shares_memory(&self) -> bool {
        self.shares_memory
    }

    /// Bytes that its tensors may take, if known. WebGPU does not say how much memory a GPU has. A software adapter uses the
    /// memory of the host.
    pub fn memory_left(&self) -> Option<u64> {
        self.is_software().then(self.memory_left).flatten()
    }

    /// The wgpu device.
    pub fn device(&self) -> &wgpu::Device {
        &self.device
    }

    /// How many buffers, images, bind groups and pipelines were created so far.
    pub fn created(&self) -> u64 {
        self.created.load(Ordering::Relaxed)
    }

    pub(super) fn count(&self) {
        self.created.fetch_add(1, Ordering::Relaxed);
    }

    /// Fails with the first error that the device reported, if any.
    ///
    /// # Errors
    /// The device was lost, is out of memory, or rejected a command.
    pub fn check(&self) -> Result<(), GpuError> {
        self.failure.first().map_or(Ok(()), Err)
    }

    /// Does what may fail without harm: an error that the device reports meanwhile is returned, and later checks do not find
    /// it, unless the device was lost.
    ///
    /// # Errors
    /// That error, else the one of `work`.
    pub(crate) fn attempt<T, E: From<GpuError>>(&self, work: impl FnOnce() -> Result<T, E>) -> Result<T, E> {
        self.check()?;
        let result = work();
        match self.failure.take() {
            Some(error) => Err(error.into()),
            None => result,
        }
    }

    /// The cause of a call that failed with `error`: the first error that the device reported, else `error` itself.
    pub(crate) fn failure(&self, error: &dyn std::error::Error) -> GpuError {
        self.poll();
        self.note(GpuError::Device(one_line(&error.to_string())))
    }

    /// Keeps the first error and returns it, so that every later check fails.
    pub(super) fn note(&self, error: GpuError) -> GpuError {
        self.failure.note(error)
    }

    /// Checks whether the adapter can run a micro-kernel.
    ///
    /// # Errors
    /// [`GpuError::MicroKernel`], which says what the adapter lacks.
    pub fn supports(&self, kernel: MicroKernel) -> Result<(), GpuError> {
        let (limits, features) = (self.limits(), self.device.features());
        let lanes = [self.info.subgroup_min_size, self.info.subgroup_max_size];
        let refuse = |reason: &str| Err(GpuError::MicroKernel { kernel: kernel.to_string(), reason: reason.into() });
        match kernel {
            _ if kernel.is_for_gpus() && limits.max_compute_invocations_per_workgroup < 256 => {
                refuse("it needs 256 invocations in a workgroup")
            }
            _ if kernel.workgroup_bytes() > limits.max_compute_workgroup_storage_size => {
                refuse(&format!("it needs {} bytes of workgroup memory", kernel.workgroup_bytes()))
            }
            _ if kernel.lanes().is_some() && !features.contains(wgpu::Features::SUBGROUP) => {
                refuse("it needs subgroup operations")
            }
            _ if kernel.lanes().is_some_and(|needed| lanes != [needed; 2]) => {
                let needed = kernel.lanes().unwrap_or(0);
                refuse(&format!("it needs subgroups of {needed} lanes, and there they have {}", lanes_in_words(lanes)))
            }
            _ if kernel.storage() == Storage::Images && !self.updates_images() => {
                refuse("it needs storage images that a shader may read and write")
            }
            _ if kernel.storage() == Storage::Images && !features.contains(wgpu::Features::SHADER_INT64) => {
                refuse("it needs integers of 64 bits")
            }
            _ => Ok(()),
        }
    }

    /// The default micro-kernel: broadcast on a software adapter whose subgroups have 8 or 16 lanes, tile on a GPU, direct
    /// on all other adapters. On a software adapter workgroup memory is no faster than other memory.
    pub fn default_micro_kernel(&self) -> MicroKernel {
        let preferred: &[MicroKernel] = if self.is_software() {
            &[MicroKernel::Broadcast64x16, MicroKernel::Broadcast64x32]
        } else {
            &[MicroKernel::Tile]
        };
        preferred.iter().copied().find(|kernel| self.supports(*kernel).is_ok()).unwrap_or(MicroKernel::Direct)
    }

    /// Whether a shader may update an image of floats in place, which is not in WebGPU's core.
    fn updates_images(&self) -> bool {
        self.device.features().contains(wgpu::Features::TEXTURE_ADAPTER_SPECIFIC_FORMAT_FEATURES)
    }

    /// Creates a buffer.
    pub fn create_buffer(&self, label: &str, size: u64, usage: wgpu::BufferUsages, mapped: bool) -> wgpu::Buffer {
        self.count();
        self.device.create_buffer(&wgpu::BufferDescriptor {
            label: Some(label),
            size,
            usage,
            mapped_at_creation: mapped,
        })
    }

    /// Creates a bind group.
    pub fn create_bind_group(
        &self,
        label: &str,
        layout: &wgpu::BindGroupLayout,
        entries: &[wgpu::BindGroupEntry<'_>],
    ) -> wgpu::BindGroup {
        self.count();
        self.device.create_bind_group(&wgpu::BindGroupDescriptor { label: Some(label), layout, entries })
    }

    /// Calls `probe` at every [`GpuEvent`] from now on. Only the first probe that is set counts.
    pub fn set_probe(&self, probe: impl Fn(GpuEvent) + Send + Sync + 'static) {
        let _ = self.probe.set(Probe(Arc::new(probe)));
    }

    pub(super) fn tell(&self, event: GpuEvent) {
        if let Some(Probe(probe)) = self.probe.get() {
            probe(event);
        }
    }

    /// Seconds of a tick of the device's timestamps; 0 if it has no timestamps.
    pub fn timestamp_period(&self) -> f64 {
        f64::from(self.queue.get_timestamp_period()) * 1e-9
    }

    /// Begins recording commands.
    pub fn encoder(&self) -> wgpu::CommandEncoder {
        self.tell(GpuEvent::Encode);
        self.device.create_command_encoder(&wgpu::CommandEncoderDescriptor::default())
    }

    /// Submits recorded commands.
    pub fn submit(&self, encoder: wgpu::CommandEncoder) -> wgpu::SubmissionIndex {
        let commands = encoder.finish();
        self.tell(GpuEvent::Submit);
        let submission = self.queue.submit([commands]);
        if let Some(probe) = self.probe.get().cloned() {
            let number = self.submissions.fetch_add(1, Ordering::Relaxed);
            (probe.0)(GpuEvent::Submitted(number));
            self.queue.on_submitted_work_done(move || (probe.0)(GpuEvent::Finished(number)));
        }
        submission
    }

    /// A flag that becomes true when everything that was submitted before has finished and somebody polls the device. To read
    /// it never waits. But this call does, as that of [`Self::finished`] does, while another thread waits for the device.
    #[cfg(feature = "host")]
    pub(crate) fn finish_flag(&self) -> Arc<std::sync::atomic::AtomicBool> {
        let finished = Arc::new(std::sync::atomic::AtomicBool::new(false));
        let done = finished.clone();
        self.queue.on_submitted_work_done(move || done.store(true, Ordering::Relaxed));
        finished
    }

    /// Resolves when everything that was submitted before has finished.
    pub async fn finished(&self) {
        let (sender, receiver) = futures_intrusive::channel::shared::oneshot_channel();
        self.queue.on_submitted_work_done(move || {
            // The receiver is gone only when nobody waits any more.
            let _ = sender.send(());
        });
        let mut received = pin!(receiver.receive());
        poll_fn(|context| match received.as_mut().poll(context) {
            // A device that failed may never answer.
            Poll::Pending if self.check().is_err() => Poll::Ready(()),
            answer => answer.map(|_| ()),
        })
        .await;
    }

    /// Overwrites a buffer from byte `offset` on. Meant for set-up: steps stage their data.
    pub fn write(&self, buffer: &wgpu::Buffer, offset: u64, bytes: &[u8]) {
        self.queue.write_buffer(buffer, offset, bytes);
    }

    /// Notes which submission the next pending future depends on, so that [`Gpu::block_on`] waits for no later one.
    pub fn await_submission(&self, submission: Option<wgpu::SubmissionIndex>) {
        *self.awaited.lock().unwrap_or_else(PoisonError::into_inner) = submission;
    }

    /// Lets pending callbacks run, without waiting.
    pub fn poll(&self) {
        // A failure arrives through the device-lost callback too.
        self.poll_device(wgpu::PollType::Poll);
    }

    /// Polls the device. wgpu panics if the driver reports during the call that the device is lost.
    pub(super) fn poll_device(&self, how: wgpu::PollType) {
        if foreign_panic::catch(|| self.device.poll(how)).is_none() {
            self.note(GpuError::Lost("its driver failed".into()));
        }
    }

    /// Maps a buffer; resolves when the submissions that use it have finished.
    ///
    /// # Errors
    /// The device was lost.
    pub async fn map(&self, buffer: &wgpu::Buffer, mode: wgpu::MapMode) -> Result<(), GpuError> {
        self.start_map(buffer, mode).wait(self).await
    }

    /// Asks for a buffer to be mapped; the answer can be awaited later.
    pub fn start_map(&self, buffer: &wgpu::Buffer, mode: wgpu::MapMode) -> Mapping {
        Mapping::start(buffer, mode)
    }
}

/// The least and the most lanes of a subgroup.
fn lanes_in_words([least, most]: [u32; 2]) -> String {
    if least == most { least.to_string() } else { format!("{least} to {most}") }
}
