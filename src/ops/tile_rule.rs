//! Which loop computes a matrix product on a GPU, where none was measured.

use crate::graph::{Product, Target};
use crate::kernel::MicroKernel;

/// Shortest part of a reduction.
pub(super) const SHORTEST_PART: usize = 128;

/// Most multiply-adds of a dense layer whose rows are computed by a workgroup each: all of them read all weights.
const MOST_OF_ROWS: usize = 1 << 23;

/// The loop for `product`. If its rows are those of a dense layer, each is an image of its own.
pub(super) fn tile(target: Target, product: &Product, is_dense: bool) -> MicroKernel {
    let [m, n, k] = product.sizes;
    if is_dense && suits_rows(n) && m.saturating_mul(n).saturating_mul(k) <= MOST_OF_ROWS {
        return MicroKernel::Row1x2048;
    }
    let tile = match n {
        ..=16 => MicroKernel::Tile64x16,
        17..=32 => MicroKernel::Tile64x32,
        _ => MicroKernel::Tile,
    };
    let large = [MicroKernel::Tile128x128, MicroKernel::Tile128x64];
    let mut large = large.into_iter().filter(|kernel| *kernel != MicroKernel::Tile128x128 || target.many_registers);
    let fits = |kernel: &MicroKernel| n >= kernel.tile()[1] && kernel.tiles([m, n]) >= target.busy_workgroups;
    let split = MicroKernel::Split16x16;
    match large.find(fits) {
        Some(large) => large,
        None if 2 * tile.tiles([m, n]) >= target.busy_workgroups => tile,
        None if product.splits && rounds(target, product, tile) <= rounds(target, product, split) => tile,
        None => split,
    }
}

/// Whether rows of `n` columns are short enough for a workgroup.
pub(super) fn suits_rows(n: usize) -> bool {
    n <= MicroKernel::Row1x2048.tile()[1]
}

/// How long a GPU is busy with a product in `kernel`, counted in rounds of its loop. A round takes a slice of 16 k in a
/// tile, and 64 k in `split16x16`; it lasts about as long in either: a tile of 64 x 64 computes four times as much in it, and
/// `split16x16` waits for its operands.
fn rounds(target: Target, product: &Product, kernel: MicroKernel) -> f64 {
    let [m, n, k] = product.sizes;
    let parts = product.parts_for(kernel, target.busy_workgroups).clamp(1, k.div_ceil(SHORTEST_PART));
    let of_a_round = if kernel == MicroKernel::Split16x16 { 64 } else { 16 };
    let rounds = k.div_ceil(parts).div_ceil(of_a_round);
    let share = (kernel.tiles([m, n]) * parts) as f64 / target.busy_workgroups as f64;
    rounds as f64 * share.max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ProductChoice;

    /// Sums that are cut into parts need no small tiles to keep a GPU busy, unless there would be too many parts.
    #[test]
    fn long_sums_in_parts_run_in_tiles() {
        let target = Target { by_size: true, ..Target::new(MicroKernel::Tile, 256) };
        let kernel = |sizes: [usize; 3], splits: bool, is_dense: bool| {
            let product =
                Product { key: String::new(), choice: ProductChoice::of(MicroKernel::Tile, 1), splits, sizes };
            tile(target, &product, is_dense)
        };
        for (sizes, expected) in [
            // Gradients of weights: in the tutorial, and in ResNet-20 with 128 images.
            ([292, 64, 4_608], MicroKernel::Tile),
            ([580, 64, 512], MicroKernel::Split16x16),
            ([40, 32, 28_800], MicroKernel::Split16x16),
            ([576, 64, 8_192], MicroKernel::Tile),
            ([288, 32, 32_768], MicroKernel::Tile64x32),
            ([144, 16, 131_072], MicroKernel::Split16x16),
        ] {
            assert_eq!(kernel(sizes, true, false), expected, "{sizes:?}");
        }
        assert_eq!(kernel([4_608, 64, 288], false, false), MicroKernel::Split16x16);
        assert_eq!(kernel([32, 64, 1_024], false, true), MicroKernel::Row1x2048);
        assert_eq!(kernel([512, 64, 1_024], false, true), MicroKernel::Split16x16);
    }
}
