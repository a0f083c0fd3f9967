//! Where the optimizer and the norm find the gradient of all parameters.

use super::Group;
use crate::graph::{
    ARENA_ALIGNMENT, Arena, Dispatch, DispatchBuilder, GradientBlock, Graph, Home, Mode, Place, Recorder, Role,
    TensorId, Variable,
};
use crate::kernel::{operations, wgsl};

/// Invocations of a workgroup of the norm.
const LANES: usize = 64;

/// Most parts that an invocation of the norm reads, where more than one four of floats is left to it.
const PARTS_OF_A_LANE: usize = 1024;

/// Most fours of floats that an invocation of the norm takes.
const MOST_QUADS_OF_A_LANE: usize = 16;

/// The gradients of the backward pass recorded last, and a table of where they are, since some are in parts.
#[derive(Clone, Debug)]
pub struct GradientTable {
    chunks: Vec<TableChunk>,
    /// Tables of the optimizer that are no table of gradients.
    others: Vec<(TensorId, Vec<f32>)>,
}

/// The table of one chunk of the arenas.
#[derive(Clone, Debug)]
pub(super) struct TableChunk {
    /// `[blocks, 8]`: a row for each block of weights, as `shaders/gradient.wgsl` reads it.
    tensor: TensorId,
    values: Vec<f32>,
    chunk: usize,
    gradients: TensorId,
    /// Floats of the weights and of the gradients.
    lens: [usize; 2],
    most_parts: usize,
    additions: u64,
}

/// What the update does with a variable: (1 if it is trained, 2 if it is averaged; factor of the learning rate; factor of
/// the decay; share of the statistic that an average takes over, or 1 for a kernel, which some optimizers take as a matrix).
fn update_of(variable: &Variable, groups: &[Group]) -> [f32; 4] {
    match variable.role() {
        Role::Constant => [0.0; 4],
        Role::Trained => {
            let [rate, decay] = Group::factors(groups, variable);
            [1.0, rate as f32, decay as f32, f32::from(variable.matrix().is_some())]
        }
        Role::Averaged { momentum } => [2.0, 0.0, 0.0, (1.0 - momentum) as f32],
    }
}

impl GradientTable {
    /// The table for the backward pass of `graph` that was recorded last. Variables in `groups` have factors.
    pub fn new(graph: &mut Graph, groups: &[Group]) -> Self {
        let chunks = (0..graph.chunks().len()).map(|chunk| {
            let blocks = graph.gradient_blocks(chunk);
            TableChunk::new(graph, groups, Arena::Gradients, chunk, &blocks)
        });
        Self { chunks: chunks.collect(), others: Vec::new() }
    }

    /// The table for gradients that were added up in an arena, each at the place of its weights. Averages are not among
    /// them.
    pub(super) fn accumulated(graph: &mut Graph, groups: &[Group], arena: Arena) -> Self {
        let chunks = (0..graph.chunks().len()).map(|chunk| {
            let trained = |block: &GradientBlock| graph.variables()[block.variable].is_trained();
            let blocks = graph.gradient_blocks(chunk).into_iter().map(|block| match trained(&block) {
                true => GradientBlock { first: block.weights, parts: 1, ..block },
                false => GradientBlock { first: 0, parts: 0, ..block },
            });
            let blocks: Vec<GradientBlock> = blocks.collect();
            TableChunk::new(graph, groups, arena, chunk, &blocks)
        });
        Self { chunks: chunks.collect(), others: Vec::new() }
    }

    /// What dispatches read for each chunk of the arenas.
    pub(super) fn chunks(&self) -> &[TableChunk] {
        &self.chunks
    }

    /// Adds tables that the host must write too.
    pub(super) fn add_inputs(&mut self, tables: impl IntoIterator<Item = (TensorId, Vec<f32>)>) {
        self.others.extend(tables);
    }

    /// The tensors that the host must write before the first run, and their values.
    pub fn inputs(&self) -> impl Iterator<Item = (TensorId, &[f32])> {
        let chunks = self.chunks.iter().map(|chunk| (chunk.tensor, &chunk.values[..]));
        chunks.chain(self.others.iter().map(|(tensor, values)| (*tensor, &values[..])))
    }

