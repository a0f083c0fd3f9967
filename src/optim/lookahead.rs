//! Lookahead: slow weights that follow the optimizer's weights.

use serde::{Deserialize, Serialize};

use super::TableChunk;
use super::optimizer::{bind_state, bind_weights};
use crate::graph::{Arena, Recorder, TensorId};
use crate::kernel::wgsl;

/// The arena of the slow weights.
pub(super) const SLOW: Arena = Arena::State(5);

/// Lookahead (Zhang et al. 2019), algorithm 1: after every `every` updates the slow weights go the share `alpha` of the way
/// to the weights, and the weights go on from there.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Lookahead {
    /// Updates between two steps of the slow weights, at least 1; the paper's `k`.
    pub every: u32,
    /// Share of the way that the slow weights go.
    pub alpha: f64,
    /// Whether statistics of normalizations take part too. Otherwise they stay as training left them.
    pub statistics: bool,
}

impl Default for Lookahead {
    /// The paper's settings for CIFAR-10 and ImageNet: `k` 5 and `alpha` 0.5.
    fn default() -> Self {
        Self { every: 5, alpha: 0.5, statistics: false }
    }
}

impl Lookahead {
    /// Records what makes the slow weights the weights before the first update (`start`), or what follows each update.
    /// `table` is that of any gradients which have the averaged variables, if these take part.
    pub(super) fn record(self, recorder: &mut Recorder, table: &TableChunk, minibatch: TensorId, start: bool) {
        let [weights, slow] = [Arena::Weights, SLOW].map(|arena| recorder.add_chunk(arena, table.chunk()));
        let name = table.name(if start { "start of lookahead" } else { "lookahead" });
        let dispatch = table.bind(recorder.dispatch(name).minibatch(minibatch)).source(wgsl!("optimizer/lookahead"));
        bind_state(bind_weights(dispatch, weights), 0, Some(slow))
            .constant("START", start)
            .size("EVERY", self.every.max(1) as usize)
            .constant("ALPHA", self.alpha)
            .constant("STATISTICS", self.statistics)
            .quads(table.count(), 0)
            .cost(3 * table.count() as u64, 0)
            .record();
    }
}
