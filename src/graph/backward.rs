//! The reverse walk: the one place where gradients meet.

use std::collections::{HashMap, HashSet};

use super::{Dispatch, Epilogue, Graph, GraphError, Mode, Node, Recorder, Sink, TensorId};

/// Gradient of each tensor that has one.
pub type Gradients = HashMap<TensorId, TensorId>;

impl Graph {
    /// Records the backward pass from every loss, and from each `(output, dy)` of `upstream`, where `dy` has the shape of
    /// `output`; several of one output count together.
    ///
    /// Weights with trained variables get their gradient in [`Arena::Gradients`](super::Arena::Gradients); another tensor
    /// gets one if it is `wanted`. Some are left in parts, as [`Graph::gradient_parts`] tells of the pass recorded last.
    ///
    /// # Errors
    /// A tensor of another graph or one that a rule has done away with, a `dy` of another shape than its output, or an operation whose
    /// [`Epilogue`](super::Operation::epilogue) does not fit its outputs.
    pub fn record_backward(
        &mut self,
        upstream: &[(TensorId, TensorId)],
        wanted: &[TensorId],
    ) -> Result<(Vec<Dispatch>, Gradients), GraphError> {
        for (output, dy) in upstream {
            let wanted = self.inputs("upstream", &[*output])?.tensors()[0].shape.clone();
            self.inputs("upstream", &[*dy])?.shape(0, wanted)?;
        }
        self.inputs("wanted", wanted)?;
        for id in upstream.iter().map(|(output, _)| output).chain(wanted) {
            self.is_made(Mode::Train, *id)?;
        }
        let nodes = self.take_nodes(Mode::Train);
        let recorded = self.walk_back(&nodes, upstream, wanted);
        self.put_nodes(Mode::Train, nodes);
        recorded
    }

    fn walk_back(
        &mut self,
        nodes: &[Node],
        upstream: &[(TensorId, TensorId)],
        wanted: &[TensorId],
    ) -> Result<(Vec<Dispatch>, Gradients), GraphError> {
        self.parts.clear();
        let homes = self.trained_weights();
        let home: Gradients = homes.iter().copied().collect();
        let mut ways = Ways::new(self, nodes, &home, upstream, wanted);

        let mut recorder = Recorder::new(self, Mode::Train);
        for node in nodes {
            ways.add_maker(node, &recorder)?;
        }
        let mut arrived: HashMap<TensorId, Arrived> = HashMap::new();
        for (output, dy) in upstream {
            recorder.arrive(&mut arrived, *output, Arrived { tensor: *dy, finished: false }, None);
        }
        for node in nodes.iter().rev() {
            let output = node.outputs[0];
            let dy = match arrived.get(&output) {
                Some(dy) => *dy,
                None if node.operation.is_loss() => Arrived { tensor: output, finished: true },
                None => continue,
            };
            let needed: Vec<bool> = node.inputs.iter().map(|input| ways.needed[input.0]).collect();
            if !node.operation.is_loss() && !needed.contains(&true) {
                continue;
            }
            let epilogue = ways.epilogue_of(output);
            // What leads through a view is in the form of the node behind it.
            let finished = node.is_transparent() && dy.finished;
            let dy = match epilogue {
                Epilogue::None => dy.tensor,
                _ if dy.finished => dy.tensor,
                _ => {
                    let behind = recorder.gradient_behind(epilogue, output);
                    recorder.apply(epilogue, dy.tensor, None, behind);
                    behind
                }
            };
            let sinks: Vec<Option<Sink>> = (node.inputs.iter().enumerate())
                .map(|(i, input)| {
                    let makes = needed[i] && !node.operation.passes_gradient(i);
                    makes.then(|| ways.sink(&mut recorder, *input, &home, arrived.get(input)))
                })
                .collect();
            if sinks.iter().any(Option::is_some) || node.operation.is_loss() {
                recorder.set_foreign(node.foreign);
                node.operation.backward(&mut recorder, &node.inputs, &node.outputs, dy, &sinks);
                recorder.set_foreign(false);
            }
            for (input, sink) in
                node.inputs.iter().zip(sinks).zip(&needed).filter_map(|(pair, needed)| needed.then_some(pair))
            {
                let last = ways.count_down(*input);
                let Some(sink) = sink else {
                    // No kernel runs that could write the gradient elsewhere.
                    let tensor = if finished { dy } else { recorder.view_as(dy, *input) };
                    let home = home.get(input).copied().filter(|_| last);
                    recorder.arrive(&mut arrived, *input, Arrived { tensor, finished }, home);
                    continue;
                };
                let gradient = Arrived { tensor: sink.gradient, finished: sink.epilogue != Epilogue::None };
                if sink.earlier.is_some() {
                    arrived.insert(*input, gradient);
                    continue;
                }
                // The last sum goes home; those before it are temporary, so that no dispatch reads what it writes.
                let home = home.get(input).copied().filter(|_| last);
                recorder.arrive(&mut arrived, *input, gradient, home);
            }
        }
        let mut gradients: Gradients =
            wanted.iter().filter_map(|id| arrived.get(id).map(|gradient| (*id, gradient.tensor))).collect();
        // A gradient of weights that an operation passed on, or that came from above, is not in its place yet.
        for (weights, home) in homes {
            let Some(gradient) = arrived.get(&weights) else { continue };
            if gradient.tensor != home {
                recorder.copy(gradient.tensor, home);
            }
            gradients.insert(weights, home);
        }
        Ok((recorder.finish(), gradients))
    }
}

