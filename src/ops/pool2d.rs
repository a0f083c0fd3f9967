//! The geometry of poolings.

use crate::graph::{DispatchBuilder, GraphError, Inputs, Target};
use crate::kernel::{Storage, operations, wgsl};
use crate::ops::padding::{Padding, check_windows};

/// Windows over `[n, h, w, c]`; they may overlap or leave gaps. Cells of the border that padding adds do not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool2d {
    /// `[n, h, w, c]`
    pub input: [usize; 4],
    /// `[window_h, window_w]`
    pub window: [usize; 2],
    /// `[sy, sx]`
    pub stride: [usize; 2],
    /// The border that is added around the image.
    pub padding: Padding,
}

impl Pool2d {
    /// The whole image `[h, w]` of `input` `[n, h, w, c]` as one window.
    pub fn global(input: [usize; 4]) -> Self {
        let [_, h, w, _] = input;
        Self { input, window: [h, w], stride: [h, w], padding: Padding::Valid }
    }

    /// `[n, oh, ow, c]`; 0 where the window is larger than the image.
    pub fn output(&self) -> [usize; 4] {
        let [n, h, w, c] = self.input;
        let size = |size, axis: usize| self.padding.windows(size, self.window[axis], self.stride[axis]);
        [n, size(h, 0), size(w, 1), c]
    }

    /// Whether the windows fit the one input.
    pub(super) fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.count(1)?;
        inputs.shape(0, self.input)?;
        check_windows(inputs, "the window", self.window, self.stride)?;
        if self.output().contains(&0) {
            return Err(inputs.refuse(format!("a window of {:?} does not fit into {:?}", self.window, self.input)));
        }
        Ok(())
    }

    /// Whether some window reaches past the image.
    fn is_padded(&self) -> bool {
        let [_, h, w, _] = self.input;
        let [_, oh, ow, _] = self.output();
        let reaches_past = |size, windows, axis: usize| (windows - 1) * self.stride[axis] + self.window[axis] > size;
        reaches_past(h, oh, 0) || reaches_past(w, ow, 1)
    }

    /// Cells of a window.
    pub(super) fn cells(&self) -> usize {
        self.window[0] * self.window[1]
    }

    /// Most windows that a cell lies in.
    pub(super) fn windows(&self) -> usize {
        [0, 1].map(|axis| self.window[axis].div_ceil(self.stride[axis])).iter().product()
    }

    /// Adds everything but the source to a dispatch that computes `result` `[n, _, _, c]`, with `trips` loop iterations for
    /// each pixel.
    pub(super) fn geometry<'r, 'g>(
        &self,
        dispatch: DispatchBuilder<'r, 'g>,
        result: [usize; 4],
        trips: usize,
    ) -> DispatchBuilder<'r, 'g> {
        let [n, h, w, c] = self.input;
        let [_, oh, ow, _] = self.output();
        let before = |axis: usize| self.padding.before(self.input[1 + axis], self.window[axis], self.stride[axis]);
        let pixels = result[..3].iter().product::<usize>();
        let channels = c.next_multiple_of(4);
        // Windows that do not overlap read each cell once.
        let dispatch = if self.windows() == 1 { dispatch.sweeping() } else { dispatch };
        let (flops, quads) = (operations([pixels, c, trips]), pixels * channels / 4);
        let dispatch = dispatch
            .shared(wgsl!("pool2d/geometry"))
            .size("H", h)
            .size("W", w)
            .size("C", channels)
            .size("OH", oh)
            .size("OW", ow)
            .size("WINDOW_H", self.window[0])
            .size("WINDOW_W", self.window[1])
            .size("STRIDE_Y", self.stride[0])
            .size("STRIDE_X", self.stride[1])
            .size("BEFORE_Y", before(0))
            .size("BEFORE_X", before(1))
            .constant("PADDED", self.is_padded())
            .size("PIXELS", pixels);
        if !self.is_of_head(dispatch.target()) {
            let dispatch = dispatch.shared(wgsl!("pool2d/quad_of_invocation")).workgroups(quads.div_ceil(64), 1);
            return dispatch.cost(flops, trips);
        }
        (dispatch.shared(wgsl!("pool2d/image_of_workgroup")).size("IMAGES", n).workgroups(n, 1))
            .cost(flops, (quads / n).div_ceil(256) * trips.max(1))
            .joinable(256)
            .by_rows(n, &[0, 2, 3, 5])
    }

    /// Whether a workgroup computes an image: on a GPU, where it is one window, as in front of the last dense layers. These
    /// compute each image by itself too, so that a dispatch can do both.
    fn is_of_head(&self, target: Target) -> bool {
        target.storage == Storage::Buffers && self.window == self.input[1..3] && !self.is_padded()
    }
}
