//! Winograd's algorithm F(4 x 4, 3 x 3), turned around, for the gradient of the weights: see `shaders/winograd/dw.wgsl`.

use super::Conv2d;
use super::winograd::PLACES;
use super::winograd_product::{TileProduct, floats_of_tiles};
use crate::graph::{Recorder, TensorId};
use crate::kernel::{operations, wgsl};

/// Rows of a place of a tile are a multiple of this.
const ROWS_UNIT: usize = 64;

/// Most floats of the sums of all parts of the batch.
const MOST_SUMS: u64 = 1 << 26;

/// Most tiles of a part, over which an invocation adds up in one loop: llvmpipe ends longer ones.
const MOST_TILES: usize = 1 << 16;

impl Conv2d {
    /// Records the gradient of the weights by the algorithm, as [`Conv2d::record_dw`] does directly. False where it does not run
    /// so, as with a bias, whose gradient it does not compute.
    pub(super) fn record_tiled_dw(
        &self,
        recorder: &mut Recorder,
        key: &str,
        [x, dy, dw]: [TensorId; 3],
        pooled: bool,
    ) -> bool {
        let (tiled, target) = (self.tiled_dw(pooled), recorder.target());
        let [n, oh, ow, filters] = tiled.output;
        let c = tiled.input[3];
        let images = tiled.images_of_part(target);
        let tiles = tiled.tiles_of_part(target);
        let (rows, parts) = (c.next_multiple_of(ROWS_UNIT), n.div_ceil(images));
        let sums = operations([parts, PLACES, c, filters]);
        if self.bias || sums > MOST_SUMS || tiles > MOST_TILES || !self.runs_tiled(recorder, key, &tiled) {
            return false;
        }
        let product = TileProduct::new(recorder, key.into(), [rows, filters, tiles]);
        if !product.suits(rows) {
            return false;
        }
        let name = recorder.graph().tensor(dw).name.clone();
        let transformed = |what: &str| format!("{name}, transformed {what}");
        let v = recorder.temporary(transformed("tiles"), [floats_of_tiles(tiles, c)]);
        let e = recorder.temporary(transformed("gradient"), [floats_of_tiles(tiles, filters)]);
        let s = recorder.temporary(transformed("sums"), [parts * PLACES * c * filters]);
        for (number, part) in tiled.parts(target, tiles).enumerate() {
            tiled.record_input(recorder, x, v, part, &product);
            let dispatch = recorder
                .dispatch(transformed("gradient"))
                .a(dy)
                .c(e)
                .storing_pairs()
                .shared(wgsl!("winograd/tiles"))
                .source(wgsl!("winograd/dy"));
            tiled.complete(dispatch.number("H", oh).number("W", ow), part, filters, &product).record();
            let dispatch = recorder.dispatch(transformed("sums")).a(v).b(e).c(s);
            let first = number * PLACES * c * filters;
            product.complete_dw(dispatch, [c, filters, tiles], rows, first).record();
        }
        recorder
            .dispatch(name)
            .a(s)
            .c(dw)
            .sweeping_over(1)
            .source(wgsl!("winograd/dw"))
            .number("CIN", c)
            .number("COUT", filters)
            .number("PARTS", parts)
            .workgroups((c * filters / 4).div_ceil(64), 1)
            .cost(operations([c, filters, PLACES * parts + 100]), PLACES * parts)
            .product(product.described())
            .record();
        true
    }
}
