//! Dispatches that run at once: neighbours in a schedule that do not need each other become one. (chained.rs makes one of
//! those that do need each other, where it can.)
//!
//! On a GPU a small dispatch leaves most of the device idle, and the next one starts when it has ended. The gradients of a
//! layer's weights and of its input, for example, are computed from the same tensors and do not need each other.

use super::chained::chain;
use super::plan::drop_unread_results;
use super::{Binding, Dispatch, DispatchBuilder, Graph, Home, Place, Plan, PlanError, Target, TensorId};
use crate::kernel::{Kernel, MAX_WORKGROUPS, MINIBATCH_BINDING, Storage, binding_of_member};

/// Most members of a dispatch: each has its own numbers of bindings, of which WebGPU allows 1000 by default.
const MOST_MEMBERS: usize = 16;

/// `dispatches`, in which those that may run at once and are neighbours are one.
fn join(graph: &Graph, dispatches: Vec<Dispatch>) -> Vec<Dispatch> {
    let mut groups: Vec<Vec<Dispatch>> = Vec::new();
    for dispatch in dispatches {
        match groups.last_mut() {
            Some(group) if fits(graph, group, &dispatch) => group.push(dispatch),
            _ => groups.push(vec![dispatch]),
        }
    }
    groups.into_iter().map(Dispatch::joined).collect()
}

/// Whether `next` may run together with all of `group`.
fn fits(graph: &Graph, group: &[Dispatch], next: &Dispatch) -> bool {
    let all = || group.iter().chain([next]);
    are_joinable(graph, group, next)
        && all().all(|dispatch| dispatch.members().len() == 1)
        && all().map(|dispatch| dispatch.kernel().workgroups()).sum::<u64>() <= MAX_WORKGROUPS.into()
        && all().map(Dispatch::buffers).sum::<u32>() <= graph.target().most_buffers
        && group.iter().all(|dispatch| are_apart(graph, dispatch, next))
}

/// Whether the kernels of `group` and of `next` can be one.
pub(super) fn are_joinable(graph: &Graph, group: &[Dispatch], next: &Dispatch) -> bool {
    let Target { most_flops, binding_bytes, .. } = graph.target();
    let all = || group.iter().chain([next]);
    let most = all().map(|dispatch| dispatch.kernel().invocations).max().unwrap_or(0);
    let is_plain = |dispatch: &Dispatch| {
        let kernel = dispatch.kernel();
        let binds = |binding: &Binding| {
            binding.storage == Storage::Buffers
                && binding.part.is_none()
                && graph.tensor(binding.tensor).bytes() <= binding_bytes
        };
        kernel.invocations > 0 && kernel.numbers.is_empty() && dispatch.bindings().iter().all(binds)
    };
    let reads_minibatch = |dispatch: &&Dispatch| dispatch.bindings().iter().any(|b| b.index == MINIBATCH_BINDING);
    group.len() < MOST_MEMBERS
        && all().all(is_plain)
        // A step says where the minibatch begins, for one binding of a dispatch.
        && all().filter(reads_minibatch).count() < 2
        && all().all(|dispatch| dispatch.kernel().invocations == most || dispatch.kernel().takes_more)
        && all().map(|dispatch| dispatch.kernel().flops).sum::<u64>() <= most_flops
}

/// Whether neither dispatch writes what the other one reaches, nor binds a buffer to read it that the other one writes
/// elsewhere: a dispatch may only do one of both with a buffer.
pub(super) fn are_apart(graph: &Graph, one: &Dispatch, other: &Dispatch) -> bool {
    !one.bindings().iter().any(|a| other.bindings().iter().any(|b| meet(graph, a, b)))
}

/// Whether two dispatches that bind `a` and `b` can't run at once for that.
pub(super) fn meet(graph: &Graph, a: &Binding, b: &Binding) -> bool {
    let [a_root, b_root] = [a, b].map(|binding| graph.root(binding.tensor));
    let may_meet = match [a_root, b_root].map(|root| graph.tensor(root).home) {
        [Home::Arena(..), Home::Arena(..)] => graph.conflict(a, b),
        [Home::Slot | Home::Arena(..), _] | [_, Home::Slot | Home::Arena(..)] => false,
        _ => true,
    };
    (a.access.writes() || b.access.writes()) && (a_root == b_root || may_meet)
}

impl Plan {
    /// As [`Plan::new`], but those dispatches are one that may run at once and are neighbours, or whose workgroups only need
    /// what the same workgroup of the one before made.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn joined(graph: &Graph, mut dispatches: Vec<Dispatch>, keep: &[TensorId]) -> Result<Self, PlanError> {
        drop_unread_results(graph, &mut dispatches, keep);
        Self::new(graph, join(graph, chain(graph, dispatches)), keep)
    }
}

