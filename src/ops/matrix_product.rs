//! The matrix product behind convolution and dense layers: an access pattern joined to a micro-kernel.

use super::micro_kernels::{Rows, rule};
use super::tile_rule::SHORTEST_PART;
use crate::graph::{Algorithm, DispatchBuilder, Product, ProductChoice, Recorder, Target};
use crate::kernel::{MicroKernel, Storage, wgsl};

/// Longest part of a reduction: half of the loop iterations that a plan allows.
const LONGEST_PART: usize = 32_768;

/// Bytes of both operands that a part of a reduction reads over windows, where each tile reads all of them: a core's cache
/// should keep them from one tile to the next. Measured on a Xeon whose second-level caches have 2 MB.
const CACHED_BYTES: usize = 1 << 20;

/// `c[m, n] = sum over k of a[m, k] b[k, n]`, the sum cut into parts of equal length.
#[derive(Clone, Debug)]
pub struct MatrixProduct {
    product: Product,
    rows: Rows,
    at_run_time: bool,
}

/// Parts of the reduction of a product that runs in `kernel`, where they were not measured.
fn parts(product: &Product, kernel: MicroKernel, target: Target) -> usize {
    let parts = product.parts_for(kernel, target.busy_workgroups);
    if !product.splits || !kernel.takes_windows() {
        return parts;
    }
    // Nine taps share the channels of a pixel of x.
    let [m, n, k] = product.sizes;
    let bytes = k * (m / 9 + n) * size_of::<f32>();
    // All parts together take no more memory than the operands.
    let most = (bytes / (m * n * size_of::<f32>())).max(1);
    parts.max(bytes.div_ceil(CACHED_BYTES).min(most))
}

impl MatrixProduct {
    /// A product of `[m, n, k]` with all of `k` in one part. It runs in the loop that was measured to be best for `key`,
    /// else in that of the recorder's target.
    pub fn whole(recorder: &Recorder, key: String, sizes: [usize; 3], rows: Rows) -> Self {
        Self::by_rule(recorder, key, sizes, rows, false).tuned(recorder)
    }

    /// [`Self::whole`] for the products of all elements of transformed tiles. Its kernel reads the sizes at run time.
    pub fn of_tiles(recorder: &Recorder, key: String, sizes: [usize; 3]) -> Self {
        let mut tiles = Self::by_rule(recorder, key, sizes, Rows::default(), false);
        tiles.product.choice.algorithm = Algorithm::Winograd;
        tiles.tuned(recorder).at_run_time(true)
    }

    /// A product of `[m, n, k]` with `k` cut into as many parts as keep the adapter busy, or as were measured to be best.
    /// Their number depends only on the sizes, the target and the measured choice, so that sums have the same order in
    /// every run.
    pub fn split(recorder: &Recorder, key: String, sizes: [usize; 3], rows: Rows) -> Self {
        Self::by_rule(recorder, key, sizes, rows, true).tuned(recorder)
    }

    fn by_rule(recorder: &Recorder, key: String, sizes: [usize; 3], rows: Rows, splits: bool) -> Self {
        let target = recorder.target();
        let mut product = Product { key, choice: ProductChoice::of(target.micro_kernel, 1), splits, sizes };
        product.choice.kernel = rule(target, &product, rows);
        product.choice.parts = parts(&product, product.choice.kernel, target);
        Self { product, rows, at_run_time: false }
    }

    fn tuned(mut self, recorder: &Recorder) -> Self {
        let rows = self.rows;
        let tuning = recorder.graph().tuning();
        let images = recorder.target().storage == Storage::Images;
        let runs = |kernel: MicroKernel| images || kernel.storage() == Storage::Buffers;
        let algorithm = self.product.choice.algorithm;
        let own = |choice: &ProductChoice| choice.algorithm == algorithm;
        let sizes = self.product.sizes;
        if let Some(measured) = tuning.get(&self.product.key).filter(own) {
            if runs(measured.kernel) {
                self.product.choice.kernel = rows.suited(measured.kernel, sizes);
            }
            self.product.choice.parts = measured.parts;
        } else if let Some(other) =
            tuning.carried_over(&self.product.key).filter(own).filter(|other| runs(other.kernel))
        {
            let kernel = rows.suited(other.kernel, sizes);
            let parts = parts(&self.product, kernel, recorder.target());
            self.product.choice = ProductChoice { kernel, parts, algorithm };
        }
        let Product { choice, splits, sizes: [_, _, k], .. } = &mut self.product;
        if *splits {
            let least = k.div_ceil(LONGEST_PART).max(1);
            choice.parts = choice.parts.clamp(least, k.div_ceil(SHORTEST_PART).max(least));
        } else {
            choice.parts = 1;
        }
        self.product.choice.parts = self.k().div_ceil(self.part_k());
        self
    }

