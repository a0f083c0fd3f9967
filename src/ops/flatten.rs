//! `[n, h, w, c]` as `[n, features]`, without a copy.

use crate::graph::{Graph, Operation, Recorder, TensorId};
use crate::shape::Shape;

/// The same elements in rows: NHWC is Keras's own order, so nothing moves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flatten {
    /// `[n, ...]`
    pub input: Shape,
}

impl Graph {
    /// Adds a view of `x`: `[n, features]`.
    pub fn flatten(&mut self, name: &str, x: TensorId) -> TensorId {
        let input = self.tensor(x).shape.clone();
        self.add_node(name, Flatten { input }, &[x])
    }
}

impl Operation for Flatten {
    fn output_shape(&self) -> Shape {
        let n = self.input.dims()[0];
        [n, self.input.elements() / n.max(1)].into()
    }

    fn is_view(&self) -> bool {
        true
    }

    fn passes_gradient(&self) -> bool {
        true
    }

    fn forward(&self, _: &mut Recorder, _: &[TensorId], _: TensorId) {}

    fn backward(&self, _: &mut Recorder, _: &[TensorId], _: TensorId, _: TensorId, _: &[Option<TensorId>]) {}
}
