//! The 36 products of Winograd's algorithm, one for each place of a tile.

use super::winograd::PLACES;
use crate::graph::{DispatchBuilder, Product, Recorder, Target};
use crate::kernel::{Wgsl, operations, wgsl};
use crate::ops::matrix_product::MatrixProduct;

/// Tiles of a block in memory: see `shaders/winograd/tiles.wgsl`.
const BLOCK: usize = 32;

/// Rows of any micro-kernel's tile divide this.
const ROWS_UNIT: usize = 128;

/// Channels in memory are a multiple of this.
const CHANNELS_UNIT: usize = 8;

/// Columns of the transformed weights in memory, and of the products' tiles in `winograd/lanes`, are a multiple of this.
const COLUMNS_UNIT: usize = 32;

/// Floats of transformed tiles in memory.
pub(super) fn floats_of_tiles(tiles: usize, channels: usize) -> usize {
    PLACES * tiles * channels.next_multiple_of(CHANNELS_UNIT)
}

/// Floats of the transformed weights from `k` to `columns` channels in memory.
pub(super) fn floats_of_weights(k: usize, columns: usize) -> usize {
    PLACES * columns.next_multiple_of(COLUMNS_UNIT) * k.next_multiple_of(CHANNELS_UNIT)
}

/// Rows of transformed weights in memory.
pub(super) fn rows_of_weights(k: usize) -> usize {
    k.next_multiple_of(CHANNELS_UNIT)
}

/// Tiles in memory of a part of the batch with so many.
pub(super) fn tiles_in_memory(target: Target, tiles: usize) -> usize {
    tiles.next_multiple_of(tiles_unit(target))
}

fn tiles_unit(target: Target) -> usize {
    if lanes(target).is_some() { BLOCK } else { ROWS_UNIT }
}

/// Images whose tiles fill whole blocks in memory, the fewest.
pub(super) fn images_of_blocks(target: Target, tiles_of_image: usize) -> usize {
    // The unit is a power of two.
    tiles_unit(target) >> tiles_of_image.trailing_zeros().min(tiles_unit(target).trailing_zeros())
}

/// The file with the lanes of a subgroup, where its lanes share operands: see `shaders/winograd/lanes.wgsl`.
fn lanes(target: Target) -> Option<(usize, Wgsl)> {
    match target.micro_kernel.lanes() {
        Some(8) => Some((8, wgsl!("winograd/lanes_8"))),
        Some(16) => Some((16, wgsl!("winograd/lanes_16"))),
        _ => None,
    }
}

/// The products of tiles and transformed weights, or those of tiles and tiles.
pub(super) struct TileProduct {
    product: MatrixProduct,
    lanes: Option<(usize, Wgsl)>,
}

impl TileProduct {
    /// Products of `[rows, columns, k]` for each place.
    pub(super) fn new(recorder: &Recorder, key: String, [rows, columns, k]: [usize; 3]) -> Self {
        let sizes = [PLACES * rows, columns, k];
        Self { product: MatrixProduct::of_tiles(recorder, key, sizes), lanes: lanes(recorder.target()) }
    }

    /// What it is, for all dispatches of the convolution.
    pub(super) fn described(&self) -> Product {
        self.product.described()
    }

    /// Whether a tile of the micro-kernel has one place, with so many rows of each.
    pub(super) fn suits(&self, rows: usize) -> bool {
        self.lanes.is_some() || rows.is_multiple_of(self.product.kernel().tile()[0])
    }

    /// Completes a dispatch that multiplies tiles by transformed weights: so many tiles of `k` channels, to `columns`.
    pub(super) fn complete<'r, 'g>(
        &self,
        dispatch: DispatchBuilder<'r, 'g>,
        [tiles, columns, k]: [usize; 3],
    ) -> DispatchBuilder<'r, 'g> {
        let flops = operations([2, PLACES, tiles, columns, k]);
        let Some(lanes) = self.lanes else {
            let dispatch = dispatch.source(wgsl!("winograd/product")).number("TILES", tiles);
            return self.product.complete(dispatch, flops);
        };
        let dispatch = dispatch.source(wgsl!("winograd/product_of_lanes")).number("BLOCKS", tiles / BLOCK);
        self.complete_lanes(dispatch.number("N", columns), lanes, [tiles, columns, rows_of_weights(k)]).cost(flops, k)
    }

    /// Completes a dispatch that multiplies tiles of x by those of dy and adds up over `tiles` of them: `[channels, columns]`,
    /// stored from float `first` on. `rows` are the channels where each place is to have so many.
    pub(super) fn complete_dw<'r, 'g>(
        &self,
        dispatch: DispatchBuilder<'r, 'g>,
        [channels, columns, tiles]: [usize; 3],
        rows: usize,
        first: usize,
    ) -> DispatchBuilder<'r, 'g> {
        let flops = operations([2, PLACES, channels, columns, tiles]);
        let dispatch = dispatch.number("CIN", channels).number("FIRST", first);
        let Some(lanes) = self.lanes else {
            let dispatch = dispatch.source(wgsl!("winograd/dw_product")).number("PLACE_ROWS", rows);
            return self.product.complete(dispatch, flops);
        };
        let dispatch = dispatch.source(wgsl!("winograd/dw_of_lanes")).number("N", columns);
        self.complete_lanes(dispatch, lanes, [channels, columns, tiles]).cost(flops, tiles)
    }

    fn complete_lanes<'r, 'g>(
        &self,
        dispatch: DispatchBuilder<'r, 'g>,
        (lanes, file): (usize, Wgsl),
        [rows, columns, length]: [usize; 3],
    ) -> DispatchBuilder<'r, 'g> {
        let [rows, columns] = [rows.div_ceil(4 * lanes), columns.div_ceil(COLUMNS_UNIT)];
        dispatch
            .shared(file)
            .source(wgsl!("winograd/lanes"))
            .number("ROW_TILES", rows)
            .number("COLUMN_TILES", columns)
            .number("LENGTH", length)
            .workgroups(PLACES * rows * columns, 1)
            .product(self.described())
    }
}
