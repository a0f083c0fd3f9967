//! Which micro-kernel computes a matrix product, where none was measured.

use super::tile_rule::{suits_rows, tile};
use crate::graph::{Product, Target};
use crate::kernel::MicroKernel;

/// Time of a multiply-add in a loop that shares loaded pixels between the columns of a kernel, in that of one in a plain loop:
/// forward, and in gradients of inputs, where plain loops find it costly to read a row. Measured on one core of a Xeon with
/// llvmpipe and 8 lanes, with the tutorial's network at 32 images: 0.80 for its third convolution (0.83 against 1.04 ms), and
/// 0.53 to 0.60 for the two gradients, by the pairs of a cell and a tap that each loop computes (2.22 against 1.62 ms, and 4.89
/// against 5.16 ms). Since then a lane that makes eight rows takes F(4, 3), which is 5 % faster: of the two gradients the second
/// took 2.38 ms on two cores in lines, and 2.61 ms in a plain loop.
const LINES_TIME: [f64; 2] = [0.76, 0.57];

/// Multiply-adds that take as long as packing the weights for such a loop: for each weight, and for the dispatch. There 36,864
/// weights took 125 us on two cores, 1,152 took 32 us, and a product made 45 multiply-adds in a nanosecond; since then a third
/// more is packed.
const PACKING_TIME: [f64; 2] = [150.0, 1.35e6];

/// Fewest `k` for such a loop, which takes twelve at once for each row of the kernel: with four channels, a pooled convolution
/// took 1.76 ms there, and 1.31 ms in a plain loop.
const LEAST_K: usize = 72;

/// What is known about the rows of `a`.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rows {
    /// Whether it takes much longer to read an element of `a` than one of `b`.
    pub costly: bool,
    /// Where `a` has the windows of a convolution whose kernel has three columns and whose stride is 1: rows that are
    /// neighbours in a line. Else 0.
    pub line: usize,
    /// Lines of an image then.
    pub lines: usize,
    /// The share of the multiply-adds that belong to no window, because the cell is at the border: plain loops skip them.
    pub skipped: f64,
    /// Where `a` has the windows of a convolution by a kernel of 3 x 3 of an image with at most four channels: rows that are
    /// neighbours in a line. Else 0.
    pub pixels: usize,
    /// Whether they are the nine taps of a convolution by a kernel of 3 x 3 with a stride of 1, each with all channels.
    pub nine_taps: bool,
    /// Whether each of them is an image of its own, as in a dense layer.
    pub are_images: bool,
}

impl Rows {
    /// `kernel`, or the one to run instead where it can't compute this product.
    pub(super) fn suited(self, kernel: MicroKernel, sizes: [usize; 3]) -> MicroKernel {
        let fits = match kernel {
            MicroKernel::Row1x2048 if self.are_images && suits_rows(sizes[1]) => true,
            MicroKernel::Row1x2048 => return MicroKernel::Split16x16,
            _ if kernel.rows_of_a_line().is_some() => self.line > 0,
            _ if kernel.takes_windows() => self.nine_taps,
            _ if kernel.holds_pixels() => self.pixels > 0,
            _ => true,
        };
        let family = FAMILIES.into_iter().find(|family| family.plain.lanes() == kernel.lanes());
        family.filter(|_| !fits).map_or(kernel, |family| family.for_any(self, sizes))
    }
}

/// Micro-kernels for subgroups of one size.
#[derive(Clone, Copy)]
struct Family {
    plain: MicroKernel,
    /// For at most 16 columns.
    narrow: MicroKernel,
    /// For rows of `a` that are costly to read: more columns for each of them.
    costly: MicroKernel,
    /// For convolutions whose kernel has three columns.
    lines: &'static [MicroKernel],
    /// For convolutions by a kernel of 3 x 3 of images with at most four channels.
    pixels: Option<MicroKernel>,
    /// For gradients of kernels of 3 x 3: with few columns, and with many.
    windows: [MicroKernel; 2],
}

const FAMILIES: [Family; 2] = [
    Family {
        plain: MicroKernel::Broadcast64x16,
        narrow: MicroKernel::Broadcast64x16,
        costly: MicroKernel::Broadcast32x32,
        lines: &[MicroKernel::Lines64x16, MicroKernel::Broadcast32x16],
        pixels: Some(MicroKernel::Pixels32x32),
        windows: [MicroKernel::Windows72x16, MicroKernel::Windows36x32],
    },
    Family {
        plain: MicroKernel::Broadcast64x32,
        narrow: MicroKernel::Broadcast128x16,
        costly: MicroKernel::Broadcast64x32,
        lines: &[MicroKernel::Taps64x16],
        pixels: None,
        windows: [MicroKernel::Windows144x16, MicroKernel::Windows72x32],
    },
];

