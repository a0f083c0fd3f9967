//! An image moved in a frame: a border of zeros, or a part of an image, with another width on each side.

use crate::graph::{Graph, GraphError, Inputs, Operation, Recorder, Sink, TensorId};
use crate::kernel::wgsl;
use crate::shape::Shape;

/// Farthest move and largest frame, so that shaders can count with them.
const FARTHEST: usize = 1 << 30;

/// A frame around a part of `[n, h, w, c]`, or around more than that: its first pixel is the pixel `first` of the image, and
/// what lies outside the image is 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame2d {
    /// `[n, h, w, c]`
    pub input: [usize; 4],
    /// `[y, x]` of the pixel of the image that comes first in the frame; less than 0 before the image.
    pub first: [i64; 2],
    /// `[h, w]` of the frame.
    pub size: [usize; 2],
}

/// A size as a signed number; too large a one is larger than any that is allowed.
fn signed(size: usize) -> i64 {
    i64::try_from(size).unwrap_or(i64::MAX)
}

impl Graph {
    /// Adds zeros around `x` `[n, h, w, c]`, by `padding` `[[top, bottom], [left, right]]`:
    /// `[n, top + h + bottom, left + w + right, c]`.
    ///
    /// # Errors
    /// A tensor that is no image, or a border that is too large.
    pub fn zero_padding2d(
        &mut self,
        name: &str,
        padding: [[usize; 2]; 2],
        x: TensorId,
    ) -> Result<TensorId, GraphError> {
        let input = self.inputs(name, &[x])?.image(0)?;
        let size =
            [0, 1].map(|axis| padding[axis].iter().fold(input[1 + axis], |sum, border| sum.saturating_add(*border)));
        let first = padding.map(|[before, _]| -signed(before));
        self.add_own_node(name, Frame2d { input, first, size }, &[x])
    }

    /// Removes the border of `x` `[n, h, w, c]`, by `cropping` `[[top, bottom], [left, right]]`:
    /// `[n, h - top - bottom, w - left - right, c]`.
    ///
    /// # Errors
    /// A tensor that is no image, or a border that leaves nothing of it.
    pub fn cropping2d(&mut self, name: &str, cropping: [[usize; 2]; 2], x: TensorId) -> Result<TensorId, GraphError> {
        let input = self.inputs(name, &[x])?.image(0)?;
        let size =
            [0, 1].map(|axis| cropping[axis].iter().fold(input[1 + axis], |rest, border| rest.saturating_sub(*border)));
        let first = cropping.map(|[before, _]| signed(before));
        self.add_own_node(name, Frame2d { input, first, size }, &[x])
    }
}

impl Frame2d {
    fn output(&self) -> [usize; 4] {
        let ([n, _, _, c], [h, w]) = (self.input, self.size);
        [n, h, w, c]
    }

    /// Records `to`, whose first pixel is the pixel `[y, x]` of `from`; what lies outside `from` is 0.
    fn record(recorder: &mut Recorder, from: TensorId, to: TensorId, [y, x]: [i64; 2]) {
        let tensor = recorder.graph().tensor(to);
        let (name, shape) = (tensor.name.clone(), tensor.shape.clone());
        let source = recorder.graph().tensor(from).shape.clone();
        recorder
            .dispatch(name)
            .a(from)
            .c(to)
            .source(wgsl!("frame2d"))
            .size("FROM_H", source.dims()[1])
            .size("FROM_W", source.dims()[2])
            .size("TO_H", shape.dims()[1])
            .size("TO_W", shape.dims()[2])
            .size("C", shape.padded_columns())
            .constant("FIRST_Y", y as f64)
            .constant("FIRST_X", x as f64)
            .elementwise(&shape, 0)
            .record();
    }
}

impl Operation for Frame2d {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.count(1)?;
        inputs.shape(0, self.input)?;
        inputs.positive("the image", &self.input)?;
        inputs.positive("the frame", &self.size)?;
        let far = self.first.iter().any(|first| first.unsigned_abs() > FARTHEST as u64);
        if far || self.size.iter().chain(&self.input).any(|size| *size > FARTHEST) {
            return Err(inputs.refuse(format!("its border may have at most {FARTHEST} pixels")));
        }
        Ok(())
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![self.output().into()]
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        Self::record(recorder, inputs[0], outputs[0], self.first);
    }

    fn backward(
        &self,
        recorder: &mut Recorder,
        _inputs: &[TensorId],
        _outputs: &[TensorId],
        dy: TensorId,
        sinks: &[Option<Sink>],
    ) {
        if let Some(sink) = &sinks[0] {
            let first = self.first.map(|first| -first);
            recorder.store(sink, |recorder, dx| Self::record(recorder, dy, dx, first));
        }
    }
}
