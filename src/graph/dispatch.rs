//! Dispatches as data.

use super::placement::PORTS;
use super::{Graph, GraphId, Product, TensorId};
use crate::kernel::{Access, BindingUse, Kernel, Recipe, Storage, wgsl};

/// Where the second result of a dispatch is bound.
pub(crate) const SECOND_RESULT_BINDING: u32 = 5;

/// A tensor at a binding of group 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// Number of the binding.
    pub index: u32,
    /// What is bound.
    pub tensor: TensorId,
    /// How the shader uses it.
    pub access: Access,
    /// What it lives in.
    pub storage: Storage,
}

/// One kernel over its tensors. Only a [`Recorder`](super::Recorder) makes it, and nobody changes it afterwards, so that what was checked
/// stays true:
///
/// ```compile_fail
/// # use wgrad::graph::Dispatch;
/// fn widen(dispatch: &mut Dispatch) {
///     dispatch.kernel.grid = [65_535; 3];
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Dispatch {
    pub(super) graph: GraphId,
    pub(super) name: String,
    pub(super) kernel: Kernel,
    pub(super) bindings: Vec<Binding>,
    pub(super) product: Option<Product>,
    /// A bit for each binding that it reads about once.
    pub(super) swept: u32,
}

impl Dispatch {
    /// The graph whose tensors it binds.
    pub(crate) fn graph(&self) -> GraphId {
        self.graph
    }

    /// Name for printing: the tensor it writes and what it is.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The shader.
    pub fn kernel(&self) -> &Kernel {
        &self.kernel
    }

    /// The tensors.
    pub fn bindings(&self) -> &[Binding] {
        &self.bindings
    }

    /// What its pipeline is made from.
    pub fn recipe(&self) -> Recipe {
        let uses = self.bindings.iter().map(|b| BindingUse { index: b.index, access: b.access, storage: b.storage });
        Recipe::new(&self.kernel, uses)
    }

    /// Leaves out the second result `f` if `is_read` says that nothing reads it.
    pub(super) fn drop_unread(&mut self, is_read: impl Fn(TensorId) -> bool) {
        let Some(place) = self.bindings.iter().position(|binding| binding.index == SECOND_RESULT_BINDING) else {
            return;
        };
        let Some(file) = self.file_of(place) else { return };
        if !is_read(self.bindings[place].tensor) {
            self.bindings.remove(place);
            self.kernel.source[file] = wgsl!("access/f_none");
        }
    }

    /// Whether it reads each element of what is bound at `place` about once.
    pub(super) fn sweeps(&self, place: usize) -> bool {
        self.swept >> self.bindings[place].index & 1 == 1
    }

    /// Place of the file through which the shader reaches what is bound at `place`, if it is one of `shaders/access`.
    fn file_of(&self, place: usize) -> Option<usize> {
        let binding = self.bindings[place];
        let port = PORTS.iter().find(|port| port.index == binding.index)?;
        self.kernel.source.iter().position(|own| *own == port.file(binding.storage))
    }

    /// Whether what is bound at `place` can live in a buffer.
    pub(super) fn can_move(&self, place: usize) -> bool {
        self.bindings[place].storage == Storage::Buffers || self.file_of(place).is_some()
    }

    /// Reaches what is bound at `place` in a buffer, if it can.
    pub(super) fn move_to_buffer(&mut self, place: usize) {
        let Some(file) = self.file_of(place) else { return };
        let binding = &mut self.bindings[place];
        if let Some(port) = PORTS.iter().find(|port| port.index == binding.index) {
            binding.storage = Storage::Buffers;
            self.kernel.source[file] = port.buffer;
        }
    }

    /// Binds other tensors in the places of its own; they must be like them.
    pub(super) fn rebind(&mut self, mut other: impl FnMut(TensorId) -> TensorId) {
        for binding in &mut self.bindings {
            binding.tensor = other(binding.tensor);
        }
    }

    /// The matrix product that it is, if any.
    pub fn product(&self) -> Option<&Product> {
        self.product.as_ref()
    }

    /// Bytes of the tensors that it reads and writes. Nearly every dispatch moves at least as many. The optimizer is the
    /// exception: it binds a whole arena of gradients, but skips the places of gradients that lie in parts elsewhere.
    pub fn bytes(&self, graph: &Graph) -> u64 {
        let bytes = |binding: &Binding| {
            let times = if binding.access == Access::ReadWrite { 2 } else { 1 };
            times * graph.tensor(binding.tensor).bytes()
        };
        self.bindings.iter().map(bytes).sum()
    }
}
