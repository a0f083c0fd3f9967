//! The reverse walk: the one place where gradients meet.

use std::collections::HashMap;

use super::{Dispatch, Graph, GraphError, Mode, Node, Recorder, TensorId};
use crate::kernel::wgsl;

/// Gradient of each tensor that has one.
pub type Gradients = HashMap<TensorId, TensorId>;

impl Graph {
    /// Records the backward pass from every loss, and from each `(output, dy)` of `upstream`, where `dy` has the shape of
    /// `output`; several of one output count together.
    ///
    /// Trainable parameters get their gradient in [`Arena::Gradients`](super::Arena::Gradients); an input of the graph gets one
    /// if it is `wanted`. Some are left in parts, as [`Graph::gradient_parts`] tells of the pass recorded last.
    ///
    /// # Errors
    /// A tensor of another graph, or a `dy` of another shape than its output.
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
        let nodes = std::mem::take(&mut self.nodes);
        let recorded = self.walk_back(&nodes, upstream, wanted);
        self.nodes = nodes;
        Ok(recorded)
    }

    fn walk_back(
        &mut self,
        nodes: &[Node],
        upstream: &[(TensorId, TensorId)],
        wanted: &[TensorId],
    ) -> (Vec<Dispatch>, Gradients) {
        self.parts.clear();
        let trainable = self.parameters.iter().filter(|parameter| parameter.trainable);
        let homes: Vec<(TensorId, TensorId)> =
            trainable.map(|parameter| (parameter.weights, parameter.gradient)).collect();
        let home: Gradients = homes.iter().copied().collect();

        // A tensor needs a gradient if the caller wants it, or if it is made from a tensor that needs one.
        let mut needed: Vec<bool> =
            self.tensors().map(|(id, _)| home.contains_key(&id) || wanted.contains(&id)).collect();
        for node in nodes {
            needed[node.output.0] |= node.inputs.iter().any(|input| needed[input.0]);
        }
        // It gets one if it leads to a loss or to an upstream gradient. This counts the operations that contribute to it.
        let mut contributions: HashMap<TensorId, usize> = upstream.iter().map(|(output, _)| (*output, 0)).collect();
        for node in nodes.iter().rev() {
            if node.operation.is_loss() || contributions.contains_key(&node.output) {
                for input in node.inputs.iter().filter(|input| needed[input.0]) {
                    *contributions.entry(*input).or_default() += 1;
                }
            }
        }

        let mut recorder = Recorder::new(self, Mode::Train);
        let mut gradients = Gradients::new();
        for (output, dy) in upstream {
            let sum = match gradients.get(output) {
                Some(earlier) => {
                    let sum = recorder.gradient_like(*output);
                    recorder.add(*earlier, *dy, sum);
                    sum
                }
                None => *dy,
            };
            gradients.insert(*output, sum);
        }
        let alone = contributions.iter().filter(|(id, count)| **count == 1 && !gradients.contains_key(id));
        let dead_end = |id: &TensorId| {
            let made = nodes.iter().find(|node| node.output == *id);
            made.and_then(|node| node.inputs.first()).is_some_and(|input| !needed[input.0])
        };
        recorder.set_alone(alone.map(|(id, _)| *id).filter(|id| !wanted.contains(id) && !dead_end(id)).collect());
        for node in nodes.iter().rev() {
            let dy = match gradients.get(&node.output) {
                Some(dy) => *dy,
                None if node.operation.is_loss() => node.output,
                None => continue,
            };
            let targets: Vec<Option<TensorId>> = (node.inputs.iter())
                .map(|input| {
                    let alone = contributions.get(input) == Some(&1) && !gradients.contains_key(input);
                    needed[input.0].then(|| match home.get(input) {
                        // No kernel runs that could write the gradient elsewhere.
                        _ if node.operation.passes_gradient() => recorder.view_as(dy, *input),
                        Some(gradient) if alone => *gradient,
                        _ => recorder.gradient_like(*input),
                    })
                })
                .collect();
            recorder.set_foreign(node.foreign);
            node.operation.backward(&mut recorder, &node.inputs, node.output, dy, &targets);
            recorder.set_foreign(false);
            for (input, target) in node.inputs.iter().zip(targets) {
                let Some(mut gradient) = target else { continue };
                if let Some(count) = contributions.get_mut(input) {
                    *count -= 1;
                    if let Some(earlier) = gradients.get(input) {
                        // The last sum goes home; those before it are temporary, so that no dispatch reads what it
                        // writes.
                        let sum = match home.get(input) {
                            Some(home) if *count == 0 => *home,
                            _ => recorder.gradient_like(*input),
                        };
                        recorder.add(*earlier, gradient, sum);
                        gradient = sum;
                    }
                }
                gradients.insert(*input, gradient);
            }
        }
        // A parameter's gradient that an operation passed on, or that came from above, is not in its place yet.
        for (weights, home) in homes {
            match gradients.insert(weights, home) {
                Some(gradient) if gradient != home => recorder.copy(gradient, home),
                Some(_) => {}
                None => drop(gradients.remove(&weights)),
            }
        }
        (recorder.finish(), gradients)
    }
}

impl Recorder<'_> {
    fn gradient_like(&mut self, of: TensorId) -> TensorId {
        let tensor = self.graph().tensor(of);
        let (name, shape) = (format!("d {}", tensor.name), tensor.shape.clone());
        self.temporary(name, shape)
    }

    /// Records `c = a + b`.
    pub fn add(&mut self, a: TensorId, b: TensorId, c: TensorId) {
        let shape = self.graph().tensor(c).shape.clone();
        let name = format!("{} = sum", self.graph().tensor(c).name);
        self.dispatch(name).a(a).b(b).c(c).source(wgsl!("add")).elementwise(&shape, 1).record();
    }

    /// Records `c = a`.
    fn copy(&mut self, a: TensorId, c: TensorId) {
        let shape = self.graph().tensor(c).shape.clone();
        let name = format!("{} = copy", self.graph().tensor(c).name);
        self.dispatch(name).a(a).c(c).source(wgsl!("copy")).elementwise(&shape, 0).record();
    }
}
