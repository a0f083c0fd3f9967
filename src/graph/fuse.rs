//! Rewriting of nodes: two operations that follow each other become one that does the work of both.

use super::{Graph, GraphError, Inputs, Mode, Node, Operation, TensorId};

/// A pattern of two operations, and the operation that takes their place.
pub(crate) struct Rule {
    /// The operation that does the work of both, if there is one.
    pub fuse: fn(&Pair<'_>) -> Option<Fused>,
}

/// Two nodes, of which the second reads the first output of the first.
pub(crate) struct Pair<'n> {
    /// The purpose of the schedule.
    pub mode: Mode,
    /// Which input of the second reads the first.
    pub input: usize,
    first: &'n dyn Operation,
    second: &'n dyn Operation,
}

impl Pair<'_> {
    /// Both operations, if they are an `A` and a `B`.
    pub fn of<A: Operation, B: Operation>(&self) -> Option<(&A, &B)> {
        let (first, second): (&dyn std::any::Any, &dyn std::any::Any) = (self.first, self.second);
        Some((first.downcast_ref()?, second.downcast_ref()?))
    }
}

/// An operation in place of two. Its inputs are those of the first, then those of the second without the tensor between
/// them. Its first output is that of the second.
pub(crate) struct Fused {
    operation: Box<dyn Operation>,
    between: Option<usize>,
}

impl Fused {
    /// An operation that does not write the tensor between the two.
    pub fn new(operation: impl Operation) -> Self {
        Self { operation: Box::new(operation), between: None }
    }

    /// An operation whose output of this number is the tensor between the two.
    pub fn with_between(operation: impl Operation, output: usize) -> Self {
        Self { operation: Box::new(operation), between: Some(output) }
    }
}

impl Graph {
    /// Applies `rules`, in their order, to the nodes that schedules of `mode` are recorded from. A rule applies where
    /// nothing else reads the tensor between the two nodes, and the operation in their place accepts their inputs. The
    /// tensors in `keep` stay: they can be read after a run, and be wanted of a backward pass.
    pub(crate) fn rewrite(&mut self, mode: Mode, rules: &[Rule], keep: &[TensorId]) {
        let mut nodes = self.nodes.clone();
        let keep: Vec<TensorId> = keep.iter().filter(|id| id.0 < self.tensors.len()).map(|id| self.root(*id)).collect();
        for rule in rules {
            let mut place = 0;
            while place < nodes.len() {
                let inputs = 0..nodes[place].inputs.len();
                let fused = inputs.into_iter().find_map(|input| self.fused(&nodes, place, input, mode, rule, &keep));
                match fused {
                    // The new node may be part of another pattern.
                    Some((first, node)) => {
                        nodes[place] = node;
                        nodes.remove(first);
                        place -= 1;
                    }
                    None => place += 1,
                }
            }
        }
        self.rewritten.insert(mode, nodes);
    }

    /// The node in place of node `second` and of the one that makes its input `input`, and the place of the latter.
    fn fused(
        &mut self,
        nodes: &[Node],
        second: usize,
        input: usize,
        mode: Mode,
        rule: &Rule,
        keep: &[TensorId],
    ) -> Option<(usize, Node)> {
        let between = nodes[second].inputs[input];
        let first = nodes[..second].iter().rposition(|node| node.outputs[0] == between)?;
        let (place, [first, second]) = (first, [&nodes[first], &nodes[second]]);
        if first.operation.is_view() || second.operation.is_view() {
            return None;
        }
        let pair = Pair { mode, input, first: &*first.operation, second: &*second.operation };
        let fused = (rule.fuse)(&pair)?;
        let readers = |id: TensorId| nodes.iter().flat_map(|node| &node.inputs).filter(|read| **read == id).count();
        let unread = |id: &TensorId| readers(*id) == 0 && !keep.contains(id);
        if readers(between) > 1 || !first.outputs[1..].iter().chain(&second.outputs[1..]).all(unread) {
            return None;
        }
        if fused.between.is_none() && keep.contains(&between) {
            return None;
        }
        let name = joined(&first.name, &second.name);
        let others = second.inputs.iter().enumerate().filter(|(i, _)| *i != input).map(|(_, id)| *id);
        let inputs: Vec<TensorId> = first.inputs.iter().copied().chain(others).collect();
        let shapes = fused.operation.outputs();
        let fits = |tensors: &Inputs<'_>| fused.operation.check(tensors);
        if self.inputs(&name, &inputs).and_then(|tensors| fits(&tensors)).is_err()
            || shapes.first() != Some(&self.tensor(second.outputs[0]).shape)
        {
            return None;
        }
        let outputs = (shapes.into_iter().enumerate())
            .map(|(i, shape)| match i {
                0 => second.outputs[0],
                _ if fused.between == Some(i) => between,
                _ => self.add_output(&name, i, shape),
            })
            .collect();
        let foreign = first.foreign || second.foreign;
        Some((place, Node { name, foreign, operation: fused.operation.into(), inputs, outputs }))
    }

    /// The nodes that schedules of `mode` are recorded from, which go back by [`Graph::put_nodes`].
    pub(super) fn take_nodes(&mut self, mode: Mode) -> Vec<Node> {
        let nodes = self.rewritten.get_mut(&mode).map_or_else(|| self.nodes.clone(), std::mem::take);
        for node in &nodes {
            self.tensors[node.outputs[0].0].name.clone_from(&node.name);
        }
        nodes
    }

    /// Takes nodes back.
    pub(super) fn put_nodes(&mut self, mode: Mode, nodes: Vec<Node>) {
        if let Some(place) = self.rewritten.get_mut(&mode) {
            *place = nodes;
        }
    }

    /// Whether the rewritten nodes of `mode` still make the tensor, if any node does.
    pub(super) fn is_made(&self, mode: Mode, id: TensorId) -> Result<(), GraphError> {
        let makes = |nodes: &[Node]| nodes.iter().any(|node| node.outputs.contains(&id));
        match self.rewritten.get(&mode) {
            Some(nodes) if makes(&self.nodes) && !makes(nodes) => {
                Err(GraphError::FusedAway { tensor: self.tensor(id).name.clone() })
            }
            _ => Ok(()),
        }
    }
}

/// The name of a node in place of two.
fn joined(first: &str, second: &str) -> String {
    match second.strip_prefix(first) {
        Some(rest) if rest.is_empty() || rest.starts_with(" + ") => second.into(),
        _ => format!("{first} + {second}"),
    }
}