impl DispatchBuilder<'_, '_> {
    /// Says that it may be joined to others: its workgroups have so many invocations, and its shader learns its place only
    /// from `workgroup_id`, `num_workgroups` and `local_invocation_index`.
    pub(crate) fn joinable(mut self, invocations: u32) -> Self {
        self.dispatch.kernel.invocations = invocations;
        self
    }

    /// Says so of a shader that leaves further invocations of a workgroup without work.
    pub(crate) fn joinable_at_least(mut self, invocations: u32) -> Self {
        self.dispatch.kernel.takes_more = true;
        self.joinable(invocations)
    }

    /// Says that its grid has `rows` workgroups, of which each reaches only a row of its own of the tensors at `bindings`,
    /// through their ports, and only reads the others. The rows of a tensor are so many pieces of equal length.
    pub(crate) fn by_rows(mut self, rows: usize, bindings: &[u32]) -> Self {
        // A grid of more is folded, and may have workgroups without a row.
        if rows <= MAX_WORKGROUPS as usize {
            self.dispatch.rows = rows as u32;
            self.dispatch.own_rows = bindings.iter().fold(0, |bits, binding| bits | 1 << binding);
        }
        self
    }
}

impl Graph {
    /// Whether one dispatch can't have both bindings of tensors in arenas, of which one or both are written: they are in one
    /// chunk, and meet there, or one is only read.
    pub(super) fn conflict(&self, a: &Binding, b: &Binding) -> bool {
        let place = |binding: &Binding| {
            let tensor = self.tensor(self.root(binding.tensor));
            let Home::Arena(arena, Place { chunk, first }) = tensor.home else { return None };
            Some((arena, chunk, first..first + (tensor.bytes() / 4) as usize))
        };
        let (Some((a_arena, a_chunk, a_range)), Some((b_arena, b_chunk, b_range))) = (place(a), place(b)) else {
            return true;
        };
        let are_apart = a_range.end <= b_range.start || b_range.end <= a_range.start;
        let both_write = a.access.writes() && b.access.writes();
        (a_arena, a_chunk) == (b_arena, b_chunk) && !(both_write && are_apart)
    }
}

impl Dispatch {
    /// The dispatch that does the work of all of `members`.
    fn joined(mut members: Vec<Self>) -> Self {
        if members.len() == 1 {
            return members.remove(0);
        }
        let kernels: Vec<&Kernel> = members.iter().map(|member| &member.kernel).collect();
        let kernel = Kernel::joined(&kernels);
        let bindings = members.iter().enumerate().flat_map(|(number, member)| {
            let bindings = member.bindings.iter();
            bindings.map(move |binding| Binding { index: binding_of_member(binding.index, number), ..*binding })
        });
        let bindings = bindings.collect();
        Self::of_members(members, kernel, bindings)
    }

    /// A dispatch of members.
    pub(super) fn of_members(members: Vec<Self>, kernel: Kernel, bindings: Vec<Binding>) -> Self {
        let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
        Self::of(members[0].graph, names.join(", "), kernel, bindings, members)
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Mode, Recorder, VariableSpec};
    use super::*;
    use crate::kernel::MicroKernel;

    /// WebGPU lets a dispatch read a buffer or write it, wherever in the buffer it does so.
    #[test]
    fn what_reads_a_part_of_an_arena_is_not_joined_to_what_writes_another() {
        let mut graph = Graph::new(Target::new(MicroKernel::Direct, 8));
        let layer = |name: &str| VariableSpec::kernel_and_bias(name, vec![4, 4], true);
        let [one, other] = ["one", "other"].map(|name| graph.add_weights(name, layer(name)).unwrap());
        let x = graph.input("x", [4, 4]);
        let mut recorder = Recorder::new(&mut graph, Mode::Train);
        recorder.dispatch("reads one").a(one).c(x).record();
        recorder.dispatch("writes one").a(x).c(one).record();
        recorder.dispatch("writes the other").a(x).c(other).record();
        recorder.dispatch("reads one too").a(one).record();
        recorder.dispatch("reads one, writes the other").a(one).c(other).record();
        let dispatches = recorder.finish();
        let apart = |a: usize, b: usize| are_apart(&graph, &dispatches[a], &dispatches[b]);
        assert!(apart(0, 3) && apart(1, 2) && apart(2, 1));
        assert!(!apart(3, 2) && !apart(2, 3) && !apart(3, 1));
        let alone = |place: usize| Plan::new(&graph, vec![dispatches[place].clone()], &[]);
        assert!(alone(2).is_ok());
        assert!(matches!(alone(4), Err(PlanError::Alias { .. })));
    }
}
