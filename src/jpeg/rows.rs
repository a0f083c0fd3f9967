//! Rows of pixels, made as soon as the samples that they need are there.

use super::sampling::{Mixer, Plane};
use super::{Fault, Jpeg, dct};

/// The samples of a component, which blocks are transformed to.
pub(super) struct Blocks {
    plane: Plane,
    /// How many samples a block has on each side.
    side: usize,
    /// Where in `plane.rows` the current row of MCUs begins.
    start: usize,
}

impl Blocks {
    /// Begins the next row of MCUs, which has `blocks` rows of blocks.
    pub fn grow(&mut self, blocks: usize) {
        self.start = self.plane.grow(blocks * self.side);
    }

    /// Dequantizes and transforms the block at `[y, x]` of the current row of MCUs.
    #[inline]
    pub fn put(&mut self, [y, x]: [usize; 2], block: &[i16; 64], quantization: &[u16; 64]) {
        let mut coefficients = [0; 64];
        for ((to, &value), &factor) in coefficients.iter_mut().zip(block).zip(quantization) {
            *to = i32::from(value) * i32::from(factor);
        }
        let stride = self.plane.stride;
        let start = self.start + y * self.side * stride + x * self.side;
        dct::inverse(self.side, &coefficients, &mut self.plane.rows[start..], stride);
    }
}

/// Makes rows of pixels of the samples of all components.
pub(super) struct Rows {
    pub planes: Vec<Blocks>,
    mixer: Mixer,
    /// How many rows of MCUs there are.
    mcu_rows: usize,
    /// How many rows of pixels a row of MCUs makes.
    mcu_height: usize,
    /// How many rows of pixels the picture has.
    height: usize,
    /// How many rows were passed on.
    given: usize,
}

impl Rows {
    pub fn new(jpeg: &Jpeg, reduction: usize) -> Self {
        let finest = 8 / reduction;
        let most = jpeg.max_sampling();
        let planes = jpeg.components.iter().map(|component| {
            // As in libjpeg, a subsampled component is reduced less instead of being interpolated afterwards.
            let mut side = finest;
            while side < 8
                && [0, 1].iter().all(|&axis| (most[axis] * finest).is_multiple_of(component.sampling[axis] * side * 2))
            {
                side *= 2;
            }
            let size = [0, 1].map(|axis| (jpeg.size[axis] * component.sampling[axis] * side).div_ceil(most[axis] * 8));
            let pixels = [0, 1].map(|axis| most[axis] * finest / (component.sampling[axis] * side));
            Blocks { plane: Plane::new(size, component.row_blocks * side, pixels, finest == 1), side, start: 0 }
        });
        let [height, width] = jpeg.size.map(|side| side.div_ceil(reduction));
        Self {
            planes: planes.collect(),
            mixer: Mixer::new(jpeg.colours, width),
            mcu_rows: jpeg.mcus()[0],
            mcu_height: finest * most[0],
            height,
            given: 0,
        }
    }

    /// Passes on the rows that can be made once row `mcu_row` of MCUs is there.
    pub fn give<E: From<Fault>>(
        &mut self,
        mcu_row: usize,
        row: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut end = (mcu_row + 1) * self.mcu_height;
        if mcu_row + 1 == self.mcu_rows {
            end = self.height;
        } else if self.planes.iter().any(|blocks| blocks.plane.looks_ahead()) {
            end -= 1;
        }
        for y in self.given..end {
            row(self.mixer.row(self.planes.iter().map(|blocks| &blocks.plane), y))?;
        }
        self.given = end;
        self.planes.iter_mut().for_each(|blocks| blocks.plane.forget(end));
        Ok(())
    }
}
