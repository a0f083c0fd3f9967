//! Dispatches that run at once: neighbours in a schedule that do not need each other become one.
//!
//! On a GPU a small dispatch leaves most of the device idle, and the next one starts when it has ended. The gradients of a
//! layer's weights and of its input, for example, are computed from the same tensors and do not need each other.

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
    let Target { most_buffers, most_flops, binding_bytes, .. } = graph.target();
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
    // A step says where the minibatch begins, for one binding of a dispatch: that of the first member.
    let has_minibatch = next.bindings().iter().any(|binding| binding.index == MINIBATCH_BINDING);
    group.len() < MOST_MEMBERS
        && all().all(is_plain)
        && !has_minibatch
        && all().all(|dispatch| dispatch.kernel().invocations == most || dispatch.kernel().takes_more)
        && all().map(|dispatch| dispatch.kernel().workgroups()).sum::<u64>() <= MAX_WORKGROUPS.into()
        && all().map(|dispatch| dispatch.kernel().flops).sum::<u64>() <= most_flops
        && all().map(Dispatch::buffers).sum::<u32>() <= most_buffers
        && group.iter().all(|dispatch| is_apart(graph, dispatch, next))
}

/// Whether neither dispatch writes what the other one reaches.
fn is_apart(graph: &Graph, one: &Dispatch, other: &Dispatch) -> bool {
    let meet = |a: &Binding, b: &Binding| {
        let writes = a.access.writes() || b.access.writes();
        let [a_root, b_root] = [a, b].map(|binding| graph.root(binding.tensor));
        let may_meet = match [a_root, b_root].map(|root| graph.tensor(root).home) {
            [Home::Arena(..), Home::Arena(..)] => !graph.lie_apart(a_root, b_root),
            [Home::Slot | Home::Arena(..), _] | [_, Home::Slot | Home::Arena(..)] => false,
            _ => true,
        };
        writes && (a_root == b_root || may_meet)
    };
    !one.bindings().iter().any(|a| other.bindings().iter().any(|b| meet(a, b)))
}

impl Plan {
    /// As [`Plan::new`], but neighbours among the dispatches that may run at once are one.
    ///
    /// # Errors
    /// As [`Plan::new`].
    pub fn joined(graph: &Graph, dispatches: Vec<Dispatch>, keep: &[TensorId]) -> Result<Self, PlanError> {
        Self::new(graph, join(graph, dispatches), keep)
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
}

impl Graph {
    /// Whether both tensors are in arenas, and nothing is in both.
    pub(super) fn lie_apart(&self, a: TensorId, b: TensorId) -> bool {
        let place = |tensor: TensorId| {
            let tensor = self.tensor(self.root(tensor));
            let Home::Arena(arena, Place { chunk, first }) = tensor.home else { return None };
            Some((arena, chunk, first..first + (tensor.bytes() / 4) as usize))
        };
        let (Some((a_arena, a_chunk, a)), Some((b_arena, b_chunk, b))) = (place(a), place(b)) else { return false };
        (a_arena, a_chunk) != (b_arena, b_chunk) || a.end <= b.start || b.end <= a.start
    }
}

impl Dispatch {
    /// The dispatch that does the work of all of `members`.
    fn joined(mut members: Vec<Self>) -> Self {
        if members.len() == 1 {
            return members.remove(0);
        }
        let names: Vec<&str> = members.iter().map(|member| member.name.as_str()).collect();
        let kernels: Vec<&Kernel> = members.iter().map(|member| &member.kernel).collect();
        let bindings = members.iter().enumerate().flat_map(|(number, member)| {
            let bindings = member.bindings.iter();
            bindings.map(move |binding| Binding { index: binding_of_member(binding.index, number), ..*binding })
        });
        Self {
            graph: members[0].graph,
            name: names.join(", "),
            kernel: Kernel::joined(&kernels),
            bindings: bindings.collect(),
            product: None,
            swept: 0,
            aligned: 0,
            members,
        }
    }
}
