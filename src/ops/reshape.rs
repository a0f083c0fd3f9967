//! The same elements under another shape. That needs no copy where rows are as long as before in memory.

use crate::graph::{Graph, GraphError, Inputs, Operation, Recorder, Sink, TensorId};
use crate::kernel::wgsl;
use crate::shape::Shape;

/// The same elements, in the same order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reshape {
    /// Shape of the input: any.
    pub input: Shape,
    /// Shape of the output, with as many elements.
    pub output: Shape,
}

impl Graph {
    /// Adds the elements of `x` in the shape `output`, in the same order.
    ///
    /// # Errors
    /// A shape with another number of elements, or a tensor of another graph.
    pub fn reshape(&mut self, name: &str, output: impl Into<Shape>, x: TensorId) -> Result<TensorId, GraphError> {
        let input = self.inputs(name, &[x])?.tensors()[0].shape.clone();
        self.add_own_node(name, Reshape { input, output: output.into() }, &[x])
    }

    /// Adds the elements of `x` `[n, ..]` as rows, in the order of Keras: height, width, channels. The result is
    /// `[n, features]`.
    ///
    /// # Errors
    /// A tensor without sizes, or of another graph.
    pub fn flatten(&mut self, name: &str, x: TensorId) -> Result<TensorId, GraphError> {
        let inputs = self.inputs(name, &[x])?;
        let shape = &inputs.tensors()[0].shape;
        let Some((n, image)) = shape.dims().split_first() else {
            return Err(inputs.refuse("a tensor without sizes has no rows"));
        };
        let output = [*n, image.iter().product()];
        self.reshape(name, output, x)
    }
}

impl Reshape {
    fn record(recorder: &mut Recorder, from: TensorId, to: TensorId) {
        let tensor = recorder.graph().tensor(to);
        let (name, shape) = (tensor.name.clone(), tensor.shape.clone());
        let source = recorder.graph().tensor(from).shape.clone();
        recorder
            .dispatch(name)
            .a(from)
            .c(to)
            .source(wgsl!("reshape"))
            .size("FROM", source.columns())
            .size("FROM_STRIDE", source.padded_columns())
            .size("TO", shape.columns())
            .size("TO_STRIDE", shape.padded_columns())
            .elementwise(&shape, 0)
            .record();
    }
}

impl Operation for Reshape {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.count(1)?;
        inputs.shape(0, self.input.clone())?;
        for shape in [&self.input, &self.output] {
            inputs.positive("the shape", shape.dims())?;
        }
        if self.input.elements() != self.output.elements() {
            let (input, output) = (&self.input, &self.output);
            return Err(inputs.refuse(format!("{input} has another number of elements than {output}")));
        }
        Ok(())
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![self.output.clone()]
    }

    fn is_view(&self) -> bool {
        let [from, to] = [&self.input, &self.output].map(Shape::columns);
        from == to || (from.is_multiple_of(4) && to.is_multiple_of(4))
    }

    fn passes_gradient(&self, _input: usize) -> bool {
        self.is_view()
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        if !self.is_view() {
            Self::record(recorder, inputs[0], outputs[0]);
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
        if let Some(sink) = &sinks[0] {
            recorder.store(sink, |recorder, dx| Self::record(recorder, dy, dx));
        }
    }
}
