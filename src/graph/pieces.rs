//! Dispatches that would take a device too long at once, cut into pieces.

use super::Dispatch;
use crate::kernel::{Wgsl, wgsl};

/// The file that gives a workgroup its place in the grid, in a whole grid and in a piece of one.
const GRID: Wgsl = wgsl!("grid");
const GRID_PIECE: Wgsl = wgsl!("grid_piece");

impl Dispatch {
    /// The dispatch, cut into pieces of about `most_flops` operations at most, where it has as many workgroups. Each
    /// workgroup does what it would do in the whole, so that the results have the same bits. The pieces share a pipeline.
    /// A kernel with WGSL of another crate stays whole, since that need not ask where in the grid it is by
    /// `linear_workgroup`.
    pub(super) fn pieces(self, most_flops: u64) -> Vec<Self> {
        let [x, y, z] = self.kernel.grid;
        // Whole rows of a folded grid, so that no workgroup is in two pieces.
        let (units, unit) = if y > 1 { (y, x) } else { (x, 1) };
        let count = self.kernel.flops.div_ceil(most_flops.max(1)).min(u64::from(units));
        let file = self.kernel.source.iter().position(|file| *file == GRID);
        let is_cut = count > 1 && self.kernel.may_run_unchecked();
        let (Some(file), true) = (file, is_cut) else { return vec![self] };
        let units_of_piece = u64::from(units).div_ceil(count) as u32;
        let firsts = (0..units).step_by(units_of_piece as usize);
        let count = firsts.len();
        let piece = |(number, first): (usize, u32)| {
            let len = units_of_piece.min(units - first);
            let mut piece = self.clone();
            piece.name = format!("{}, piece {} of {count}", self.name, number + 1);
            piece.kernel.source[file] = GRID_PIECE;
            piece.kernel.numbers.push(("FIRST_WORKGROUP", f64::from(first) * f64::from(unit)));
            piece.kernel.grid = if y > 1 { [x, len, z] } else { [len, y, z] };
            // In f64, since the product may pass 64 bits; the count is an estimate anyway.
            piece.kernel.flops = (self.kernel.flops as f64 * f64::from(len) / f64::from(units)) as u64;
            piece
        };
        firsts.enumerate().map(piece).collect()
    }
}
