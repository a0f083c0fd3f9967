//! How a network is trained.

use super::error::ExecError;
use crate::gpu::{Gpu, RuntimeChecks, most_binding_bytes, most_bytes};
use crate::graph::{Arena, Target};
use crate::kernel::{MicroKernel, Precision, Storage};
use crate::model::BuildOptions;
use crate::optim::Optimizer;

/// PCI numbers of the makers of GPUs on which many invocations can have 160 registers each: NVIDIA and AMD. Compilers for
/// Apple's and Qualcomm's move what takes as many to memory.
const MANY_REGISTERS: [u32; 2] = [0x10de, 0x1002];

/// Workgroups that keep a CPU and a GPU busy: a few for each core. Long reductions are split until there are as many.
const BUSY_WORKGROUPS: [usize; 2] = [8, 256];

/// A multiple of what any device asks for where a binding begins in a buffer.
pub(super) const OFFSET_ALIGNMENT: u64 = 256;

/// How to train.
#[derive(Clone, Debug, PartialEq)]
pub struct Options {
    /// Images of a minibatch.
    pub batch_size: usize,
    /// Chooses the initial weights.
    pub seed: u64,
    /// The optimizer.
    pub optimizer: Optimizer,
    /// Whether evaluation takes the average of the weights, if the optimizer keeps one.
    pub evaluate_average: bool,
    /// The loop of the matrix products; without it, the one that suits the adapter best.
    pub micro_kernel: Option<MicroKernel>,
    /// What activations and their gradients are in memory. Weights, their gradients, sums and the optimizer's state stay in
    /// 32 bits, and so does all arithmetic.
    pub precision: Precision,
    /// Whether shaders check indices and loops.
    pub checks: RuntimeChecks,
    /// How the network is built.
    pub build: BuildOptions,
    /// Most bytes of weights in one buffer or image, if fewer than the device allows.
    pub most_bytes: Option<u64>,
    /// Most bytes of a tensor that a shader reaches through one binding, if fewer than the device allows.
    pub binding_bytes: Option<u64>,
    /// Most bytes of a tensor that is read from an image, if fewer than the device allows.
    pub image_bytes: Option<u64>,
    /// Operations of a dispatch above which it is cut into pieces: see [`Options::paced`].
    pub most_flops: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            batch_size: 32,
            seed: 0,
            optimizer: Optimizer::default(),
            evaluate_average: false,
            micro_kernel: None,
            precision: Precision::default(),
            checks: RuntimeChecks::default(),
            build: BuildOptions::default(),
            most_bytes: None,
            binding_bytes: None,
            image_bytes: None,
            most_flops: u64::MAX,
        }
    }
}

impl Options {
    /// The arena of the weights that evaluation takes.
    pub(super) fn evaluated_arena(&self) -> Arena {
        self.optimizer.average_arena().filter(|_| self.evaluate_average).unwrap_or(Arena::Weights)
    }

    /// The target that schedules are recorded for on `gpu`.
    ///
    /// # Errors
    /// A micro-kernel that the adapter can't run.
    pub fn target(&self, gpu: &Gpu) -> Result<Target, ExecError> {
        let micro_kernel = self.micro_kernel.unwrap_or_else(|| gpu.default_micro_kernel());
        gpu.supports(micro_kernel)?;
        let busy_workgroups = BUSY_WORKGROUPS[usize::from(!gpu.is_software())];
        let limits = gpu.limits();
        let lower = |own: Option<u64>, (limit, _)| own.map_or(limit, |bytes: u64| bytes.min(limit));
        let binding_bytes = lower(self.binding_bytes, most_binding_bytes(&limits));
        // A part has as many elements in 16 bits as in 32.
        let alignment = OFFSET_ALIGNMENT * Precision::F32.bytes() / self.precision.bytes();
        let binding_bytes = (binding_bytes / alignment * alignment).max(alignment);
        let image_bytes = lower(self.image_bytes, most_bytes(&limits, Storage::Images));
        let of_chunk = match micro_kernel.storage() {
            Storage::Buffers => most_binding_bytes(&limits),
            Storage::Images | Storage::HalfImages => most_bytes(&limits, Storage::Images),
        };
        let most_bytes = lower(self.most_bytes, of_chunk);
        let relatives =
            [MicroKernel::Tile64x32, MicroKernel::Tile64x16, MicroKernel::Tile128x64, MicroKernel::Split16x16];
        let by_size = self.micro_kernel.is_none() && relatives.into_iter().all(|kernel| gpu.supports(kernel).is_ok());
        let many_registers =
            MANY_REGISTERS.contains(&gpu.info().vendor) && gpu.supports(MicroKernel::Tile128x128).is_ok();
        let (most_flops, precision) = (self.most_flops, self.precision);
        let target = Target::new(micro_kernel, busy_workgroups);
        let shared_memory = target.storage == Storage::Images && gpu.shares_memory();
        let most_buffers = limits.max_storage_buffers_per_shader_stage;
        Ok(Target {
            precision,
            by_size,
            many_registers,
            most_bytes,
            binding_bytes,
            most_buffers,
            image_bytes,
            shared_memory,
            most_flops,
            ..target
        })
    }
}
