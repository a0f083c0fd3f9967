//! Arenas: the memory of variables, their gradients, and what the optimizer keeps of them.

use std::collections::BTreeSet;

use super::{ARENA_ALIGNMENT, Dispatch, Graph, Home, MOST_ELEMENTS, Variable};

/// Memory with one value for every element of the variables. All arenas have the same chunks, each a buffer or image of its
/// own, and hold a variable at the same place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Arena {
    /// The weights.
    Weights,
    /// Their gradients. Behind those of a chunk lie the gradients of its variables that are in parts.
    Gradients,
    /// A slot of the optimizer's state.
    State(usize),
}

/// A place in an arena.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Number of the chunk.
    pub chunk: usize,
    /// First float in the chunk.
    pub first: usize,
}

/// A chunk of the arenas. A tensor of weights lies in one chunk, so that a shader binds no more than that.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Chunk {
    /// Floats of the variables.
    pub len: usize,
    /// Floats in [`Arena::Gradients`], with the parts of gradients.
    pub gradients_len: usize,
}

impl Chunk {
    /// Its floats in an arena.
    pub fn len_in(&self, arena: Arena) -> usize {
        if arena == Arena::Gradients { self.gradients_len } else { self.len }
    }
}

impl Graph {
    /// The arenas: weights, gradients, and the slots of the optimizer's state that a tensor is in.
    pub fn arenas(&self) -> Vec<Arena> {
        let slots: BTreeSet<usize> = (self.tensors.iter())
            .filter_map(|tensor| match tensor.home {
                Home::Arena(Arena::State(slot), _) => Some(slot),
                _ => None,
            })
            .collect();
        [Arena::Weights, Arena::Gradients].into_iter().chain(slots.into_iter().map(Arena::State)).collect()
    }

    /// The chunks of each arena; at least one.
    pub fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// Lets dispatches that bind tensors of one arena bind those at the same places of another instead.
    pub(crate) fn move_to_arena(&mut self, dispatches: &mut [Dispatch], from: Arena, to: Arena) {
        if from == to {
            return;
        }
        for dispatch in dispatches {
            dispatch.rebind(|id| {
                let tensor = self.tensor(id);
                let Home::Arena(arena, place) = tensor.home else { return id };
                let (name, shape) = (tensor.name.clone(), tensor.shape.clone());
                if arena == from { self.add_tensor(name, shape, Home::Arena(to, place)) } else { id }
            });
        }
    }

    /// Name of the largest variable in a chunk.
    pub(crate) fn largest_variable(&self, chunk: usize) -> &str {
        let variables = self.variables.iter().filter(|variable| variable.place().chunk == chunk);
        variables.max_by_key(|variable| variable.padded_len()).map_or("no variable", Variable::name)
    }

    /// Most floats of a chunk that more than one tensor fills.
    pub(super) fn most_floats(&self) -> usize {
        let floats = usize::try_from(self.target.most_bytes / 4).unwrap_or(usize::MAX).min(MOST_ELEMENTS);
        floats / ARENA_ALIGNMENT * ARENA_ALIGNMENT
    }

    /// Finds a place for `len` floats of weights: in the last chunk if they fit and no parts of gradients lie behind it, else
    /// in a new one, which is larger than the target allows if they are.
    pub(super) fn place_weights(&mut self, len: usize) -> Place {
        let len = len.next_multiple_of(ARENA_ALIGNMENT);
        let most = self.most_floats();
        let fits = |chunk: &Chunk| chunk.len == 0 || chunk.len + len <= most;
        let is_open = |chunk: &Chunk| chunk.gradients_len == chunk.len && fits(chunk);
        if !self.chunks.last().is_some_and(is_open) {
            self.chunks.push(Chunk::default());
        }
        let chunk = self.chunks.len() - 1;
        let end = &mut self.chunks[chunk];
        let first = end.len;
        end.len += len;
        end.gradients_len = end.len;
        Place { chunk, first }
    }
}
