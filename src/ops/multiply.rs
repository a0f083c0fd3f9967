//! Product of two tensors, of one shape or with one factor for each channel of an image.

use crate::graph::{Graph, GraphError, Inputs, Operation, Recorder, Sink, TensorId};
use crate::kernel::{operations, wgsl};
use crate::ops::parted_sum::PartedSum;
use crate::shape::Shape;

/// Invocations of a workgroup.
const LANES: usize = 64;

/// Most pixels that an invocation adds up: half of the loop iterations that a plan allows.
const LONGEST_PART: usize = 32_768;

/// Fewest pixels that are worth a part of their own.
const SHORTEST_PART: usize = 64;

/// `y = a b`, element by element.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Multiply {
    /// Shape of `a` and `y`: any, or `[n, h, w, c]` where the factors are per channel.
    pub shape: Shape,
    /// Whether `b` is `[n, 1, 1, c]`, and each of its elements multiplies a channel of an image. Otherwise `b` has the shape
    /// of `a`.
    pub per_channel: bool,
}

impl Graph {
    /// Adds the product of `a` and `b`, element by element. They have one shape, which the product has too; or one of them
    /// is `[n, h, w, c]` as the product is, and the other is `[n, 1, 1, c]`.
    ///
    /// # Errors
    /// Other shapes, or tensors of another graph.
    pub fn multiply(&mut self, name: &str, a: TensorId, b: TensorId) -> Result<TensorId, GraphError> {
        let inputs = self.inputs(name, &[a, b])?;
        let [of_a, of_b] = [0, 1].map(|input| inputs.tensors()[input].shape.clone());
        let is_factor_of = |factors: &Shape, shape: &Shape| {
            factors != shape && factors_of(shape).is_some_and(|wanted| *factors == wanted.into())
        };
        if is_factor_of(&of_a, &of_b) {
            return self.add_own_node(name, Multiply { shape: of_b, per_channel: true }, &[b, a]);
        }
        let per_channel = is_factor_of(&of_b, &of_a);
        self.add_own_node(name, Multiply { shape: of_a, per_channel }, &[a, b])
    }
}

/// `[n, 1, 1, c]` for images `[n, h, w, c]`.
fn factors_of(shape: &Shape) -> Option<[usize; 4]> {
    <[usize; 4]>::try_from(shape.dims()).ok().map(|[n, _, _, c]| [n, 1, 1, c])
}

impl Multiply {
    /// Pixels that one factor multiplies.
    fn pixels(&self) -> usize {
        match (self.per_channel, self.shape.dims()) {
            (true, [_, h, w, _]) => h * w,
            _ => 1,
        }
    }

    /// Records `to`: `a` times `b`, which is the gradient of either too.
    fn record(&self, recorder: &mut Recorder, [a, b]: [TensorId; 2], to: TensorId) {
        let name = recorder.graph().tensor(to).name.clone();
        recorder
            .dispatch(name)
            .a(a)
            .b(b)
            .c(to)
            .source(wgsl!("multiply/forward"))
            .size("PIXELS", self.pixels())
            .size("C", self.shape.padded_columns())
            .elementwise(&self.shape, 1)
            .record();
    }

    /// Records the gradient of the factors of channels: a sum over the pixels of `a` times `dy`.
    fn record_db(&self, recorder: &mut Recorder, [a, dy]: [TensorId; 2], db: TensorId) {
        let tensor = recorder.graph().tensor(db);
        let (name, count) = (tensor.name.clone(), tensor.shape.padded_elements());
        let pixels = self.pixels();
        // The number of parts depends only on the sizes and the target, so that sums have the same order in every run.
        let parts = (recorder.target().busy_workgroups * LANES).div_ceil(count / 4).min(pixels.div_ceil(SHORTEST_PART));
        let pixels_of_part = pixels.div_ceil(parts.max(pixels.div_ceil(LONGEST_PART)));
        let parts = pixels.div_ceil(pixels_of_part);
        let sum = PartedSum::new(recorder, db, parts);
        recorder
            .dispatch(name)
            .a(a)
            .b(dy)
            .c(sum.parts)
            .source(wgsl!("multiply/db"))
            .size("PIXELS", pixels)
            .size("PIXELS_OF_PART", pixels_of_part)
            .size("PARTS", parts)
            .size("C", self.shape.padded_columns())
            .size("COUNT", count)
            .workgroups((parts * count / 4).div_ceil(LANES), 1)
            .cost(operations([2, self.shape.elements()]), pixels_of_part)
            .record();
        sum.finish(recorder);
    }
}

impl Operation for Multiply {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.count(2)?;
        inputs.positive("the shape", self.shape.dims())?;
        inputs.shape(0, self.shape.clone())?;
        match (self.per_channel, factors_of(&self.shape)) {
            (false, _) => inputs.shape(1, self.shape.clone()),
            (true, Some(factors)) => inputs.shape(1, factors),
            (true, None) => Err(inputs.refuse(format!("{} is no image [n, h, w, c]", self.shape))),
        }
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![self.shape.clone()]
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        self.record(recorder, [inputs[0], inputs[1]], outputs[0]);
    }

    fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &[TensorId],
        _outputs: &[TensorId],
        dy: TensorId,
        sinks: &[Option<Sink>],
    ) {
        if let Some(sink) = &sinks[0] {
            recorder.store(sink, |recorder, da| self.record(recorder, [dy, inputs[1]], da));
        }
        if let Some(sink) = &sinks[1] {
            recorder.store(sink, |recorder, db| match self.per_channel {
                true => self.record_db(recorder, [inputs[0], dy], db),
                false => self.record(recorder, [dy, inputs[0]], db),
            });
        }
    }
}