    /// Records the L2 norm of the gradient of all trained variables together: the dispatches, and the tensor
    /// `(s, q, 0, 0)` of which [`GradientTable::norm`] makes it. All sums have one order.
    pub fn record_norm(&self, graph: &mut Graph) -> (Vec<Dispatch>, TensorId) {
        let groups: usize = self.chunks.iter().map(TableChunk::norm_groups).sum();
        let mut recorder = Recorder::new(graph, Mode::Train);
        let squares = recorder.temporary("squares of the gradient", [groups, 4]);
        let norm = recorder.temporary("norm of the gradient", [4]);
        let mut first = 0;
        for chunk in &self.chunks {
            let dispatch = recorder.dispatch(chunk.name("squares of the gradient")).c(squares);
            let (quads, trips) = (LANES * chunk.quads_of_a_lane(), 2 * chunk.quads_of_a_lane() * chunk.most_parts);
            chunk
                .bind(dispatch)
                .source(wgsl!("gradient_norm/squares"))
                .size("COUNT", chunk.count())
                .size("QUADS", quads)
                .size("FIRST_GROUP", first)
                .workgroups(chunk.norm_groups(), 1)
                .cost(4 * chunk.count() as u64 + 2 * chunk.additions, trips + 2 * LANES)
                .record();
            first += chunk.norm_groups();
        }
        recorder
            .dispatch("norm of the gradient")
            .a(squares)
            .c(norm)
            .source(wgsl!("gradient_norm/total"))
            .size("GROUPS", groups)
            .cost(4 * groups as u64, 2 * groups.div_ceil(LANES) + 2 * LANES)
            .record();
        (recorder.finish(), norm)
    }

    /// The norm, of the values of the tensor that [`GradientTable::record_norm`] names; NaN where a gradient is not
    /// finite.
    pub fn norm(values: &[f32]) -> f64 {
        let value = |i: usize| values.get(i).map_or(f64::NAN, |value| f64::from(*value));
        value(0) * value(1).sqrt()
    }
}

impl TableChunk {
    fn new(graph: &mut Graph, groups: &[Group], arena: Arena, chunk: usize, blocks: &[GradientBlock]) -> Self {
        let own = graph.chunks()[chunk];
        let [len, gradients_len] = [own.len, own.len_in(arena)];
        let home = Home::Arena(arena, Place { chunk, first: 0 });
        let gradients = graph.add_tensor(format!("{arena:?}"), [gradients_len], home);
        // Without variables, shaders find a block without a gradient: memory is never empty, and begins with zeros.
        let lens = [len, gradients_len].map(|len| len.max(4));
        let values = (blocks.iter())
            // f32 is exact up to 2^24: here 4 GiB of gradients; a graph leaves none in parts whose chunk passes 128 MiB.
            .flat_map(|block| {
                let places = [block.first / ARENA_ALIGNMENT, block.parts, block.part_len / 4, block.len];
                let change = match block.parts {
                    0 => [0.0; 4],
                    _ => update_of(&graph.variables()[block.variable], groups),
                };
                places.map(|value| value as f32).into_iter().chain(change)
            })
            .collect();
        Self {
            values,
            tensor: graph.input("gradient blocks", [blocks.len(), 8]),
            chunk,
            gradients,
            lens,
            most_parts: blocks.iter().map(|block| block.parts).max().unwrap_or(1),
            additions: blocks.iter().map(|block| operations([block.parts.saturating_sub(1), ARENA_ALIGNMENT])).sum(),
        }
    }

    /// Number of the chunk.
    pub(super) fn chunk(&self) -> usize {
        self.chunk
    }

    /// The name of a dispatch for the chunk.
    pub(super) fn name(&self, dispatch: &str) -> String {
        match self.chunk {
            0 => dispatch.into(),
            chunk => format!("{dispatch}, chunk {}", chunk + 1),
        }
    }

    /// Floats of the weights, as shaders count them.
    pub(super) fn count(&self) -> usize {
        self.lens[0]
    }

    /// Most parts of a gradient.
    pub(super) fn most_parts(&self) -> usize {
        self.most_parts
    }

    /// Additions that the parts of all gradients need.
    pub(super) fn additions(&self) -> u64 {
        self.additions
    }

    /// Binds the gradients as `a` and the table as `d`, to be read as `shaders/gradient.wgsl` does.
    pub(super) fn bind<'r, 'g>(&self, dispatch: DispatchBuilder<'r, 'g>) -> DispatchBuilder<'r, 'g> {
        dispatch
            .a(self.gradients)
            .d(Some(self.tensor))
            .shared(wgsl!("gradient"))
            .size("BLOCK", ARENA_ALIGNMENT)
            .size("GRADIENTS", self.lens[1])
    }

    /// Fours of floats that an invocation of the norm takes. Gradients in many parts are spread over more workgroups, so that
    /// no loop becomes too long for a plan.
    fn quads_of_a_lane(&self) -> usize {
        (PARTS_OF_A_LANE / self.most_parts.max(1)).clamp(1, MOST_QUADS_OF_A_LANE)
    }

    /// Workgroups of the norm.
    fn norm_groups(&self) -> usize {
        (self.count() / 4).div_ceil(LANES * self.quads_of_a_lane()).max(1)
    }
}
