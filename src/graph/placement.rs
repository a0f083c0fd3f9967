//! How dispatches reach tensors: in buffers or in images, through one binding or several.

use std::collections::HashSet;

use super::{Binding, Dispatch, DispatchBuilder, Graph, Home, Target, TensorId};
use crate::kernel::{Access, Precision, Storage, Wgsl, binding_of_part, wgsl};

/// How shaders reach an operand or a result.
pub(super) struct Port {
    pub index: u32,
    name: &'static str,
    is_result: bool,
    /// Constant that says from which float of the image on it is.
    pub first: &'static str,
}

impl Port {
    const fn operand(index: u32, name: &'static str, first: &'static str) -> Self {
        Self { index, name, is_result: false, first }
    }

    const fn result(index: u32, name: &'static str, first: &'static str) -> Self {
        Self { index, name, is_result: true, first }
    }

    /// The port of a binding, if there is one.
    pub fn of(index: u32) -> Option<&'static Self> {
        PORTS.iter().find(|port| port.index == index)
    }

    /// The file for this kind of storage, and floats of this precision.
    pub fn file(&self, storage: Storage, precision: Precision) -> Wgsl {
        let file = match (storage, precision, self.is_result) {
            (Storage::Buffers, Precision::F32, false) => wgsl!("access/read_buffer"),
            (Storage::Buffers, Precision::F32, true) => wgsl!("access/write_buffer"),
            (Storage::Buffers, Precision::F16, false) => wgsl!("access/read_half_buffer"),
            (Storage::Buffers, Precision::F16, true) => wgsl!("access/write_half_buffer"),
            (Storage::Images, _, false) => wgsl!("access/read_image"),
            (Storage::Images, _, true) => wgsl!("access/write_image"),
            (Storage::HalfImages, _, false) => wgsl!("access/read_half_image"),
            (Storage::HalfImages, _, true) => wgsl!("access/write_half_image"),
        };
        file.of(self.name, self.index)
    }

    /// The file for a result in a buffer that is stored in pairs of floats.
    pub fn file_of_pairs(&self) -> Wgsl {
        wgsl!("access/write_pairs").of(self.name, self.index)
    }

    /// The file where nothing is bound.
    pub fn absent(&self) -> Wgsl {
        let file = if self.is_result { wgsl!("access/write_none") } else { wgsl!("access/read_none") };
        file.of(self.name, self.index)
    }

    /// The file for one part of a buffer.
    pub fn file_of_range(&self, precision: Precision) -> Wgsl {
        let file = match (precision, self.is_result) {
            (Precision::F32, false) => wgsl!("access/read_range"),
            (Precision::F32, true) => wgsl!("access/write_range"),
            (Precision::F16, false) => wgsl!("access/read_half_range"),
            (Precision::F16, true) => wgsl!("access/write_half_range"),
        };
        file.of(self.name, self.index)
    }

    /// The files for a buffer that is bound in parts, one file for each.
    pub fn files_of_parts(&self, parts: u32, precision: Precision) -> impl Iterator<Item = Wgsl> {
        let [part, last] = match (precision, self.is_result) {
            (Precision::F32, false) => [wgsl!("access/read_part"), wgsl!("access/read_buffer")],
            (Precision::F32, true) => [wgsl!("access/write_part"), wgsl!("access/write_buffer")],
            (Precision::F16, false) => [wgsl!("access/read_half_part"), wgsl!("access/read_half_buffer")],
            (Precision::F16, true) => [wgsl!("access/write_half_part"), wgsl!("access/write_half_buffer")],
        };
        (0..parts)
            .map(move |number| (if number + 1 < parts { part } else { last }).of_part(self.name, self.index, number))
    }
}

/// Operands `a`, `b`, `d`, `e`, `h` and results `c`, `f`, `g`.
const PORTS: [Port; 8] = [
    Port::operand(0, "a", "A_FIRST"),
    Port::operand(1, "b", "B_FIRST"),
    Port::result(2, "c", "C_FIRST"),
    Port::operand(3, "d", "D_FIRST"),
    Port::operand(4, "e", "E_FIRST"),
    Port::result(5, "f", "F_FIRST"),
    Port::result(8, "g", "G_FIRST"),
    Port::operand(9, "h", "H_FIRST"),
];

/// Most parts of a tensor: the number of the last one's binding stays below 1000, WebGPU's default limit. A larger tensor is
/// bound whole, and refused if that is more than a device binds.
const MOST_PARTS: u64 = 60;

