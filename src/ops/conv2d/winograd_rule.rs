//! Where Winograd's algorithm runs without having been measured.

use super::winograd::{PLACES, Tiled};
use crate::graph::{Target, Winograd};
use crate::kernel::{Storage, operations};

/// Fewest channels of the input and of the output for which the rule chooses it.
const LEAST_CHANNELS: usize = 64;

/// Time on llvmpipe, in that of a multiply-add of the direct convolution, 0.038 ns of a core: of a multiply-add of the
/// products, of one element of a transformed tile or product, and of one of the transformed weights, which are mostly stores.
/// Fitted to 256 x 256 channels at 7 x 7 pixels of 50 and 150 images and 64 x 256 at 14 x 14 of 30 images, in processor time at 8
/// lanes on a Xeon, 27 November 2026; `LP_NUM_THREADS=1 cargo bench --bench dispatch -- 150 models/airbench.toml` times them.
const PRODUCT_TIME: f64 = 1.15;
const ELEMENT_TIME: f64 = 55.0;
const WEIGHT_TIME: f64 = 140.0;

/// Gain over the direct convolution by this estimate from which on the rule chooses it.
const LEAST_GAIN: f64 = 1.28;

impl Tiled {
    /// Whether it is known to be faster than the direct convolution.
    fn is_faster(&self, target: Target) -> bool {
        let is_software = target.micro_kernel.lanes().is_some() && target.storage == Storage::Images;
        let ([_, _, _, c], [n, h, w, filters]) = (self.input, self.output);
        // Tiles that reach past the image, or fill up a part, are computed in vain.
        let parts = n.div_ceil(self.images_of_part(target));
        let tiles = operations([parts, self.tiles_of_part(target), PLACES]) as f64;
        let (both, either) = (operations([c, filters]) as f64, (c + filters) as f64);
        let time = tiles * (PRODUCT_TIME * both + ELEMENT_TIME * either) + WEIGHT_TIME * PLACES as f64 * both;
        // Where lines of pixels end within fours, the direct convolution computes some in vain too.
        let direct = operations([n, h, w.next_multiple_of(4), 9, c, filters]) as f64;
        is_software && c.min(filters) >= LEAST_CHANNELS && direct >= LEAST_GAIN * time
    }

    /// Whether it runs by the algorithm where nothing was measured.
    pub(super) fn runs_by_rule(&self, target: Target) -> bool {
        match target.winograd {
            Winograd::Never => false,
            Winograd::Always => true,
            Winograd::WhereFaster => self.is_faster(target),
        }
    }
}