impl Node {
    /// Whether it only gives a tensor another shape: what is done to the gradient of its output is done to that of its input.
    fn is_transparent(&self) -> bool {
        self.operation.is_view() && self.operation.passes_gradient(0) && self.inputs.len() == 1
    }
}

/// The gradient of a tensor on its way to the operation that made the tensor.
#[derive(Clone, Copy, Debug)]
struct Arrived {
    tensor: TensorId,
    /// Whether it has gone through the epilogue that the operation declares.
    finished: bool,
}

impl Recorder<'_> {
    /// Notes a gradient of `id`. Where one has arrived already, it records the sum of both, into `home` if there is one.
    fn arrive(
        &mut self,
        arrived: &mut HashMap<TensorId, Arrived>,
        id: TensorId,
        mut gradient: Arrived,
        home: Option<TensorId>,
    ) {
        if let Some(earlier) = arrived.get(&id) {
            let sum = home.unwrap_or_else(|| self.gradient_like(id));
            self.add(earlier.tensor, gradient.tensor, sum);
            gradient = Arrived { tensor: sum, finished: false };
        }
        arrived.insert(id, gradient);
    }
}

/// What is known about the ways of all gradients before the walk.
struct Ways<'n> {
    /// Whether somebody needs the gradient of a tensor: the caller wants it, or it leads to one that is wanted.
    needed: Vec<bool>,
    /// Operations that are still to contribute to the gradient of a tensor, of those tensors that get one.
    left: HashMap<TensorId, usize>,
    /// Tensors to whose gradient a single operation contributes.
    single: HashSet<TensorId>,
    /// Tensors whose gradient the caller sees.
    wanted: HashSet<TensorId>,
    /// The node that made a tensor, and what the gradient goes through before that node.
    makers: HashMap<TensorId, (&'n Node, Epilogue)>,
}

impl<'n> Ways<'n> {
    fn new(
        graph: &Graph,
        nodes: &[Node],
        home: &Gradients,
        upstream: &[(TensorId, TensorId)],
        wanted: &[TensorId],
    ) -> Self {
        let mut needed: Vec<bool> =
            graph.tensors().map(|(id, _)| home.contains_key(&id) || wanted.contains(&id)).collect();
        for node in nodes {
            needed[node.outputs[0].0] |= node.inputs.iter().any(|input| needed[input.0]);
        }
        // A gradient comes from a loss or from above.
        let mut left: HashMap<TensorId, usize> = upstream.iter().map(|(output, _)| (*output, 0)).collect();
        for node in nodes.iter().rev() {
            if node.operation.is_loss() || left.contains_key(&node.outputs[0]) {
                for input in node.inputs.iter().filter(|input| needed[input.0]) {
                    *left.entry(*input).or_default() += 1;
                }
            }
        }
        let from_above = |id: &TensorId| upstream.iter().any(|(output, _)| output == id);
        let single = left.iter().filter(|(id, count)| **count == 1 && !from_above(id)).map(|(id, _)| *id).collect();
        Self { needed, left, single, wanted: wanted.iter().copied().collect(), makers: HashMap::new() }
    }

    fn add_maker(&mut self, node: &'n Node, recorder: &Recorder) -> Result<(), GraphError> {
        let needed: Vec<bool> = node.inputs.iter().map(|input| self.needed[input.0]).collect();
        self.makers.insert(node.outputs[0], (node, node.epilogue(recorder, &needed)?));
        Ok(())
    }

    /// Where an operation writes its contribution to the gradient of `input`, to which others have contributed what has
    /// `arrived`. The last one can add that, and do what the gradient then goes through.
    fn sink(&self, recorder: &mut Recorder, input: TensorId, home: &Gradients, arrived: Option<&Arrived>) -> Sink {
        let single = self.single.contains(&input);
        if let (true, Some(gradient)) = (single, home.get(&input)) {
            let epilogue = self.epilogue_through_views(input);
            return Sink { input, gradient: *gradient, earlier: None, epilogue };
        }
        let last = self.left.get(&input) == Some(&1) && !home.contains_key(&input);
        let earlier = arrived.filter(|earlier| last && !single && !earlier.finished).map(|earlier| earlier.tensor);
        let whole = single || earlier.is_some();
        let epilogue = if whole { self.epilogue_through_views(input) } else { Epilogue::None };
        Sink { input, gradient: recorder.gradient_behind(epilogue, input), earlier, epilogue }
    }

    /// What the gradient of a tensor goes through before the node that made the tensor.
    fn epilogue_of(&self, id: TensorId) -> Epilogue {
        self.makers.get(&id).map_or(Epilogue::None, |(_, epilogue)| *epilogue)
    }

    /// What the operation that completes the gradient of a tensor can do to it. Behind a view, that is what the tensor
    /// wants that the view is of.
    fn epilogue_through_views(&self, id: TensorId) -> Epilogue {
        let Some((node, epilogue)) = self.makers.get(&id) else { return Epilogue::None };
        if self.wanted.contains(&id) {
            return Epilogue::None;
        }
        match node.is_transparent() && *epilogue == Epilogue::None {
            true if self.single.contains(&node.inputs[0]) => self.epilogue_through_views(node.inputs[0]),
            true => Epilogue::None,
            false => *epilogue,
        }
    }

    /// Counts a contribution to the gradient of a tensor, and returns whether it was the last one.
    fn count_down(&mut self, id: TensorId) -> bool {
        let left = self.left.get_mut(&id);
        left.is_none_or(|left| {
            *left = left.saturating_sub(1);
            *left == 0
        })
    }
}
