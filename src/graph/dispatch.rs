//! Dispatches as data.

use super::placement::Port;
use super::{Graph, GraphId, Home, Product, TensorId};
use crate::kernel::{Access, BindingUse, Kernel, Precision, Recipe, Storage, Wgsl, binding_of_part, wgsl};

/// Where the result of a dispatch is bound.
pub(super) const RESULT_BINDING: u32 = 2;

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
    /// What its elements are in memory.
    pub precision: Precision,
    /// Through how many bindings it is reached: more than one where a buffer is larger than a binding.
    pub parts: u32,
    /// The part that the dispatch sees, where it sees only one.
    pub part: Option<u32>,
}

impl Binding {
    /// What the shader declares: a binding for each part.
    pub fn uses(&self) -> impl Iterator<Item = BindingUse> + use<> {
        let Self { index, access, storage, parts, .. } = *self;
        (0..parts).map(move |part| BindingUse { index: binding_of_part(index, part), access, storage })
    }

    /// Whether it writes to the buffer what the shader updates, and `other` reads that from the image that shares its memory:
    /// see [`DispatchBuilder::updated`](super::DispatchBuilder).
    pub(super) fn updates(&self, other: &Self) -> bool {
        let apart = self.storage == Storage::Buffers && other.storage == Storage::Images;
        apart && self.tensor == other.tensor && self.index == binding_of_part(other.index, 1)
    }

    /// The bytes of the tensor in each part: the first one, and their number.
    pub(crate) fn ranges(&self, graph: &Graph) -> impl Iterator<Item = (u64, u64)> + use<> {
        let bytes = graph.tensor(self.tensor).bytes();
        let is_whole = self.parts == 1 && self.part.is_none();
        let of_f32 = Precision::F32.bytes() / self.precision.bytes();
        let most = if is_whole { bytes } else { graph.target().binding_bytes / of_f32 };
        let first = u64::from(self.part.unwrap_or(0));
        (first..first + u64::from(self.parts))
            .map(move |part| (part * most, bytes.saturating_sub(part * most).min(most)))
    }
}

/// One kernel over its tensors. Only a [`Recorder`](super::Recorder) makes it, and nobody changes it afterwards, so that what
/// was checked stays true:
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
    /// A bit for each binding at which it reaches an element only where it writes that of its result `c`, and for `c`.
    pub(super) aligned: u32,
    /// Whether it stores pairs of floats where it can: see [`DispatchBuilder::storing_pairs`](super::DispatchBuilder).
    pub(super) pairs: bool,
    /// The workgroups of its grid, where each reaches only one row of its own of the tensors at some bindings; else 0.
    pub(super) rows: u32,
    /// A bit for each of these bindings. The rows of a tensor are so many pieces of equal length.
    pub(super) own_rows: u32,
    /// The dispatches that were joined into it, if any.
    pub(super) members: Vec<Dispatch>,
}

