//! A border of zeros, of a width of its own on each side.

use crate::graph::{Graph, GraphError, Inputs, Operation, Recorder, Sink, TensorId};
use crate::kernel::wgsl;
use crate::shape::Shape;

/// Zeros around `[n, h, w, c]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ZeroPadding2d {
    /// `[n, h, w, c]`
    pub input: [usize; 4],
    /// `[[top, bottom], [left, right]]`
    pub padding: [[usize; 2]; 2],
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
        self.add_own_node(name, ZeroPadding2d { input, padding }, &[x])
    }
}

impl ZeroPadding2d {
    fn output(&self) -> [usize; 4] {
        let [n, h, w, c] = self.input;
        let [h, w] = [(h, 0), (w, 1)].map(|(size, axis): (usize, usize)| {
            self.padding[axis].iter().fold(size, |sum, border| sum.saturating_add(*border))
        });
        [n, h, w, c]
    }

    /// Records `to`, whose first pixel is the pixel `[y, x]` of `from`; what lies outside `from` is 0.
    fn record(recorder: &mut Recorder, from: TensorId, to: TensorId, [y, x]: [f64; 2]) {
        let tensor = recorder.graph().tensor(to);
        let (name, shape) = (tensor.name.clone(), tensor.shape.clone());
        let source = recorder.graph().tensor(from).shape.clone();
        recorder
            .dispatch(name)
            .a(from)
            .c(to)
            .source(wgsl!("zero_padding2d"))
            .size("FROM_H", source.dims()[1])
            .size("FROM_W", source.dims()[2])
            .size("TO_H", shape.dims()[1])
            .size("TO_W", shape.dims()[2])
            .size("C", shape.padded_columns())
            .constant("FIRST_Y", y)
            .constant("FIRST_X", x)
            .elementwise(&shape, 0)
            .record();
    }
}

impl Operation for ZeroPadding2d {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.count(1)?;
        inputs.shape(0, self.input)?;
        inputs.positive("the image", &self.input)
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![self.output().into()]
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        let first = self.padding.map(|[before, _]| -(before as f64));
        Self::record(recorder, inputs[0], outputs[0], first);
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
            let first = self.padding.map(|[before, _]| before as f64);
            recorder.store(sink, |recorder, dx| Self::record(recorder, dy, dx, first));
        }
    }
}
