//! Kernels as matrices that a Newton-Schulz iteration makes nearly orthogonal.

use super::optimizer::bind_weights;
use crate::graph::{Arena, DispatchBuilder, Graph, Recorder, TensorId, Variable};
use crate::kernel::{operations, wgsl};

/// Steps of the iteration.
const STEPS: usize = 5;

/// Rows and columns of the part of a matrix that a workgroup takes: `shaders/muon/tiles.wgsl` has the same constant.
const TILE: usize = 32;

/// Invocations of a workgroup.
const LANES: usize = 64;

/// The trained kernels of a chunk of the arenas. A kernel is a matrix of as many rows and columns as it has in memory, where
/// the rows and columns that fill it up are 0.
///
/// One dispatch takes all matrices: its workgroups find in a table which part of which matrix is theirs.
#[derive(Debug)]
pub(super) struct Matrices {
    chunk: usize,
    /// Floats of the chunk, and of all squares of the smaller side.
    len: usize,
    squares_len: usize,
    /// A row for each part of a matrix, and of its square: see `shaders/muon/tiles.wgsl`.
    tiles: Tiles,
    squares: Tiles,
    /// `[matrices, 4]`: the first part and the number of parts of each.
    matrices: (TensorId, Vec<f32>),
    most_tiles: usize,
    longest: usize,
    products: u64,
}

/// A table of parts of matrices: `[parts, 8]`.
#[derive(Debug)]
struct Tiles {
    tensor: TensorId,
    values: Vec<f32>,
}

impl Tiles {
    fn new(graph: &mut Graph, values: Vec<f32>) -> Self {
        Self { tensor: graph.input("parts of matrices", [values.len() / 8, 8]), values }
    }

    fn count(&self) -> usize {
        self.values.len() / 8
    }
}

impl Matrices {
    /// The trained kernels in a chunk, if there are any, whose learning rate has a `factor`.
    pub fn new(graph: &mut Graph, chunk: usize, factor: impl Fn(&Variable) -> f64) -> Option<Self> {
        let (mut tiles, mut squares, mut matrices) = (Vec::new(), Vec::new(), Vec::new());
        let (mut squares_len, mut most_tiles, mut longest, mut products) = (0, 0, 0, 0);
        let own = graph.variables().iter().filter(|variable| variable.is_trained() && variable.place().chunk == chunk);
        for (number, (variable, [rows, columns])) in own.filter_map(|v| Some((v, v.matrix()?))).enumerate() {
            let side = rows.min(columns);
            // f32 is exact up to 2^24, which fours of floats pass at 256 MiB of a chunk.
            let [first, square] = [variable.place().first, squares_len].map(|first| (first / 4) as f32);
            let parts = |[rows_of, columns_of]: [usize; 2], table: &mut Vec<f32>| {
                for row in 0..rows_of.div_ceil(TILE) {
                    for column in 0..columns_of.div_ceil(TILE) {
                        table.extend([first, rows as f32, columns as f32, square]);
                        table.extend([row as f32, column as f32, factor(variable) as f32, number as f32]);
                    }
                }
            };
            let before = tiles.len() / 8;
            parts([rows, columns], &mut tiles);
            parts([side; 2], &mut squares);
            let count = tiles.len() / 8 - before;
            matrices.extend([before as f32, count as f32, 0.0, 0.0]);
            squares_len += side * side;
            most_tiles = most_tiles.max(count);
            longest = longest.max(rows.max(columns));
            products += operations([rows, columns, side]);
        }
        if matrices.is_empty() {
            return None;
        }
        Some(Self {
            chunk,
            len: graph.chunks()[chunk].len,
            squares_len,
            tiles: Tiles::new(graph, tiles),
            squares: Tiles::new(graph, squares),
            matrices: (graph.input("matrices", [matrices.len() / 4, 4]), matrices),
            most_tiles,
            longest,
            products,
        })
    }

    /// What the host must write before the first run.
    pub fn into_tables(self) -> [(TensorId, Vec<f32>); 3] {
        let [tiles, squares] = [self.tiles, self.squares].map(|table| (table.tensor, table.values));
        [tiles, squares, self.matrices]
    }

    /// A tensor for the directions of all matrices, at their places in the chunk.
    pub fn directions(&self, recorder: &mut Recorder) -> TensorId {
        recorder.temporary("directions", [self.len])
    }

    /// Records what makes `directions` nearly orthogonal, and moves the weights there.
    /// An update under a loss scale has the `factors` that were decided on.
    pub fn record(
        &self,
        recorder: &mut Recorder,
        directions: TensorId,
        minibatch: TensorId,
        factors: Option<TensorId>,
    ) {
        let count = self.matrices.1.len() / 4;
        let sums = recorder.temporary("squares of directions", [self.tiles.count(), 4]);
        let norms = recorder.temporary("norms of directions", [count, 4]);
        let dispatch = recorder.dispatch("squares of directions").a(directions).c(sums);
        self.parts(dispatch.source(wgsl!("muon/squares")), &self.tiles, LANES, 2 * self.len as u64);
        recorder
            .dispatch("norms of directions")
            .a(sums)
            .d(Some(self.matrices.0))
            .c(norms)
            .source(wgsl!("muon/norms"))
            .size("COUNT", count)
            .size("TILES", self.tiles.count())
            .workgroups(count, 1)
            .cost(self.tiles.count() as u64, self.most_tiles.div_ceil(LANES) + LANES)
            .record();
        let mut x = recorder.temporary("directions of norm 1", [self.len]);
        let dispatch = recorder.dispatch("directions of norm 1").a(directions).b(norms).c(x);
        self.parts(dispatch.source(wgsl!("muon/normalized")).size("COUNT", count), &self.tiles, 0, self.len as u64);
        for _ in 0..STEPS {
            let [gram, polynomial] = ["gram", "polynomial"].map(|name| recorder.temporary(name, [self.squares_len]));
            let next = recorder.temporary("directions", [self.len]);
            let dispatch = recorder.dispatch("products of rows").a(x).c(gram).source(wgsl!("muon/gram"));
            self.parts(dispatch, &self.squares, self.longest, 2 * self.products);
            let dispatch = recorder.dispatch("polynomial").a(gram).c(polynomial).source(wgsl!("muon/polynomial"));
            self.parts(dispatch, &self.squares, self.longest, 2 * self.products);
            let dispatch = recorder.dispatch("directions").a(x).b(polynomial).c(next).source(wgsl!("muon/step"));
            self.parts(dispatch, &self.tiles, self.longest, 2 * self.products);
            x = next;
        }
        let weights = recorder.add_chunk(Arena::Weights, self.chunk);
        let dispatch = recorder.dispatch("update of kernels").a(x).minibatch(minibatch);
        let dispatch = match factors {
            Some(factors) => dispatch.b(factors).shared(wgsl!("optimizer/scaled")),
            None => dispatch.shared(wgsl!("optimizer/unscaled")),
        };
        let dispatch = bind_weights(dispatch, weights).source(wgsl!("muon/update"));
        self.parts(dispatch, &self.tiles, 0, 2 * self.len as u64);
    }

    /// Records a dispatch whose workgroups take a part each.
    fn parts(&self, dispatch: DispatchBuilder<'_, '_>, tiles: &Tiles, trips: usize, flops: u64) {
        dispatch
            .d(Some(tiles.tensor))
            .shared(wgsl!("muon/tiles"))
            .size("TILES", tiles.count())
            .size("LEN", self.len)
            .size("SQUARES", self.squares_len)
            .workgroups(tiles.count(), 1)
            .cost(flops, trips)
            .record();
    }
}
