//! A schedule with its memory: which buffer or image each tensor lives in.

use std::collections::{HashMap, HashSet};

use super::error::MAX_LOOP_TRIPS;
use super::placement::{bind_in_parts, choose_storage, storage_of};
use super::{Access, Binding, Dispatch, Graph, GraphId, Home, PlanError, TensorId};
use crate::kernel::{MAX_WORKGROUPS, Storage};

/// Dispatches in order, and the slot of every tensor that has one.
#[derive(Clone, Debug)]
pub struct Plan {
    graph: GraphId,
    dispatches: Vec<Dispatch>,
    slots: HashMap<TensorId, usize>,
    images: HashMap<TensorId, usize>,
    slot_bytes: Vec<u64>,
    slot_storage: Vec<Storage>,
}

impl Plan {
    /// Plans `dispatches` of `graph`. Tensors in `keep` stay readable after the run.
    ///
    /// # Errors
    /// A dispatch of another graph, that reads what nothing wrote, that reads and writes one buffer, or whose loops are too
    /// long or whose grid is too wide.
    pub fn new(graph: &Graph, mut dispatches: Vec<Dispatch>, keep: &[TensorId]) -> Result<Self, PlanError> {
        if let Some(foreign) = dispatches.iter().find(|dispatch| dispatch.graph() != graph.id()) {
            return Err(PlanError::OtherGraph { dispatch: foreign.name().into() });
        }
        let declared = |dispatch: &Dispatch| Some((dispatch.name().to_owned(), dispatch.declared_half()?));
        if let Some((dispatch, tensor)) = dispatches.iter().find_map(declared) {
            return Err(PlanError::Precision { dispatch, tensor: graph.tensor(tensor).name.clone() });
        }
        drop_unread_results(graph, &mut dispatches, keep);
        choose_storage(graph, &mut dispatches);
        let dispatches = bind_in_parts(graph, dispatches);
        let lives = lives(graph, &dispatches, keep)?;
        let plan = Self::placed(graph, dispatches, &lives);
        plan.check(graph)?;
        Ok(plan)
    }

    /// A plan of the dispatches at `places` alone, in which every tensor has memory of its own. What none of them writes, the
    /// host must.
    pub(crate) fn part(&self, graph: &Graph, places: &[usize]) -> Self {
        let dispatches: Vec<Dispatch> = places.iter().map(|place| self.dispatches[*place].clone()).collect();
        let mut lives: Vec<Life> = Vec::new();
        for binding in dispatches.iter().flat_map(Dispatch::bindings) {
            let life = ((graph.root(binding.tensor), storage_of(graph, binding)), 0, dispatches.len());
            if graph.tensor(life.0.0).home == Home::Slot && !lives.contains(&life) {
                lives.push(life);
            }
        }
        Self::placed(graph, dispatches, &lives)
    }

    fn placed(graph: &Graph, dispatches: Vec<Dispatch>, lives: &[Life]) -> Self {
        let Slots { of, bytes: slot_bytes, storage: slot_storage } = assign_slots(graph, lives);
        // Where a tensor has two, the buffer is the one that is written.
        let in_buffers: HashSet<TensorId> =
            of.keys().filter(|(_, storage)| *storage == Storage::Buffers).map(|(tensor, _)| *tensor).collect();
        let (images, slots): (Vec<_>, Vec<_>) =
            (of.into_iter()).partition(|((tensor, storage), _)| storage.is_image() && in_buffers.contains(tensor));
        let by_tensor = |slots: Vec<((TensorId, Storage), usize)>| slots.into_iter().map(|((id, _), slot)| (id, slot));
        let (slots, images) = (by_tensor(slots).collect(), by_tensor(images).collect());
        Self { graph: graph.id(), dispatches, slots, images, slot_bytes, slot_storage }
    }

    /// The graph that it was made for.
    pub(crate) fn graph(&self) -> GraphId {
        self.graph
    }

    /// The dispatches, in order.
    pub fn dispatches(&self) -> &[Dispatch] {
        &self.dispatches
    }

