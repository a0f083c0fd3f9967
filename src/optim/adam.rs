//! Adam, as Keras writes it.

use crate::graph::{Access, Arena, Dispatch, Graph, Home, Mode, Recorder, TensorId};
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
    /// Added to the root of the second moment, outside the bias correction.
    pub epsilon: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-7 }
    }
}

impl Adam {
    /// Step size of step `t`, counted from 1, with both bias corrections folded in. In f32, because Keras takes the
    /// powers in f32: `1 - beta2^t` loses 1e-5 of itself there in the first steps, and parity is closer than that.
    pub fn alpha(&self, t: u64) -> f32 {
        let power = |beta: f64| (beta as f32).powf(t as f32);
        self.learning_rate as f32 * (1.0 - power(self.beta2)).sqrt() / (1.0 - power(self.beta1))
    }

    /// Records the update of all parameters of `graph`, in one dispatch; `alpha` comes with the minibatch.
    pub fn record(&self, graph: &mut Graph, minibatch: TensorId) -> Vec<Dispatch> {
        let count = graph.arena_len();
        let [w, dw, m, v] =
            Arena::ALL.map(|arena| graph.add_tensor(format!("{arena:?}"), [count], Home::Arena(arena, 0)));
        let mut recorder = Recorder::new(graph, Mode::Train);
        let mut dispatch = recorder
            .dispatch("adam")
            .a(dw)
            .bind(1, minibatch, Access::Read)
            .bind(2, w, Access::ReadWrite)
            .bind(3, m, Access::ReadWrite)
            .bind(4, v, Access::ReadWrite)
            .source(wgsl!("adam/update"));
        dispatch = match dispatch.storage(w) {
            Storage::Buffers => dispatch.shared(wgsl!("adam/state_buffer")),
            Storage::Images => dispatch.shared(wgsl!("adam/state_image")),
        };
        dispatch
            .constant("NEW1", 1.0 - self.beta1)
            .constant("NEW2", 1.0 - self.beta2)
            .constant("EPSILON", self.epsilon)
            .quads(count, 12 * count)
            .record();
        recorder.finish()
    }
}
