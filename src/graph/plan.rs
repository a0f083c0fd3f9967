//! A schedule with its memory: which buffer or image each tensor lives in.

use std::collections::{HashMap, HashSet};

use thiserror::Error;

use super::{Access, Dispatch, Graph, GraphId, Home, TensorId};
use crate::kernel::MAX_WORKGROUPS;

/// llvmpipe lets one invocation run this many loop iterations, and then ends its loops silently (Mesa's
/// `LP_MAX_TGSI_LOOP_ITERATIONS`).
const MAX_LOOP_TRIPS: u64 = 65_535;

/// A schedule that can't be run.
#[derive(Debug, Error, PartialEq)]
pub enum PlanError {
    /// A dispatch was recorded for another graph.
    #[error("dispatch `{dispatch}` was recorded for another graph than the plan is made for")]
    OtherGraph {
        /// The dispatch.
        dispatch: String,
    },
    /// A tensor is read before anything wrote it.
    #[error("dispatch `{dispatch}` reads `{tensor}` before anything writes it")]
    ReadBeforeWrite {
        /// The reader.
        dispatch: String,
        /// What it reads.
        tensor: String,
    },
    /// One dispatch reads and writes one buffer through two bindings.
    #[error("dispatch `{dispatch}` binds the buffer of `{tensor}` twice and writes it")]
    Alias {
        /// The dispatch.
        dispatch: String,
        /// A tensor in the buffer.
        tensor: String,
    },
    /// A loop has more iterations than llvmpipe runs.
    #[error(
        "dispatch `{dispatch}` loops {trips} times in one invocation, more than {MAX_LOOP_TRIPS}; use a smaller batch"
    )]
    Loop {
        /// The dispatch.
        dispatch: String,
        /// Iterations of one invocation.
        trips: u64,
    },
    /// A grid wider than WebGPU allows.
    #[error(
        "dispatch `{dispatch}` needs {workgroups} workgroups in a dimension, more than {MAX_WORKGROUPS}; use a smaller \
         batch"
    )]
    Grid {
        /// The dispatch.
        dispatch: String,
        /// Workgroups in the widest dimension.
        workgroups: u32,
    },
}

/// Dispatches in order, and the slot of every tensor that has one.
#[derive(Clone, Debug)]
pub struct Plan {
    graph: GraphId,
    dispatches: Vec<Dispatch>,
    slots: HashMap<TensorId, usize>,
    slot_bytes: Vec<u64>,
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
        drop_unread_results(graph, &mut dispatches, keep);
        let lives = lives(graph, &dispatches, keep)?;
        let (slots, slot_bytes) = assign_slots(graph, &lives, dispatches.len());
        let plan = Self { graph: graph.id(), dispatches, slots, slot_bytes };
        plan.check(graph)?;
        Ok(plan)
    }

    /// The graph that it was made for.
    pub(crate) fn graph(&self) -> GraphId {
        self.graph
    }

    /// The dispatches, in order.
    pub fn dispatches(&self) -> &[Dispatch] {
        &self.dispatches
    }

    /// Slot of each tensor (by its root) that lives in one.
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
                        && self.buffer(graph, binding.tensor) == self.buffer(graph, earlier.tensor)
                });
                if alias {
                    let tensor = graph.tensor(binding.tensor).name.clone();
                    return Err(PlanError::Alias { dispatch: dispatch.name().into(), tensor });
                }
            }
        }
        Ok(())
    }

    /// The buffer or image that holds a tensor: tensors with equal keys share one.
    pub fn buffer(&self, graph: &Graph, tensor: TensorId) -> BufferKey {
        let root = graph.root(tensor);
        match graph.tensor(root).home {
            Home::Slot => self.slots.get(&root).map_or(BufferKey::Own(root), |slot| BufferKey::Slot(*slot)),
            Home::Arena(arena, place) => BufferKey::Arena(arena, place.chunk),
            Home::Minibatch(_) => BufferKey::Minibatch,
            Home::Metrics => BufferKey::Metrics,
            Home::Input | Home::View(_) => BufferKey::Own(root),
        }
    }
}

/// Names a buffer or image of a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum BufferKey {
    /// A shared slot.
    Slot(usize),
    /// A chunk of an arena.
    Arena(super::Arena, usize),
    /// The minibatch.
    Minibatch,
    /// The metrics.
    Metrics,
    /// A tensor's own.
    Own(TensorId),
}

/// Leaves out second results that no dispatch reads and nobody keeps, such as the places of maxima in inference.
fn drop_unread_results(graph: &Graph, dispatches: &mut [Dispatch], keep: &[TensorId]) {
    let bindings = dispatches.iter().flat_map(|dispatch| dispatch.bindings());
    let read = bindings.filter(|binding| binding.access != Access::Write).map(|binding| binding.tensor);
    let read: HashSet<TensorId> = read.chain(keep.iter().copied()).map(|tensor| graph.root(tensor)).collect();
    for dispatch in dispatches {
        dispatch.drop_unread(|tensor| graph.home(tensor) != Home::Slot || read.contains(&graph.root(tensor)));
    }
}

/// First write and last use of each slot tensor, as dispatch numbers.
fn lives(
    graph: &Graph,
    dispatches: &[Dispatch],
    keep: &[TensorId],
) -> Result<Vec<(TensorId, usize, usize)>, PlanError> {
    let mut first: HashMap<TensorId, usize> = HashMap::new();
    let mut last: HashMap<TensorId, usize> = HashMap::new();
    for (i, dispatch) in dispatches.iter().enumerate() {
        for binding in dispatch.bindings() {
            let root = graph.root(binding.tensor);
            if graph.tensor(root).home != Home::Slot {
                continue;
            }
            if binding.access == Access::Write {
                first.entry(root).or_insert(i);
            } else if !first.contains_key(&root) {
                let tensor = graph.tensor(root).name.clone();
                return Err(PlanError::ReadBeforeWrite { dispatch: dispatch.name().into(), tensor });
            }
            last.insert(root, i);
        }
    }
    for tensor in keep {
        if let Some(last) = last.get_mut(&graph.root(*tensor)) {
            *last = dispatches.len();
        }
    }
    let mut lives: Vec<_> = first.into_iter().map(|(tensor, start)| (tensor, start, last[&tensor])).collect();
    lives.sort_by_key(|(tensor, start, _)| (*start, *tensor));
    Ok(lives)
}

/// Greedy: a tensor takes the free slot that wastes least, growing the largest where none is large enough.
fn assign_slots(graph: &Graph, lives: &[(TensorId, usize, usize)], end: usize) -> (HashMap<TensorId, usize>, Vec<u64>) {
    let mut slots = HashMap::new();
    let mut bytes: Vec<u64> = Vec::new();
    let mut free_from: Vec<usize> = Vec::new();
    for (tensor, start, last) in lives {
        let need = graph.tensor(*tensor).bytes();
        let free = (0..bytes.len()).filter(|slot| free_from[*slot] <= *start);
        let slot =
            free.min_by_key(|slot| if bytes[*slot] >= need { (0, bytes[*slot]) } else { (1, need - bytes[*slot]) });
        let slot = slot.unwrap_or_else(|| {
            bytes.push(0);
            free_from.push(0);
            bytes.len() - 1
        });
        bytes[slot] = bytes[slot].max(need);
        free_from[slot] = if *last == end { usize::MAX } else { last + 1 };
        slots.insert(*tensor, slot);
    }
    (slots, bytes)
}
