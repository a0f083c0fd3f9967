//! What schedules are recorded for.

use super::{Graph, MOST_ELEMENTS};
use crate::kernel::{MicroKernel, Precision, Storage};

/// Which convolutions run by Winograd's algorithm, where they can: see [`Algorithm::Winograd`](super::Algorithm).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Winograd {
    /// None.
    Never,
    /// Those for which it was measured to be faster, or is known to be.
    #[default]
    WhereFaster,
    /// All.
    Always,
}

impl Winograd {
    /// None if results are to be as exact as they can.
    pub fn unless_exact(exact: bool) -> Self {
        if exact { Self::Never } else { Self::default() }
    }
}

/// The device that a schedule is recorded for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// The loop of the matrix products.
    pub micro_kernel: MicroKernel,
    /// What tensors of floats live in.
    pub storage: Storage,
    /// What activations and their gradients are in memory.
    pub precision: Precision,
    /// Whether products for which `micro_kernel` has tiles of an unfit size run in a relative of it.
    pub by_size: bool,
    /// Whether an invocation has registers for 64 results of a product beside their operands.
    pub many_registers: bool,
    /// Workgroups that keep the adapter busy; long reductions are split to reach it.
    pub busy_workgroups: usize,
    /// Most bytes of a chunk of an arena.
    pub most_bytes: u64,
    /// Most bytes of a buffer that a shader reaches through one binding, a multiple of 256.
    pub binding_bytes: u64,
    /// Most buffers that a shader may bind.
    pub most_buffers: u32,
    /// Most bytes of an image. A larger tensor is read from its buffer.
    pub image_bytes: u64,
    /// Whether a buffer and an image can be one piece of memory, so that each dispatch reaches a tensor as it likes.
    pub shared_memory: bool,
    /// Operations of a dispatch above which it is cut into pieces: some systems reset a GPU that one takes for too long.
    pub most_flops: u64,
    /// Which convolutions run by Winograd's algorithm.
    pub winograd: Winograd,
}

impl Target {
    /// A target that binds as much as shaders can index and cuts no dispatch, with the storage that suits `micro_kernel`
    /// best.
    pub fn new(micro_kernel: MicroKernel, busy_workgroups: usize) -> Self {
        let most_bytes = 4 * MOST_ELEMENTS as u64;
        let (storage, most_flops) = (micro_kernel.storage(), u64::MAX);
        let (most_buffers, binding_bytes, image_bytes) = (u32::MAX, most_bytes, most_bytes);
        Self {
            micro_kernel,
            storage,
            precision: Precision::F32,
            by_size: false,
            many_registers: false,
            busy_workgroups,
            most_bytes,
            binding_bytes,
            most_buffers,
            image_bytes,
            shared_memory: false,
            most_flops,
            winograd: Winograd::default(),
        }
    }

    /// The kinds of images that tensors in this precision may be read from.
    pub(crate) fn image_kinds(&self) -> &'static [Storage] {
        match self.precision {
            Precision::F32 => &[Storage::Images],
            Precision::F16 => &[Storage::Images, Storage::HalfImages],
        }
    }
}

impl Graph {
    /// Records what follows for another target of the same storage.
    #[cfg(feature = "host")]
    pub(crate) fn retarget(&mut self, target: Target) {
        self.target = target;
    }
}
