//! Adam, as Keras writes it.

use crate::graph::{ARENA_ALIGNMENT, Access, Arena, Dispatch, Graph, Home, Mode, Recorder, TensorId};
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
    /// Share of each weight, bias or not, that a step takes away, times the learning rate: AdamW (Loshchilov & Hutter
    /// 2019).
    pub weight_decay: f64,
}

impl Default for Adam {
    fn default() -> Self {
        Self { learning_rate: 1e-3, beta1: 0.9, beta2: 0.999, epsilon: 1e-7, weight_decay: 0.0 }
    }
}

impl Adam {
    /// Step size of step `t`, counted from 1, with both bias corrections folded in. In f32, because Keras takes the
    /// powers in f32: `1 - beta2^t` loses 1e-5 of itself there in the first steps, and parity is closer than that.
    pub fn alpha(&self, t: u64) -> f32 {
        let power = |beta: f64| (beta as f32).powf(t as f32);
        self.learning_rate as f32 * (1.0 - power(self.beta2)).sqrt() / (1.0 - power(self.beta1))
    }

    /// Share of each weight that a step takes away.
    pub fn decay(&self) -> f32 {
        (self.learning_rate * self.weight_decay) as f32
    }

    /// Records the update of all parameters of `graph` by the backward pass recorded last, in one dispatch; alpha and
    /// decay come with the minibatch. It reads where the gradients are from a table, which the host must write before the
    /// first run: the tensor and its values.
    pub fn record(&self, graph: &mut Graph, minibatch: TensorId) -> (Vec<Dispatch>, (TensorId, Vec<f32>)) {
        let count = graph.arena_len();
        let [w, dw, m, v] = Arena::ALL.map(|arena| {
            let len = if arena == Arena::Gradients { graph.gradients_len() } else { count };
            graph.add_tensor(format!("{arena:?}"), [len], Home::Arena(arena, 0))
        });
        let blocks = graph.gradient_blocks();
        let most_parts = blocks.iter().map(|block| block.parts).max().unwrap_or(1);
        let additions: usize = blocks.iter().map(|block| block.parts.saturating_sub(1) * ARENA_ALIGNMENT).sum();
        let values = (blocks.iter())
            // f32 is exact up to 2^24: here 4 GiB of gradients; a graph leaves none in parts whose arena passes 128 MiB.
            .flat_map(|block| [block.first / ARENA_ALIGNMENT, block.parts, block.part_len / 4, 0])
            .map(|value| value as f32)
            .collect();
        let table = graph.input("gradient blocks", [blocks.len(), 4]);
        let mut recorder = Recorder::new(graph, Mode::Train);
        let mut dispatch = recorder
            .dispatch("adam")
            .a(dw)
            .minibatch(minibatch)
            .bind(2, w, Access::ReadWrite)
            .d(Some(table))
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
            .size("BLOCK", ARENA_ALIGNMENT)
            .quads(count, 0)
            .cost(14 * count + additions, most_parts)
            .record();
        (recorder.finish(), (table, values))
    }
}
