//! Adam, as Keras writes it.

use crate::graph::{Access, Arena, Dispatch, Graph, Home, Mode, Recorder};

/// Settings of Adam (Kingma & Ba 2015); the defaults are Keras's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Step size.
    pub learning_rate: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment, outside the bias correction.
    pub epsilon: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 }
    }
}

impl Adam {
    /// Step size of step `t`, counted from 1, with both bias corrections folded in.
    pub fn alpha(&self, t: u64) -> f64 {
        let t = t as f64;
        self.learning_rate * (1.0 - self.beta2.powf(t)).sqrt() / (1.0 - self.beta1.powf(t))
    }

    /// Records the update of all parameters of `graph`, in one dispatch; `alpha` comes with the minibatch.
    pub fn record(&self, graph: &mut Graph, minibatch: crate::graph::TensorId) -> Vec<Dispatch> {
        let count = graph.arena_len();
        let [w, dw, m, v] =
            Arena::ALL.map(|arena| graph.add_tensor(format!("{arena:?}"), [count], Home::Arena(arena, 0)));
        let mut recorder = Recorder::new(graph, Mode::Train);
        recorder
            .dispatch("adam")
            .a(dw)
            .bind(1, minibatch, Access::Read)
            .bind(2, w, Access::ReadWrite)
            .bind(3, m, Access::ReadWrite)
            .bind(4, v, Access::ReadWrite)
            .source(include_str!("../../shaders/adam.wgsl"))
            .constant("BETA1", self.beta1)
            .constant("BETA2", self.beta2)
            .constant("EPSILON", self.epsilon)
            .elementwise(count, 12)
            .record();
        recorder.finish()
    }
}
