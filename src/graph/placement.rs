//! How dispatches reach tensors: in buffers or in images.

use std::collections::HashSet;

use super::{Dispatch, Graph, Home};
use crate::kernel::{Access, Storage, Wgsl, wgsl};

/// How shaders reach an operand or a result: its binding, and the files for both kinds of storage.
pub(super) struct Port {
    pub index: u32,
    pub buffer: Wgsl,
    pub image: Wgsl,
    /// Constant that says from which float of the image on it is.
    pub first: &'static str,
}

impl Port {
    /// The file for this kind of storage.
    pub fn file(&self, storage: Storage) -> Wgsl {
        match storage {
            Storage::Buffers => self.buffer,
            Storage::Images => self.image,
        }
    }
}

/// Operands `a`, `b`, `d`, `e` and results `c`, `f`, `g`.
pub(super) const PORTS: [Port; 7] = [
    Port { index: 0, buffer: wgsl!("access/a_buffer"), image: wgsl!("access/a_image"), first: "A_FIRST" },
    Port { index: 1, buffer: wgsl!("access/b_buffer"), image: wgsl!("access/b_image"), first: "B_FIRST" },
    Port { index: 2, buffer: wgsl!("access/c_buffer"), image: wgsl!("access/c_image"), first: "C_FIRST" },
    Port { index: 3, buffer: wgsl!("access/d_buffer"), image: wgsl!("access/d_image"), first: "D_FIRST" },
    Port { index: 4, buffer: wgsl!("access/e_buffer"), image: wgsl!("access/e_image"), first: "E_FIRST" },
    Port { index: 5, buffer: wgsl!("access/f_buffer"), image: wgsl!("access/f_image"), first: "F_FIRST" },
    Port { index: 8, buffer: wgsl!("access/g_buffer"), image: wgsl!("access/g_image"), first: "G_FIRST" },
];

/// Where a target keeps floats in images, lets dispatches write to buffers instead, and lets sweeps read from there. Other
/// dispatches read an image, which is a copy of the buffer: llvmpipe stores to a buffer about ten times as fast as to an
/// image, and copies one to the other as fast as memory allows, but reads an image faster inside a loop.
pub(super) fn choose_storage(graph: &Graph, dispatches: &mut [Dispatch]) {
    let bindings = |dispatch: &Dispatch| (0..dispatch.bindings().len()).collect::<Vec<usize>>();
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
            let moves = binding.access.writes() || dispatch.sweeps(place);
            if moves && graph.tensor(root).home == Home::Slot && !stay.contains(&root) {
                dispatch.move_to_buffer(place);
            }
        }
    }
}
