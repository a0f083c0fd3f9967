//! The loops of `product/windows`, for gradients of kernels of 3 x 3.

use super::Conv2d;
use crate::kernel::{MicroKernel, Wgsl, wgsl};

/// What a trip of the loop takes.
#[derive(Clone, Copy)]
pub(super) struct Trip {
    /// Lines of four pixels of `dy`.
    pub(super) lines: usize,
    /// The WGSL that says what is done with them, and how many they are.
    pub(super) sources: [Wgsl; 2],
    /// Whether it looks for the one pixel of a window of max pooling that has a gradient.
    pub(super) finds_maxima: bool,
}

impl Trip {
    /// That of a convolution in a micro-kernel that takes windows. If `pooled`, `dy` has the gradients of windows of max
    /// pooling: a value for each of them beside its place if `placed`, else all pixels.
    pub(super) fn new(conv2d: &Conv2d, kernel: MicroKernel, pooled: bool, placed: bool) -> Self {
        let lines = conv2d.computed_size(pooled)[0];
        let [two, four] = [wgsl!("product/windows_of_2_lines"), wgsl!("product/windows_of_4_lines")];
        let pixels = wgsl!("product/windows_of_pixels");
        let eight_lanes = kernel.lanes() == Some(8);
        if pooled && kernel.shuffles_pixels() {
            let takes_four = saves_time(lines, 0.86);
            let sources = [wgsl!("product/windows_of_maxima"), if takes_four { four } else { two }];
            return Self { lines: if takes_four { 4 } else { 2 }, sources, finds_maxima: true };
        }
        if eight_lanes && !placed && saves_time(lines, 0.63) {
            return Self { lines: 4, sources: [wgsl!("product/windows_of_tiles"), four], finds_maxima: false };
        }
        Self { lines: 2, sources: [pixels, two], finds_maxima: false }
    }
}

/// Whether a loop that takes four lines at once is faster for `lines` lines than one that takes two, where it takes `time` as
/// long for each: where an image ends within the four, more of that is spent on pixels that do not exist. Measured with
/// ResNet-20 on one core: 2.95 ms in a plain loop over four lines, which took 0.86 of the time of two, and 2.16 ms in tiles.
fn saves_time(lines: usize, time: f64) -> bool {
    time * (lines.next_multiple_of(4) as f64) < lines.next_multiple_of(2) as f64
}