    /// What it is, for the other dispatches of the same convolution.
    pub fn described(&self) -> Product {
        self.product.clone()
    }

    /// The loop that it runs in.
    pub fn kernel(&self) -> MicroKernel {
        self.product.choice.kernel
    }

    /// Says whether its kernel reads the sizes at run time.
    pub fn at_run_time(self, at_run_time: bool) -> Self {
        Self { at_run_time, ..self }
    }

    /// Parts that the reduction is cut into.
    pub fn parts(&self) -> usize {
        self.product.choice.parts
    }

    /// Length of a part: a multiple of 16, the most that a micro-kernel takes of `k` at once.
    fn part_k(&self) -> usize {
        self.k().div_ceil(self.parts()).next_multiple_of(16)
    }

    /// Workgroups of a part.
    fn tiles(&self) -> usize {
        let kernel = self.kernel();
        let [m, n, _] = self.product.sizes;
        let (line, rows_of_a_lane) = match kernel.rows_of_a_line() {
            Some(rows) => (self.rows.line, rows),
            None if kernel.holds_pixels() => (self.rows.pixels, 4),
            None => return kernel.tiles([m, n]),
        };
        kernel.tiles([m / line * line.next_multiple_of(rows_of_a_lane), n])
    }

    /// Images whose lines of one height follow each other: as many as a subgroup makes lines, if they divide the batch.
    fn images_of_a_block(&self) -> usize {
        let (kernel, Rows { line, lines, .. }) = (self.kernel(), self.rows);
        let rows = kernel.rows_of_a_line().unwrap_or(1);
        let wanted = kernel.tile()[0].div_ceil(line.next_multiple_of(rows)).next_power_of_two();
        let images = self.product.sizes[0] / (line * lines);
        wanted.min(1 << images.trailing_zeros())
    }

    fn k(&self) -> usize {
        self.product.sizes[2]
    }

    /// Says that a workgroup reaches only its own row of what is bound at `bindings`, if that is so.
    pub fn by_rows<'r, 'g>(&self, dispatch: DispatchBuilder<'r, 'g>, bindings: &[u32]) -> DispatchBuilder<'r, 'g> {
        match self.kernel() {
            MicroKernel::Row1x2048 => dispatch.by_rows(self.product.sizes[0], bindings),
            _ => dispatch,
        }
    }

    /// Completes a dispatch of `flops` operations, whose source so far defines the operands, the result and the
    /// constants other than `M`, `N` and `K`, which the pattern declares.
    pub fn complete<'r, 'g>(&self, dispatch: DispatchBuilder<'r, 'g>, flops: u64) -> DispatchBuilder<'r, 'g> {
        let micro_kernel = self.product.choice.kernel;
        let [m, n, k] = self.product.sizes;
        let tiles_n = n.div_ceil(micro_kernel.tile()[1]);
        let part_k = self.part_k();
        let trips = match micro_kernel {
            MicroKernel::Split16x16 => part_k.div_ceil(64) + 20,
            MicroKernel::Row1x2048 => part_k.div_ceil(4 * (256 / across(n))) + 260,
            // Loops over what an invocation holds in arrays are unrolled.
            _ if micro_kernel.is_for_gpus() => 13 * (part_k.div_ceil(16) + 1),
            // This is an upper bound, since a trip takes at least one pixel.
            _ if micro_kernel.takes_windows() => part_k,
            _ => part_k.div_ceil(4),
        };
        let dispatch = match micro_kernel {
            _ if micro_kernel.takes_windows() => dispatch,
            _ if micro_kernel.rows_of_a_line().is_some() => {
                let Rows { line, lines, .. } = self.rows;
                dispatch.size("LINE", line).size("LINES", lines).size("IMAGES", self.images_of_a_block())
            }
            _ if micro_kernel.holds_pixels() => dispatch.size("LINE", self.rows.pixels),
            _ => dispatch.shared(wgsl!("product/block")).size_or_number("PART_K", part_k, self.at_run_time),
        };
        let dispatch = match micro_kernel {
            MicroKernel::Row1x2048 => dispatch.size("ACROSS", across(n)),
            _ => dispatch,
        };
        let dispatch = (micro_kernel.source().iter()).fold(dispatch, |dispatch, file| dispatch.source(*file));
        let sizes = [("M", m), ("N", n), ("K", k), ("TILES_N", tiles_n)];
        (sizes.into_iter())
            .fold(dispatch, |dispatch, (name, size)| dispatch.size_or_number(name, size, self.at_run_time))
            .workgroups(self.tiles(), self.parts())
            .cost(flops, trips)
            .joinable(micro_kernel.invocations().unwrap_or(0))
            .product(self.product.clone())
    }
}

/// Fours of columns that a group of invocations of [`MicroKernel::Row1x2048`] makes at once.
fn across(n: usize) -> usize {
    n.div_ceil(4).next_power_of_two().clamp(1, 256)
}