/// Where a target keeps floats in images, lets dispatches write to buffers instead, and lets sweeps read from there. Other
/// dispatches read an image, which is a copy of the buffer: llvmpipe stores to a buffer several times as fast as to an
/// image, and copies one to the other as fast as memory allows, but reads an image faster inside a loop. Where a buffer and
/// an image can share memory, every dispatch reads the image, and nothing is copied.
pub(super) fn choose_storage(graph: &Graph, dispatches: &mut [Dispatch]) {
    let bindings = |dispatch: &Dispatch| (0..dispatch.bindings().len()).collect::<Vec<usize>>();
    let shared = graph.target().shared_memory;
    let mut stay = HashSet::new();
    for dispatch in &*dispatches {
        for place in bindings(dispatch) {
            let binding = dispatch.bindings()[place];
            if binding.access.writes() && (binding.access == Access::ReadWrite || !dispatch.can_move(place)) {
                stay.insert(graph.root(binding.tensor));
            }
        }
    }
    for dispatch in dispatches {
        for place in bindings(dispatch) {
            let binding = dispatch.bindings()[place];
            let root = graph.root(binding.tensor);
            // The limit is one of texels.
            let fits_image = graph.tensor(root).bytes_in_f32() <= graph.target().image_bytes;
            let moves = binding.access.writes() || (dispatch.sweeps(place) && !shared) || !fits_image;
            let moves = match graph.tensor(root).home {
                Home::Slot => moves && !stay.contains(&root),
                Home::Arena(..) | Home::Lasting => binding.access == Access::Write && has_buffer(graph, binding.tensor),
                _ => false,
            };
            if moves {
                dispatch.move_to_buffer(place);
            }
        }
    }
}

/// Whether a tensor in an image can also be reached through one binding of the buffer that shares its memory. Slots, arenas
/// and what lasts have one.
pub(super) fn has_buffer(graph: &Graph, tensor: TensorId) -> bool {
    let Target { shared_memory, binding_bytes, .. } = graph.target();
    let shares = shared_memory && matches!(graph.home(tensor), Home::Slot | Home::Arena(..) | Home::Lasting);
    shares && graph.storage(tensor) == Storage::Images && graph.tensor(tensor).bytes() <= binding_bytes
}

/// How the memory that a binding reaches is made: as a buffer where an image shares it.
pub(super) fn storage_of(graph: &Graph, binding: &Binding) -> Storage {
    if graph.target().shared_memory { Storage::Buffers } else { binding.storage }
}

/// Lets dispatches reach buffers that are larger than a binding through several. Where these are too many, a dispatch that
/// can write its result part by part becomes one for each part.
pub(super) fn bind_in_parts(graph: &Graph, dispatches: Vec<Dispatch>) -> Vec<Dispatch> {
    let Target { binding_bytes, most_buffers, .. } = graph.target();
    let parts = |tensor: TensorId| match graph.tensor(tensor) {
        tensor if tensor.bytes() <= binding_bytes => 1,
        tensor => match tensor.bytes_in_f32().div_ceil(binding_bytes) {
            parts @ ..=MOST_PARTS => parts as u32,
            _ => 1,
        },
    };
    let bind = |mut dispatch: Dispatch, part: Option<u32>| {
        for place in 0..dispatch.bindings().len() {
            let Binding { tensor, storage, .. } = dispatch.bindings()[place];
            match part {
                _ if storage.is_image() || parts(tensor) < 2 => {}
                Some(part) if dispatch.is_aligned(place) => dispatch.bind_range(place, part, binding_bytes),
                _ => dispatch.bind_in_parts(place, parts(tensor), binding_bytes),
            }
        }
        dispatch
    };
    let mut bound = Vec::new();
    for dispatch in dispatches {
        let whole = bind(dispatch.clone(), None);
        let pieces = dispatch.result_of_parts().map(parts).filter(|parts| *parts > 1 && whole.buffers() > most_buffers);
        match pieces {
            Some(pieces) => bound.extend((0..pieces).map(|part| bind(dispatch.clone(), Some(part)))),
            None => bound.push(whole),
        }
    }
    bound
}

impl DispatchBuilder<'_, '_> {
    /// Reads and writes `tensor`, which must begin where its arena does, at `binding` through `read_NAME` and `write_NAME`,
    /// which count fours of floats. Without a tensor they do nothing.
    pub(crate) fn updated(self, name: &'static str, binding: u32, tensor: Option<TensorId>) -> Self {
        let Some(tensor) = tensor else { return self.shared(wgsl!("access/updated_none").of(name, binding)) };
        if has_buffer(self.recorder.graph, tensor) {
            let buffer = binding_of_part(binding, 1);
            let read = self.shared(wgsl!("access/updated_read_image").of(name, binding));
            let written = wgsl!("access/updated_write_buffer").of(name, buffer);
            return read.bind(binding, tensor, Access::Read).shared(written).bind_buffer(buffer, tensor, Access::Write);
        }
        let source = match self.storage(tensor) {
            Storage::Buffers => wgsl!("access/updated_buffer"),
            Storage::Images | Storage::HalfImages => wgsl!("access/updated_image"),
        };
        self.shared(source.of(name, binding)).bind(binding, tensor, Access::ReadWrite)
    }

    /// Binds the buffer that shares the memory of an image.
    fn bind_buffer(self, index: u32, tensor: TensorId, access: Access) -> Self {
        let mut bound = self.bind(index, tensor, access);
        if let Some(binding) = bound.dispatch.bindings.last_mut() {
            binding.storage = Storage::Buffers;
        }
        bound
    }
}