    /// Slot of each tensor (by its root) that lives in one. It may have a copy in another slot: see [`Plan::memory`].
    pub fn slots(&self) -> &HashMap<TensorId, usize> {
        &self.slots
    }

    /// Bytes of each slot.
    pub fn slot_bytes(&self) -> &[u64] {
        &self.slot_bytes
    }

    fn check(&self, graph: &Graph) -> Result<(), PlanError> {
        for dispatch in &self.dispatches {
            if dispatch.kernel().loop_trips > MAX_LOOP_TRIPS {
                return Err(PlanError::Loop { dispatch: dispatch.name().into(), trips: dispatch.kernel().loop_trips });
            }
            let workgroups = dispatch.kernel().grid.into_iter().max().unwrap_or(0);
            if workgroups > MAX_WORKGROUPS {
                return Err(PlanError::Grid { dispatch: dispatch.name().into(), workgroups });
            }
            for (i, binding) in dispatch.bindings().iter().enumerate() {
                let alias = dispatch.bindings()[..i].iter().any(|earlier| {
                    (binding.access.writes() || earlier.access.writes())
                        && self.memory(graph, binding) == self.memory(graph, earlier)
                        && graph.conflict(binding, earlier)
                        && !binding.updates(earlier)
                });
                if alias {
                    let tensor = graph.tensor(binding.tensor).name.clone();
                    return Err(PlanError::Alias { dispatch: dispatch.name().into(), tensor });
                }
            }
        }
        Ok(())
    }

    /// Plans share their slots by kind of storage.
    fn slot_key(&self, slot: usize) -> BufferKey {
        let storage = self.slot_storage[slot];
        let number = self.slot_storage[..slot].iter().filter(|other| **other == storage).count();
        BufferKey::Slot(storage, number)
    }

    /// The buffer or image that a binding reaches: the image that is a copy of the tensor's buffer, or what
    /// [`Plan::buffer`] gives.
    pub fn memory(&self, graph: &Graph, binding: &Binding) -> BufferKey {
        let image = match binding.storage {
            Storage::Images | Storage::HalfImages => self.image_copy(graph, binding.tensor),
            Storage::Buffers => None,
        };
        image.unwrap_or_else(|| self.buffer(graph, binding.tensor))
    }

    /// Whether the dispatch at `place` writes the last part of a tensor: the next one that binds it does not write it.
    pub(crate) fn completes(&self, graph: &Graph, place: usize, tensor: TensorId) -> bool {
        let root = graph.root(tensor);
        let later = self.dispatches[place + 1..].iter().flat_map(Dispatch::bindings);
        let next = later.into_iter().find(|binding| graph.root(binding.tensor) == root);
        next.is_none_or(|binding| binding.access != Access::Write)
    }

    /// The image that holds a copy of the buffer of a tensor, if there is one. It is made after the last dispatch of those
    /// that write the tensor one after the other.
    pub fn image_copy(&self, graph: &Graph, tensor: TensorId) -> Option<BufferKey> {
        self.images.get(&graph.root(tensor)).map(|slot| self.slot_key(*slot))
    }

    /// The buffer or image that a tensor is written to: tensors with equal keys share one.
    pub fn buffer(&self, graph: &Graph, tensor: TensorId) -> BufferKey {
        let root = graph.root(tensor);
        match graph.tensor(root).home {
            Home::Slot => self.slots.get(&root).map_or(BufferKey::Own(root), |slot| self.slot_key(*slot)),
            Home::Arena(arena, place) => BufferKey::Arena(arena, place.chunk),
            Home::Minibatch(_) => BufferKey::Minibatch,
            Home::Images => BufferKey::Images,
            Home::Metrics => BufferKey::Metrics,
            Home::Lasting => BufferKey::Lasting(root),
            Home::Input | Home::View(_) => BufferKey::Own(root),
        }
    }
}

/// Names a buffer or image of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BufferKey {
    /// A shared slot: its storage, and its number among the slots of that kind.
    Slot(Storage, usize),
    /// A chunk of an arena.
    Arena(super::Arena, usize),
    /// The minibatch.
    Minibatch,
    /// The images that the device holds.
    Images,
    /// The metrics.
    Metrics,
    /// A tensor's own, for what is made from the parameters alone.
    Lasting(TensorId),
    /// A tensor's own.
    Own(TensorId),
}

