//! Tensors one behind the other along the last axis.

use crate::graph::{Graph, GraphError, Inputs, Operation, Recorder, Sink, TensorId};
use crate::kernel::wgsl;
use crate::shape::Shape;

/// Most tensors that a dispatch joins: the operands that shaders have.
const MOST: usize = 4;

/// The channels of several tensors one behind the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Concatenate {
    /// The axes that all inputs share: all but the last.
    pub shared: Vec<usize>,
    /// The last size of each input.
    pub channels: Vec<usize>,
}

impl Graph {
    /// Adds the tensors `[.., c1]`, `[.., c2]` and so on as one along the last axis: `[.., c1 + c2 + ..]`.
    ///
    /// # Errors
    /// Fewer than two tensors, tensors whose other axes differ, or tensors of another graph.
    pub fn concatenate(&mut self, name: &str, tensors: &[TensorId]) -> Result<TensorId, GraphError> {
        let inputs = self.inputs(name, tensors)?;
        let shapes: Vec<&Shape> = inputs.tensors().iter().map(|tensor| &tensor.shape).collect();
        let Some((_, shared)) = shapes.first().and_then(|shape| shape.dims().split_last()) else {
            return Err(inputs.refuse("it needs tensors that have channels"));
        };
        let channels = shapes.iter().map(|shape| shape.columns()).collect();
        let operation = Concatenate { shared: shared.to_vec(), channels };
        self.add_own_node(name, operation, tensors)
    }
}

impl Concatenate {
    fn shape(&self, channels: usize) -> Shape {
        [&self.shared[..], &[channels]].concat().into()
    }

    /// Records `to`, which is `from`, up to [`MOST`] tensors of these numbers of channels.
    fn record(&self, recorder: &mut Recorder, from: &[TensorId], channels: &[usize], to: TensorId) {
        let tensor = recorder.graph().tensor(to);
        let (name, shape) = (tensor.name.clone(), tensor.shape.clone());
        // First channel past each operand; those that are missing have none.
        let end = |operand: usize| channels.iter().take(operand + 1).sum::<usize>();
        let stride = |operand: usize| channels.get(operand).map_or(0, |channels| channels.next_multiple_of(4));
        let aligned = (0..channels.len() - 1).all(|operand| end(operand).is_multiple_of(4));
        recorder
            .dispatch(name)
            .a(from[0])
            .b(from[1])
            .c(to)
            .d(from.get(2).copied())
            .e(from.get(3).copied())
            .source(wgsl!("concatenate/forward"))
            .size("COLUMNS", shape.columns())
            .size("STRIDE", shape.padded_columns())
            .constant("ALIGNED", aligned)
            .size("END_A", end(0))
            .size("END_B", end(1))
            .size("END_D", end(2))
            .size("STRIDE_A", stride(0))
            .size("STRIDE_B", stride(1))
            .size("STRIDE_D", stride(2))
            .size("STRIDE_E", stride(3))
            .elementwise(&shape, 0)
            .record();
    }

    /// Records the gradient of the input whose channels begin at `first`.
    fn record_dx(&self, recorder: &mut Recorder, dy: TensorId, first: usize, dx: TensorId) {
        let tensor = recorder.graph().tensor(dx);
        let (name, shape) = (tensor.name.clone(), tensor.shape.clone());
        let whole: usize = self.channels.iter().sum();
        recorder
            .dispatch(name)
            .a(dy)
            .c(dx)
            .source(wgsl!("concatenate/dx"))
            .size("FIRST", first)
            .size("FROM_STRIDE", whole.next_multiple_of(4))
            .size("COLUMNS", shape.columns())
            .size("STRIDE", shape.padded_columns())
            .elementwise(&shape, 0)
            .record();
    }
}

impl Operation for Concatenate {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        if self.channels.len() < 2 {
            return Err(inputs.refuse("it needs at least two tensors"));
        }
        inputs.count(self.channels.len())?;
        inputs.positive("the shape", &self.shared)?;
        inputs.positive("the channels", &self.channels)?;
        for (input, channels) in self.channels.iter().enumerate() {
            inputs.shape(input, self.shape(*channels))?;
        }
        Ok(())
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![self.shape(self.channels.iter().fold(0, |sum, channels| sum.saturating_add(*channels)))]
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        let (mut joined, mut channels, mut next) = (inputs[0], self.channels[0], 1);
        while next < inputs.len() {
            let end = (next + MOST - 1).min(inputs.len());
            let from: Vec<TensorId> = std::iter::once(joined).chain(inputs[next..end].iter().copied()).collect();
            let pieces: Vec<usize> =
                std::iter::once(channels).chain(self.channels[next..end].iter().copied()).collect();
            channels = pieces.iter().sum();
            joined = match end == inputs.len() {
                true => outputs[0],
                false => {
                    let name = format!("{}, first {end}", recorder.graph().tensor(outputs[0]).name);
                    recorder.temporary(name, self.shape(channels))
                }
            };
            self.record(recorder, &from, &pieces, joined);
            next = end;
        }
    }

    fn backward(
        &self,
        recorder: &mut Recorder,
        _inputs: &[TensorId],
        _outputs: &[TensorId],
        dy: TensorId,
        sinks: &[Option<Sink>],
    ) {
        let mut first = 0;
        for (sink, channels) in sinks.iter().zip(&self.channels) {
            if let Some(sink) = sink {
                recorder.store(sink, |recorder, dx| self.record_dx(recorder, dy, first, dx));
            }
            first += channels;
        }
    }
}
