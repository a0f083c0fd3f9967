//! The part of a picture that has the proportions of a network's input.

use super::orientation::Orientation;
use super::resize::Axis;

/// The part of a picture that is kept. Rows and columns are those of the file, before the picture is turned.
pub struct Cut {
    /// The first row and column, `[y, x]`.
    start: [usize; 2],
    /// The size of the part, `[h, w]`.
    pub len: [usize; 2],
    /// The size that the part is resized to, `[h, w]`.
    pub to: [usize; 2],
}

impl Cut {
    /// The largest part about the centre that has the proportions of `[h, w]` when the picture is turned.
    pub fn new(size: [usize; 2], orientation: Orientation, [h, w]: [usize; 2]) -> Self {
        let [ph, pw] = Orientation::sides(size, orientation.transposes);
        let rounded = |a: usize, b: usize| ((a as u64 + b as u64 / 2) / b as u64).max(1) as usize;
        let [ch, cw] = if pw * h > ph * w { [ph, rounded(ph * w, h)] } else { [rounded(pw * h, w), pw] };
        let [y, x] = [(ph - ch) / 2, (pw - cw) / 2];
        let corners = [[y, x], [y + ch - 1, x + cw - 1]].map(|corner| orientation.stored(size, corner));
        Self {
            start: [0, 1].map(|axis| corners[0][axis].min(corners[1][axis])),
            len: Orientation::sides([ch, cw], orientation.transposes),
            to: Orientation::sides([h, w], orientation.transposes),
        }
    }

    /// One axis of the part (0 for rows, 1 for columns) in the picture at its size divided by `reduction`.
    pub fn axis(&self, axis: usize, reduction: usize) -> Axis {
        let (start, len) = (self.start[axis], self.len[axis]);
        Axis {
            start: start / reduction,
            len: (start + len).div_ceil(reduction) - start / reduction,
            offset: (start % reduction) as f32 / reduction as f32,
            part: len as f32 / reduction as f32,
            to: self.to[axis],
        }
    }
}
