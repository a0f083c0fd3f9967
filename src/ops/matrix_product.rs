//! The matrix product behind convolution and dense layers: an access pattern joined to a micro-kernel.

use crate::graph::{DispatchBuilder, Product, ProductChoice, Recorder};
use crate::kernel::{MicroKernel, Storage, wgsl};

/// Longest part of a reduction: half of the loop iterations that a plan allows.
const LONGEST_PART: usize = 32_768;

/// Shortest part of a reduction.
const SHORTEST_PART: usize = 128;

/// `c[m, n] = sum over k of a[m, k] b[k, n]`, the sum cut into parts of equal length.
#[derive(Clone, Debug)]
pub struct MatrixProduct {
    m: usize,
    n: usize,
    k: usize,
    product: Product,
}

impl MatrixProduct {
    /// A product of `[m, n, k]` with all of `k` in one part. It runs in the loop that was measured to be best for `key`,
    /// else in that of the recorder's target. `costly_rows` says that reading an element of `a` takes much longer than
    /// reading one of `b`.
    pub fn whole(recorder: &Recorder, key: String, [m, n, k]: [usize; 3], costly_rows: bool) -> Self {
        let mut kernel = recorder.target().micro_kernel;
        if costly_rows && kernel == MicroKernel::Broadcast64x16 {
            kernel = MicroKernel::Broadcast32x32;
        }
        let choice = ProductChoice { kernel, parts: 1 };
        Self { m, n, k, product: Product { key, choice, splits: false } }.tuned(recorder)
    }

    /// A product of `[m, n, k]` with `k` cut into as many parts as keep the adapter busy, or as were measured to be best.
    /// Their number depends only on the sizes, the target and the measured choice, so that sums have the same order in
    /// every run.
    pub fn split(recorder: &Recorder, key: String, [m, n, k]: [usize; 3]) -> Self {
        let kernel = recorder.target().micro_kernel;
        let [tile_m, tile_n] = kernel.tile();
        let tiles = m.div_ceil(tile_m) * n.div_ceil(tile_n);
        let parts = recorder.target().busy_workgroups.div_ceil(tiles);
        let choice = ProductChoice { kernel, parts };
        Self { m, n, k, product: Product { key, choice, splits: true } }.tuned(recorder)
    }

    fn tuned(mut self, recorder: &Recorder) -> Self {
        let Product { key, choice, splits } = &mut self.product;
        if let Some(measured) = recorder.graph().tuning().get(key) {
            let images = recorder.target().storage == Storage::Images;
            if images || measured.kernel.storage() == Storage::Buffers {
                choice.kernel = measured.kernel;
            }
            choice.parts = measured.parts;
        }
        if *splits {
            let least = self.k.div_ceil(LONGEST_PART).max(1);
            choice.parts = choice.parts.clamp(least, self.k.div_ceil(SHORTEST_PART).max(least));
        } else {
            choice.parts = 1;
        }
        self.product.choice.parts = self.k.div_ceil(self.part_k());
        self
    }

    /// Parts that the reduction is cut into.
    pub fn parts(&self) -> usize {
        self.product.choice.parts
    }

    /// Length of a part: a multiple of 16, the most that a micro-kernel takes of `k` at once.
    fn part_k(&self) -> usize {
        self.k.div_ceil(self.parts()).next_multiple_of(16)
    }

    /// Completes a dispatch of `flops` operations, whose source so far defines the operands, the result and the
    /// constants other than `M`, `N` and `K`, which the pattern declares.
    pub fn complete<'r, 'g>(&self, dispatch: DispatchBuilder<'r, 'g>, flops: u64) -> DispatchBuilder<'r, 'g> {
        let micro_kernel = self.product.choice.kernel;
        let [tile_m, tile_n] = micro_kernel.tile();
        let tiles_n = self.n.div_ceil(tile_n);
        let part_k = self.part_k();
        let trips = match micro_kernel {
            MicroKernel::Tile => 17 * part_k.div_ceil(16),
            _ => part_k.div_ceil(4),
        };
        let dispatch = dispatch.shared(wgsl!("product/block"));
        (micro_kernel.source().iter())
            .fold(dispatch, |dispatch, file| dispatch.source(*file))
            .size("M", self.m)
            .size("N", self.n)
            .size("K", self.k)
            .size("TILES_N", tiles_n)
            .size("PART_K", part_k)
            .workgroups(self.m.div_ceil(tile_m) * tiles_n, self.parts())
            .cost(flops, trips)
            .product(self.product.clone())
    }
}
