//! Several minibatches for one update.

use super::optimizer::{ACCUMULATED, bind_state, bind_weights};
use super::{GradientTable, Group, Optimizer};
use crate::graph::{Arena, Dispatch, Graph, GraphError, Mode, Recorder, TensorId};
use crate::kernel::wgsl;

/// The schedules of an optimizer that updates by the mean gradient of several minibatches.
#[derive(Debug)]
pub struct Accumulation {
    /// What follows each backward pass: it adds the gradient up. Averages take over a share of each minibatch's statistic.
    pub accumulate: Vec<Dispatch>,
    /// What follows the last minibatch of an update.
    pub update: Vec<Dispatch>,
    /// The tables that the host must write before the first run: of the backward pass, and of what was added up.
    pub tables: [GradientTable; 2],
}

impl Optimizer {
    /// Records the two schedules for the backward pass of `graph` that was recorded last.
    ///
    /// # Errors
    /// `minibatch` is not a minibatch of the graph.
    pub fn record_accumulation(&self, graph: &mut Graph, minibatch: TensorId) -> Result<Accumulation, GraphError> {
        graph.inputs("optimizer", &[minibatch])?.minibatch(0)?;
        Group::check(&self.groups, graph)?;
        let table = GradientTable::new(graph, &self.groups);
        let mut sums = GradientTable::accumulated(graph, &self.groups, ACCUMULATED);
        let mut accumulate = self.record_start(graph, &table, minibatch);
        let mut recorder = Recorder::new(graph, Mode::Train);
        for chunk in table.chunks() {
            let [weights, accumulated] =
                [Arena::Weights, ACCUMULATED].map(|arena| recorder.add_chunk(arena, chunk.chunk()));
            let dispatch = recorder.dispatch(chunk.name("sum of gradients")).minibatch(minibatch);
            let dispatch = chunk.bind(dispatch).source(wgsl!("optimizer/accumulate"));
            bind_state(bind_weights(dispatch, weights), 0, Some(accumulated))
                .constant("SHARE", 1.0 / self.accumulate as f64)
                .quads(chunk.count(), 0)
                .cost(3 * chunk.count() as u64 + chunk.additions(), chunk.most_parts())
                .record();
        }
        accumulate.extend(recorder.finish());
        let mut update = self.record_with(graph, &mut sums, minibatch);
        update.extend(self.record_end(graph, &table, minibatch));
        Ok(Accumulation { accumulate, update, tables: [table, sums] })
    }
}