impl Family {
    fn for_any(self, rows: Rows, [m, n, _]: [usize; 3]) -> MicroKernel {
        match n {
            _ if rows.costly => self.costly,
            ..=16 => self.narrow,
            // Few rows may fill only a part of a tile. For less than a quarter another pipeline is not worth its compilation.
            _ if 4 * self.costly.tiles([m, n]) <= 3 * self.plain.tiles([m, n]) => self.costly,
            _ => self.plain,
        }
    }

    /// The one for lines of that length, if an estimate says that it is faster than a plain loop: it skips nothing, the last
    /// lane of a line may make fewer rows than it could, and its weights must be packed.
    fn for_lines(self, rows: Rows, [m, n, k]: [usize; 3]) -> Option<MicroKernel> {
        if rows.line == 0 || k < LEAST_K {
            return None;
        }
        // A lane that makes eight rows takes a tenth less time for each of them than one that makes four.
        let cost = |kernel: &MicroKernel| {
            let made = |rows_of_a_lane| rows.line.next_multiple_of(rows_of_a_lane);
            kernel.rows_of_a_line().map(|rows| made(rows) * if rows > 4 { 9 } else { 10 })
        };
        let kernel = self.lines.iter().min_by_key(|kernel| cost(kernel)).copied()?;
        let made = m / rows.line * rows.line.next_multiple_of(kernel.rows_of_a_line()?);
        let [m, made, weights] = [m, made, n * k].map(|count| count as f64);
        let product = LINES_TIME[usize::from(rows.costly)] * made * weights;
        let packing = PACKING_TIME[0] * weights + PACKING_TIME[1];
        (product + packing < m * (1.0 - rows.skipped) * weights).then_some(kernel)
    }

    /// The one with fewer tiles; with as many the one with more columns, which loads less.
    fn for_nine_taps(self, sizes: [usize; 2]) -> MicroKernel {
        let [few, many] = self.windows;
        if few.tiles(sizes) < many.tiles(sizes) { few } else { many }
    }
}

/// The loop for a product, where none was measured.
pub(super) fn rule(target: Target, product: &Product, rows: Rows) -> MicroKernel {
    let sizes = product.sizes;
    if let Some(family) = FAMILIES.into_iter().find(|family| family.plain == target.micro_kernel) {
        return match family.pixels.filter(|_| rows.pixels > 0) {
            Some(pixels) => pixels,
            None if rows.nine_taps => family.for_nine_taps([sizes[0], sizes[1]]),
            None => family.for_lines(rows, sizes).unwrap_or_else(|| family.for_any(rows, sizes)),
        };
    }
    match target.micro_kernel {
        MicroKernel::Tile if target.by_size => tile(target, product, rows.are_images),
        kernel => rows.suited(kernel, sizes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ProductChoice;

    fn chosen(sizes: [usize; 3], rows: Rows) -> MicroKernel {
        let target = Target::new(MicroKernel::Broadcast64x16, 4);
        let choice = ProductChoice::of(target.micro_kernel, 1);
        rule(target, &Product { key: String::new(), choice, splits: false, sizes }, rows)
    }

    /// What was measured to be faster with 8 lanes: of the tutorial's network at 32 images, and of ResNet-20 at 128.
    #[test]
    fn lines_are_chosen_where_they_pay() {
        let lines = |line| Rows { line, ..Rows::default() };
        let dx = |line, skipped| Rows { costly: true, line, skipped, ..Rows::default() };
        for (sizes, rows, kernel) in [
            ([28_800, 32, 36], Rows { line: 60, pixels: 60, ..Rows::default() }, MicroKernel::Pixels32x32),
            ([4608, 64, 288], lines(24), MicroKernel::Lines64x16),
            // Packing the weights takes as long as the lines save.
            ([512, 64, 576], lines(4), MicroKernel::Broadcast64x16),
            // The windows that do not exist are more than what lines save.
            ([1152, 64, 576], dx(6, 1.0 - 16.0 / 36.0), MicroKernel::Broadcast32x32),
            ([7200, 32, 576], dx(15, 1.0 - 144.0 / 225.0), MicroKernel::Lines64x16),
            ([131_072, 16, 144], lines(32), MicroKernel::Lines64x16),
            ([131_072, 16, 144], dx(32, 1.0 - 94.0 * 94.0 / (96.0 * 96.0)), MicroKernel::Lines64x16),
            ([8192, 64, 576], dx(8, 1.0 - 22.0 * 22.0 / (24.0 * 24.0)), MicroKernel::Lines64x16),
            // Lines of 12 leave a third of the second lane unused if it makes eight.
            ([18_432, 64, 576], lines(12), MicroKernel::Broadcast32x16),
            // 32 rows fill half of a tile of 64.
            ([32, 64, 1024], Rows::default(), MicroKernel::Broadcast32x32),
            ([128, 64, 1024], Rows::default(), MicroKernel::Broadcast64x16),
        ] {
            assert_eq!(chosen(sizes, rows), kernel, "{sizes:?} {rows:?}");
        }
    }
}
