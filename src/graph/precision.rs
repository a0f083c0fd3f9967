//! Which tensors are kept in 16 bits.

use super::{DispatchBuilder, Graph, Home, Recorder, TensorId};
use crate::kernel::{Precision, Storage, Wgsl, wgsl};

/// Floats of the state of the loss scale.
pub(crate) const LOSS_SCALE_LEN: usize = 8;

/// What kernels that reach floats of 16 bits share.
const HALF: Wgsl = wgsl!("access/half");

impl Graph {
    /// The storage that holds a tensor.
    pub fn storage(&self, id: TensorId) -> Storage {
        match self.home(id) {
            Home::Minibatch(_) | Home::Images | Home::Metrics => Storage::Buffers,
            _ if self.target.storage.is_image() && self.tensor(id).precision == Precision::F16 => Storage::HalfImages,
            _ => self.target.storage,
        }
    }

    /// Keeps a tensor, and those that share its elements, in 32 bits.
    pub(super) fn keep_f32(&mut self, id: TensorId) {
        let root = self.root(id);
        let shares = |other: &TensorId| self.root(*other) == root;
        let sharing: Vec<TensorId> = (0..self.tensors.len()).map(TensorId).filter(shares).collect();
        for id in sharing {
            self.tensors[id.0].precision = Precision::F32;
        }
    }

    /// The state of the loss scale, where gradients are kept in 16 bits: see [`LossScale`](crate::optim::LossScale).
    pub fn loss_scale(&self) -> Option<TensorId> {
        self.loss_scale
    }
}

impl Recorder<'_> {
    /// Sets what a tensor that was just added is in memory.
    pub(super) fn set_precision(&mut self, tensor: TensorId, precision: Precision) {
        self.graph.tensors[tensor.0].precision = precision;
    }
}

impl DispatchBuilder<'_, '_> {
    /// The state of the loss scale, if the graph has one.
    pub(crate) fn loss_scale(&self) -> Option<TensorId> {
        self.recorder.graph.loss_scale()
    }

    /// Adds what converts floats of this precision.
    pub(super) fn converting(self, precision: Precision) -> Self {
        match precision {
            Precision::F16 if !self.dispatch.kernel.source.contains(&HALF) => self.shared(HALF),
            _ => self,
        }
    }
}
