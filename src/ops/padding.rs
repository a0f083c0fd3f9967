//! Windows along an axis, with or without a border: what convolutions and poolings have in common.

use serde::{Deserialize, Serialize};

use crate::graph::{GraphError, Inputs};

/// Largest window and stride: far above those in use, and small enough that shaders can count with them.
const MOST_CELLS: usize = 1 << 15;

/// The border that is added around the image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Padding {
    /// No border: windows stay inside the image.
    #[default]
    Valid,
    /// A border as wide as gives the output `ceil(size / stride)` pixels. As in Keras, an odd width has one more cell below
    /// and to the right. A convolution sees zeros there; pooling leaves these cells out.
    Same,
}

impl Padding {
    /// Number of windows of `window` cells, `stride` apart, along an axis of `size` cells; 0 where none fits.
    pub fn windows(self, size: usize, window: usize, stride: usize) -> usize {
        match self {
            Self::Valid if size < window => 0,
            Self::Valid => (size - window) / stride + 1,
            Self::Same => size.div_ceil(stride),
        }
    }

    /// Cells of the border before the first cell of that axis.
    pub fn before(self, size: usize, window: usize, stride: usize) -> usize {
        match self {
            Self::Valid => 0,
            Self::Same => {
                let covered = (self.windows(size, window, stride).saturating_sub(1)) * stride + window;
                covered.saturating_sub(size) / 2
            }
        }
    }
}

/// Whether windows of `window` cells, `stride` apart, are of a size that shaders can count with.
pub(super) fn check_windows(
    inputs: &Inputs<'_>,
    what: &str,
    window: [usize; 2],
    stride: [usize; 2],
) -> Result<(), GraphError> {
    for (what, sizes) in [(what, window), ("the stride", stride)] {
        inputs.positive(what, &sizes)?;
        if sizes.iter().any(|size| *size > MOST_CELLS) {
            return Err(inputs.refuse(format!("{what} {sizes:?} must be at most {MOST_CELLS}")));
        }
    }
    Ok(())
}
