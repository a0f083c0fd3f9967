//! Dispatches that run one after the other at once: where each workgroup of one needs only what the same workgroup of those
//! before it made, they become one.
//!
//! On a GPU a dispatch starts when the one before it has ended, which takes longer than the work of the last layers of a
//! network. Those compute each image by itself, forward and backward: a workgroup for each image does all of that.

use std::collections::HashMap;

use super::joined::{are_apart, are_joinable, meet};
use super::{Binding, Dispatch, Graph, TensorId};
use crate::kernel::{Kernel, binding_of_member};

/// `dispatches`, in which those that follow each other row by row are one. A dispatch comes forward to those that it
/// continues, if it needs nothing of what stood between them.
pub(super) fn chain(graph: &Graph, dispatches: Vec<Dispatch>) -> Vec<Dispatch> {
    let mut chains: Vec<Vec<Dispatch>> = Vec::new();
    for dispatch in dispatches {
        let is_apart = |chain: &Vec<Dispatch>| chain.iter().all(|member| are_apart(graph, member, &dispatch));
        // Most dispatches can't continue any, and to compare all with all takes long for hundreds of layers.
        let needed = (dispatch.rows > 0).then(|| chains.iter().rposition(|chain| !is_apart(chain))).flatten();
        match needed.map(|place| &mut chains[place]).filter(|chain| continues(graph, chain, &dispatch)) {
            Some(chain) => chain.push(dispatch),
            None => chains.push(vec![dispatch]),
        }
    }
    chains.into_iter().map(|members| Dispatch::chained(graph, members)).collect()
}

/// Whether each workgroup of `next` needs only what the same workgroup of `chain` made.
fn continues(graph: &Graph, chain: &[Dispatch], next: &Dispatch) -> bool {
    let follows = |member: &Dispatch, a: &Binding, b: &Binding| {
        let is_own = || {
            let writes_then_reads = a.access.writes() && !b.access.writes();
            writes_then_reads && member.keeps_to_row(a) && next.keeps_to_row(b)
        };
        !meet(graph, a, b) || graph.root(a.tensor) == graph.root(b.tensor) && is_own()
    };
    let each_follows =
        |member: &Dispatch| member.bindings().iter().all(|a| next.bindings().iter().all(|b| follows(member, a, b)));
    next.rows > 0
        && chain.iter().all(|member| member.rows == next.rows && each_follows(member))
        && are_joinable(graph, chain, next)
        && Joined::new(graph, chain.iter().chain([next])).bindings.len() <= graph.target().most_buffers as usize
}

/// The bindings of a chain.
struct Joined {
    bindings: Vec<Binding>,
    /// For each member, those of its bindings that it reaches through one that another member writes.
    through: Vec<Vec<(u32, u32)>>,
}

impl Joined {
    fn new<'d>(graph: &Graph, members: impl Iterator<Item = &'d Dispatch>) -> Self {
        let mut joined = Self { bindings: Vec::new(), through: Vec::new() };
        let mut written: HashMap<TensorId, u32> = HashMap::new();
        for (number, member) in members.enumerate() {
            let mut through = Vec::new();
            for binding in member.bindings() {
                let (root, index) = (graph.root(binding.tensor), binding_of_member(binding.index, number));
                match written.get(&root) {
                    Some(other) => through.push((binding.index, *other)),
                    None => joined.bindings.push(Binding { index, ..*binding }),
                }
                if binding.access.writes() {
                    written.insert(root, index);
                }
            }
            joined.through.push(through);
        }
        joined
    }
}

impl Dispatch {
    /// The dispatch that does the work of `members`, one after the other.
    fn chained(graph: &Graph, mut members: Vec<Self>) -> Self {
        if members.len() == 1 {
            return members.remove(0);
        }
        let Joined { bindings, through } = Joined::new(graph, members.iter());
        let kernels: Vec<&Kernel> = members.iter().map(|member| &member.kernel).collect();
        let kernel = Kernel::chained(&kernels, through);
        Self::of_members(members, kernel, bindings)
    }
}
