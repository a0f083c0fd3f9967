//! Adam, as Keras writes it.

use super::GradientTable;
use crate::graph::{Access, Arena, Dispatch, Graph, GraphError, Home, Mode, Recorder, TensorId};
use crate::kernel::{Storage, wgsl};

/// Settings of Adam (Kingma & Ba 2015); the defaults are Keras's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Step size.
    pub learning_rate: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the square root of the second moment before its bias is corrected, as in Keras.
    pub epsilon: f64,
    /// Weight decay of AdamW (Loshchilov & Hutter 2019): a step subtracts this share, times the learning rate, from each
    /// weight and bias.
    pub weight_decay: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weight_decay: 0.0 }
    }
}

impl Adam {
    /// Step size of step `t`, counted from 1, with both bias corrections folded in. It is computed in f32 as in Keras,
    /// where `1 - beta2^t` is off by 1e-5 of its value in the first steps. Parity with Keras needs the same error.
    pub fn alpha(&self, t: u64) -> f32 {
        let power = |beta: f64| (beta as f32).powf(t as f32);
        self.learning_rate as f32 * (1.0 - power(self.beta2)).sqrt() / (1.0 - power(self.beta1))
    }

    /// Share of each weight that a step subtracts.
    pub fn decay(&self) -> f32 {
        (self.learning_rate * self.weight_decay) as f32
    }

    /// Records the update of all variables of `graph` by the backward pass recorded last, in one dispatch; step size
    /// and decay come with the minibatch. The host must write the table of gradients before the first run.
    ///
    /// # Errors
    /// `minibatch` is not a minibatch of the graph.
    pub fn record(&self, graph: &mut Graph, minibatch: TensorId) -> Result<(Vec<Dispatch>, GradientTable), GraphError> {
        graph.inputs("adam", &[minibatch])?.minibatch(0)?;
        let count = graph.arena_len();
        let [w, m, v] = [Arena::Weights, Arena::FirstMoment, Arena::SecondMoment]
            .map(|arena| graph.add_tensor(format!("{arena:?}"), [count], Home::Arena(arena, 0)));
        let table = GradientTable::new(graph);
        let mut recorder = Recorder::new(graph, Mode::Train);
        let mut dispatch = table
            .bind(recorder.dispatch("adam"))
            .minibatch(minibatch)
            .bind(2, w, Access::ReadWrite)
            .bind(4, m, Access::ReadWrite)
            .bind(5, v, Access::ReadWrite)
            .source(wgsl!("adam/update"));
        dispatch = match dispatch.storage(w) {
            Storage::Buffers => dispatch.shared(wgsl!("adam/state_buffer")),
            Storage::Images => dispatch.shared(wgsl!("adam/state_image")),
        };
        dispatch
            .constant("NEW1", 1.0 - self.beta1)
            .constant("NEW2", 1.0 - self.beta2)
            .constant("EPSILON", self.epsilon)
            .quads(table.count(), 0)
            .cost(14 * count + table.additions(), table.most_parts())
            .record();
        Ok((recorder.finish(), table))
    }
}