impl Dispatch {
    /// A dispatch of nothing that is known beside this.
    pub(super) fn of(
        graph: GraphId,
        name: String,
        kernel: Kernel,
        bindings: Vec<Binding>,
        members: Vec<Dispatch>,
    ) -> Self {
        let (product, [swept, aligned, rows, own_rows]) = (None, [0; 4]);
        Self { graph, name, kernel, bindings, product, swept, aligned, pairs: false, rows, own_rows, members }
    }

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
        Recipe::new(&self.kernel, self.bindings.iter().flat_map(Binding::uses))
    }

    /// Whether a workgroup reaches only its own row of what it binds there.
    pub(super) fn keeps_to_row(&self, binding: &Binding) -> bool {
        self.rows > 0 && has_bit(self.own_rows, binding.index)
    }

    /// Leaves out the second result `f` if `is_read` says that nothing reads it.
    pub(super) fn drop_unread(&mut self, is_read: impl Fn(TensorId) -> bool) {
        // What members pass on is no binding of the whole that reads it; they were asked before they were joined.
        if !self.members.is_empty() {
            return;
        }
        let Some(place) = self.bindings.iter().position(|binding| binding.index == SECOND_RESULT_BINDING) else {
            return;
        };
        let Some((port, file)) = self.port_of(place) else { return };
        if !is_read(self.bindings[place].tensor) {
            self.bindings.remove(place);
            self.kernel.source[file] = port.absent();
        }
    }

    /// Whether it reads each element of what is bound at `place` about once.
    pub(super) fn sweeps(&self, place: usize) -> bool {
        has_bit(self.swept, self.bindings[place].index)
    }

    /// The port through which the shader reaches what is bound at `place`, if it is one, and the place of its file.
    fn port_of(&self, place: usize) -> Option<(&'static Port, usize)> {
        let binding = self.bindings[place];
        let port = Port::of(binding.index)?;
        let files = [port.file(binding.storage, binding.precision), port.file_of_pairs()];
        let file = self.kernel.source.iter().position(|own| files.contains(own))?;
        Some((port, file))
    }

    /// Whether what is bound at `place` can live in a buffer.
    pub(super) fn can_move(&self, place: usize) -> bool {
        self.bindings[place].storage == Storage::Buffers || self.port_of(place).is_some()
    }

    /// A tensor that is kept in 16 bits and that the shader declares itself.
    pub(super) fn declared_half(&self) -> Option<TensorId> {
        if !self.members.is_empty() {
            return self.members.iter().find_map(Self::declared_half);
        }
        let halves = (0..self.bindings.len()).filter(|place| self.bindings[*place].precision == Precision::F16);
        halves
            .map(|place| (self.bindings[place].tensor, self.port_of(place)))
            .find(|pair| pair.1.is_none())
            .map(|pair| pair.0)
    }

    /// Reaches what is bound at `place` in a buffer, if it can.
    pub(super) fn move_to_buffer(&mut self, place: usize) {
        let Some((port, file)) = self.port_of(place) else { return };
        let Binding { storage, access, precision, .. } = self.bindings[place];
        self.bindings[place].storage = Storage::Buffers;
        // Adapters that keep floats in images have integers of 64 bits; others may not.
        let can_store_pairs = (storage, access, precision) == (Storage::Images, Access::Write, Precision::F32);
        self.kernel.source[file] = match self.pairs && can_store_pairs {
            true => port.file_of_pairs(),
            false => port.file(Storage::Buffers, precision),
        };
        // A buffer is bound from a float on.
        self.kernel.numbers.retain(|(name, _)| *name != port.first);
    }

    /// Reaches the buffer that is bound at `place` through as many bindings as it has `parts`, each of `bytes` but the last,
    /// if the shader reaches it through a port.
    pub(super) fn bind_in_parts(&mut self, place: usize, parts: u32, bytes: u64) {
        let Some((port, file)) = self.port_of(place) else { return };
        self.bindings[place].parts = parts;
        self.kernel.source.splice(file..=file, port.files_of_parts(parts, self.bindings[place].precision));
        self.add_length_of_parts(bytes);
    }

    /// Sees only one part of the buffer that is bound at `place`, and the same part of others that it sees so.
    pub(super) fn bind_range(&mut self, place: usize, part: u32, bytes: u64) {
        const FIRST: Wgsl = wgsl!("access/range");
        let Some((port, file)) = self.port_of(place) else { return };
        self.bindings[place].part = Some(part);
        self.kernel.source[file] = port.file_of_range(self.bindings[place].precision);
        self.add_length_of_parts(bytes);
        if !self.kernel.source.contains(&FIRST) {
            self.kernel.source.push(FIRST);
            self.kernel.numbers.push(("BINDING_FIRST", (u64::from(part) * (bytes / 4)) as f64));
            self.name = format!("{}, part {}", self.name, part + 1);
        }
    }

    fn add_length_of_parts(&mut self, bytes: u64) {
        const LENGTH: Wgsl = wgsl!("access/binding");
        if !self.kernel.source.contains(&LENGTH) {
            self.kernel.source.push(LENGTH);
            self.kernel.constants.push(("BINDING_FLOATS", (bytes / 4) as f64));
        }
    }

    /// The result, if the dispatch can write a part of it by itself.
    pub(super) fn result_of_parts(&self) -> Option<TensorId> {
        let result = self.bindings.iter().find(|binding| binding.index == RESULT_BINDING);
        let in_parts = |binding: &&Binding| self.aligned != 0 && binding.storage == Storage::Buffers;
        result.filter(in_parts).map(|binding| binding.tensor)
    }

    /// Whether it reaches an element of what is bound at `place` only where it writes that of its result.
    pub(super) fn is_aligned(&self, place: usize) -> bool {
        has_bit(self.aligned, self.bindings[place].index)
    }

    /// How many buffers its shader binds.
    pub(crate) fn buffers(&self) -> u32 {
        let buffers = self.bindings.iter().filter(|binding| binding.storage == Storage::Buffers);
        buffers.map(|binding| binding.parts).sum()
    }

    /// Whether all that it writes lasts: see [`Home::Lasting`].
    pub(crate) fn makes_what_lasts(&self, graph: &Graph) -> bool {
        let mut written = self.bindings.iter().filter(|binding| binding.access.writes());
        written.all(|binding| graph.home(binding.tensor) == Home::Lasting)
    }

    /// Binds other tensors in the places of its own; they must be like them.
    pub(super) fn rebind(&mut self, mut other: impl FnMut(TensorId) -> TensorId) {
        for binding in &mut self.bindings {
            binding.tensor = other(binding.tensor);
        }
    }

    /// The dispatches that were joined into it, or itself.
    pub fn members(&self) -> &[Self] {
        if self.members.is_empty() { std::slice::from_ref(self) } else { &self.members }
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

/// Whether the bit of a binding is set. The bindings of a joined dispatch's members have none.
fn has_bit(bits: u32, binding: u32) -> bool {
    bits.checked_shr(binding).is_some_and(|bits| bits & 1 == 1)
}
