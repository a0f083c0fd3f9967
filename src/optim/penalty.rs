//! Penalties of large weights, which count in the loss and in the gradient.

use crate::graph::{ARENA_ALIGNMENT, Arena, Dispatch, Graph, GraphError, Home, Mode, Recorder, Regularizer, TensorId};
use crate::kernel::{operations, wgsl};
use crate::ops::bind_metrics;

/// Invocations of a workgroup.
const LANES: usize = 64;

/// Fours of floats that an invocation takes.
const TRIPS: usize = 4;

/// The penalties of the trained variables of a graph that have a [`Regularizer`], and tables of where these and their
/// gradients are. The host must write the tables before the first run.
#[derive(Clone, Debug)]
pub struct Penalties {
    tables: Vec<Table>,
}

/// The table of a chunk of the arenas.
#[derive(Clone, Debug)]
struct Table {
    chunk: usize,
    /// `[blocks, 8]`, as `shaders/penalty/weights.wgsl` reads it.
    tensor: TensorId,
    values: Vec<f32>,
}

impl Table {
    fn blocks(&self) -> usize {
        self.values.len() / 8
    }

    /// Workgroups that take its blocks.
    fn groups(&self) -> usize {
        (self.blocks() * ARENA_ALIGNMENT / 4).div_ceil(LANES * TRIPS)
    }
}

impl Penalties {
    /// Those of `graph`, for the backward pass that was recorded last; none if no trained variable has a penalty.
    pub fn new(graph: &mut Graph) -> Option<Self> {
        let mut tables = Vec::new();
        for chunk in 0..graph.chunks().len() {
            let values = values(graph, chunk);
            if !values.is_empty() {
                let tensor = graph.input("blocks with a penalty", [values.len() / 8, 8]);
                tables.push(Table { chunk, tensor, values });
            }
        }
        (!tables.is_empty()).then_some(Self { tables })
    }

    /// The tables, and their values.
    pub fn tables(&self) -> impl Iterator<Item = (TensorId, &[f32])> {
        self.tables.iter().map(|table| (table.tensor, &table.values[..]))
    }

    /// Records what adds the penalties to the loss, whose metrics are `loss`, of the minibatch; in training also what adds
    /// their gradient to that of the weights. It belongs behind the backward pass, before everything that reads the
    /// gradient.
    ///
    /// # Errors
    /// Another graph than that of the penalties, or tensors that are no minibatch and no loss of it.
    pub fn record(
        &self,
        graph: &mut Graph,
        mode: Mode,
        minibatch: TensorId,
        loss: TensorId,
    ) -> Result<Vec<Dispatch>, GraphError> {
        let inputs = graph.inputs("penalties", &[minibatch, loss])?;
        inputs.minibatch(0)?;
        if graph.home(loss) != Home::Metrics {
            return Err(inputs.refuse("they are added to the metrics of a loss"));
        }
        for table in &self.tables {
            graph.inputs("penalties", &[table.tensor])?.shape(0, [table.blocks(), 8])?;
            if table.chunk >= graph.chunks().len() {
                return Err(graph.inputs("penalties", &[])?.refuse("they belong to another graph"));
            }
        }
        let groups: usize = self.tables.iter().map(Table::groups).sum();
        let mut recorder = Recorder::new(graph, mode);
        let penalties = recorder.temporary("penalties", [groups, 4]);
        let mut first = 0;
        for table in &self.tables {
            let lens =
                [Arena::Weights, Arena::Gradients].map(|arena| recorder.graph().chunks()[table.chunk].len_in(arena));
            let weights = recorder.add_chunk(Arena::Weights, table.chunk);
            let gradients = (mode == Mode::Train).then(|| recorder.add_chunk(Arena::Gradients, table.chunk));
            let dispatch = recorder.dispatch("penalties of the weights");
            match dispatch.loss_scale() {
                Some(scale) => dispatch.h(Some(scale)).shared(wgsl!("penalty/scaled")),
                None => dispatch.shared(wgsl!("penalty/unscaled")),
            }
            .a(weights)
            .d(Some(table.tensor))
            .c(penalties)
            .updated("dw", 4, gradients)
            .source(wgsl!("penalty/weights"))
            .size("WEIGHTS", lens[0])
            .size("GRADIENTS", lens[1])
            .size("BLOCK", ARENA_ALIGNMENT)
            .size("BLOCKS", table.blocks())
            .size("TRIPS", TRIPS)
            .size("FIRST_GROUP", first)
            .workgroups(table.groups(), 1)
            .cost(operations([6, table.blocks(), ARENA_ALIGNMENT]), TRIPS + LANES)
            .record();
            first += table.groups();
        }
        let dispatch = recorder.dispatch("penalties in the loss").a(penalties).minibatch(minibatch);
        bind_metrics(dispatch, loss)
            .source(wgsl!("penalty/loss"))
            .size("GROUPS", groups)
            .cost(groups as u64, groups.div_ceil(LANES) + LANES)
            .record();
        Ok(recorder.finish())
    }
}

/// A row for each block of a chunk that has a penalty.
fn values(graph: &Graph, chunk: usize) -> Vec<f32> {
    let penalty = |variable: usize| {
        let variable = &graph.variables()[variable];
        if variable.is_trained() { variable.regularizer() } else { Regularizer::default() }
    };
    let blocks = graph.gradient_blocks(chunk).into_iter().map(|block| (penalty(block.variable), block));
    blocks
        .filter(|(penalty, _)| !penalty.is_none())
        // f32 is exact up to 2^24, as in the table of gradients.
        .flat_map(|(Regularizer { l1, l2 }, block)| {
            let [weights, gradient] = [block.weights, block.first].map(|first| (first / ARENA_ALIGNMENT) as f32);
            [weights, gradient, block.len as f32, 0.0, l1 as f32, l2 as f32, 0.0, 0.0]
        })
        .collect()
}