/// Leaves out second results that no dispatch reads and nobody keeps, such as the places of maxima in inference.
pub(super) fn drop_unread_results(graph: &Graph, dispatches: &mut [Dispatch], keep: &[TensorId]) {
    let bindings = dispatches.iter().flat_map(|dispatch| dispatch.bindings());
    let read = bindings.filter(|binding| binding.access != Access::Write).map(|binding| binding.tensor);
    let read: HashSet<TensorId> = read.chain(keep.iter().copied()).map(|tensor| graph.root(tensor)).collect();
    for dispatch in dispatches {
        dispatch.drop_unread(|tensor| graph.home(tensor) != Home::Slot || read.contains(&graph.root(tensor)));
    }
}

/// A slot tensor in one kind of storage, with its first write and its last use there, as dispatch numbers.
type Life = ((TensorId, Storage), usize, usize);

fn lives(graph: &Graph, dispatches: &[Dispatch], keep: &[TensorId]) -> Result<Vec<Life>, PlanError> {
    let mut written: HashMap<TensorId, usize> = HashMap::new();
    let mut lives: HashMap<(TensorId, Storage), (usize, usize)> = HashMap::new();
    for (i, dispatch) in dispatches.iter().enumerate() {
        for binding in dispatch.bindings() {
            let root = graph.root(binding.tensor);
            if graph.tensor(root).home != Home::Slot {
                continue;
            }
            let first = match binding.access {
                Access::Write => *written.entry(root).or_insert(i),
                Access::Read | Access::ReadWrite => *written.get(&root).ok_or_else(|| {
                    let tensor = graph.tensor(root).name.clone();
                    PlanError::ReadBeforeWrite { dispatch: dispatch.name().into(), tensor }
                })?,
            };
            lives.entry((root, storage_of(graph, binding))).or_insert((first, i)).1 = i;
        }
    }
    let keep: HashSet<TensorId> = keep.iter().map(|tensor| graph.root(*tensor)).collect();
    let end = |root, last| if keep.contains(&root) { dispatches.len() } else { last };
    let mut lives: Vec<Life> =
        lives.into_iter().map(|(life, (start, last))| (life, start, end(life.0, last))).collect();
    lives.sort_by_key(|((tensor, storage), start, _)| (*start, *tensor, storage.is_image()));
    Ok(lives)
}

/// Slots: of each tensor in each kind of storage, their bytes and their storage.
struct Slots {
    of: HashMap<(TensorId, Storage), usize>,
    bytes: Vec<u64>,
    storage: Vec<Storage>,
}

/// Greedy: the largest tensor comes first, so that no slot has to grow, and each takes the smallest slot of its kind of
/// storage that is free during its life.
fn assign_slots(graph: &Graph, lives: &[Life]) -> Slots {
    let mut slots = Slots { of: HashMap::new(), bytes: Vec::new(), storage: Vec::new() };
    let mut tenants: Vec<Vec<(usize, usize)>> = Vec::new();
    let bytes = |life: &Life| graph.tensor(life.0.0).bytes();
    let mut by_size: Vec<&Life> = lives.iter().collect();
    by_size.sort_by_key(|life| std::cmp::Reverse(bytes(life)));
    for (life, start, last) in by_size {
        let is_free = |slot: &usize| {
            let apart = |(first, end): &(usize, usize)| *end < *start || *last < *first;
            slots.storage[*slot] == life.1 && tenants[*slot].iter().all(apart)
        };
        let slot = (0..tenants.len()).filter(is_free).min_by_key(|slot| slots.bytes[*slot]);
        let slot = slot.unwrap_or_else(|| {
            slots.bytes.push(graph.tensor(life.0).bytes());
            slots.storage.push(life.1);
            tenants.push(Vec::new());
            tenants.len() - 1
        });
        tenants[slot].push((*start, *last));
        slots.of.insert(*life, slot);
    }
    slots
}
