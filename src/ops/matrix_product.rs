//! The matrix product behind convolution and dense layers: an access pattern joined to a micro-kernel.

use crate::graph::{DispatchBuilder, Target};
use crate::kernel::{MicroKernel, wgsl};

/// Longest part of a reduction: half of the loop iterations that the plan allows.
const LONGEST_PART: usize = 32_768;

/// `c[m, n] = sum over k of a[m, k] b[k, n]`, the sum cut into `parts` of equal length.
#[derive(Clone, Copy, Debug)]
pub struct MatrixProduct {
    pub m: usize,
    pub n: usize,
    pub k: usize,
    pub parts: usize,
}

impl MatrixProduct {
    /// All of `k` in one part.
    pub fn whole(m: usize, n: usize, k: usize) -> Self {
        Self { m, n, k, parts: 1 }
    }

    /// Cuts `k` so that the grid keeps the adapter busy, with at least 128 of it in a part. The number depends on
    /// nothing but the sizes and the target, so that sums have the same order in every run.
    pub fn split(m: usize, n: usize, k: usize, target: Target) -> Self {
        let [tile_m, tile_n] = target.micro_kernel.tile();
        let tiles = m.div_ceil(tile_m) * n.div_ceil(tile_n);
        let wanted = target.busy_workgroups.div_ceil(tiles).clamp(1, k.div_ceil(128)).max(k.div_ceil(LONGEST_PART));
        let mut product = Self { m, n, k, parts: wanted };
        product.parts = k.div_ceil(product.part_k());
        product
    }

    /// Length of a part: a multiple of the deepest slice a micro-kernel takes.
    fn part_k(&self) -> usize {
        self.k.div_ceil(self.parts).next_multiple_of(16)
    }

    /// Completes a dispatch of `flops` operations, whose source so far defines the operands, the result and the
    /// constants other than `M`, `N` and `K`, which the pattern declares.
    pub fn complete<'r, 'g>(
        &self,
        dispatch: DispatchBuilder<'r, 'g>,
        target: Target,
        flops: usize,
    ) -> DispatchBuilder<'r, 'g> {
        let micro_kernel = target.micro_kernel;
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
            .workgroups(self.m.div_ceil(tile_m) * tiles_n, self.parts)
            .cost(flops, trips)
    }
}
