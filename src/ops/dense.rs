//! Fully connected layer: a convolution of one pixel.

use crate::graph::{Epilogue, Graph, GraphError, Inputs, Operation, Recorder, Sink, TensorId, VariableSpec};
use crate::ops::conv2d::Conv2d;
use crate::ops::ending::{Ending, Ends};
use crate::ops::padding::Padding;
use crate::shape::Shape;

/// Geometry of `y[n, units] = x[n, features] w[features, units] + b[units]`.
///
/// That is a 1 x 1 convolution of a single pixel, whose shaders it shares: the constants fold their indices away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dense {
    /// `[n, features]`
    pub input: [usize; 2],
    /// Outputs.
    pub units: usize,
    /// Whether a bias is added.
    pub bias: bool,
    /// Whether the result goes through relu.
    pub relu: bool,
}

impl Graph {
    /// Adds a dense layer of `x` by the weights `w`, which hold [`Dense::variables`]: `[n, units]`. If `x` has more axes,
    /// `[.., features]`, the layer takes its last one: `[.., units]`. The geometry then counts the rows of all the others as
    /// `n`.
    ///
    /// # Errors
    /// A geometry that does not fit `x` or `w`.
    pub fn dense(&mut self, name: &str, geometry: Dense, x: TensorId, w: TensorId) -> Result<TensorId, GraphError> {
        let shape = self.inputs(name, &[x])?.tensors()[0].shape.clone();
        let Some((_, outer)) = shape.dims().split_last().filter(|(_, outer)| outer.len() > 1) else {
            return self.add_own_node(name, geometry, &[x, w]);
        };
        // Both are views, since rows stay as long as they are.
        let rows = self.reshape(&format!("{name} rows"), [shape.rows(), shape.columns()], x)?;
        let y = self.add_own_node(name, geometry, &[rows, w])?;
        self.reshape(name, [outer, &[geometry.units]].concat(), y)
    }
}

impl Dense {
    /// Its variables: the kernel `[features, units]`, and the bias if it has one.
    pub fn variables(&self, layer: &str) -> Vec<VariableSpec> {
        VariableSpec::kernel_and_bias(layer, vec![self.input[1], self.units], self.bias)
    }
}

impl From<Dense> for Conv2d {
    fn from(dense: Dense) -> Self {
        let [n, features] = dense.input;
        Self {
            input: [n, 1, 1, features],
            filters: dense.units,
            kernel: [1, 1],
            stride: [1, 1],
            padding: Padding::Valid,
            bias: dense.bias,
            relu: dense.relu,
        }
    }
}

impl Ends for Dense {
    fn check_operands(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        Conv2d::from(*self).check_shapes(inputs, self.input)
    }

    fn is_activated(&self) -> bool {
        self.relu
    }

    fn record_with(&self, recorder: &mut Recorder, inputs: &[TensorId], output: TensorId, ending: Ending<'_>) {
        Conv2d::from(*self).record_with(recorder, inputs, output, ending);
    }
}

impl Operation for Dense {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.count(2)?;
        self.check_operands(inputs)
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![[self.input[0], self.units].into()]
    }

    fn epilogue(&self, recorder: &Recorder, outputs: &[TensorId], needed: &[bool]) -> Epilogue {
        Conv2d::from(*self).epilogue(recorder, outputs, needed)
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        Conv2d::from(*self).forward(recorder, inputs, outputs);
    }

    fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &[TensorId],
        outputs: &[TensorId],
        dy: TensorId,
        sinks: &[Option<Sink>],
    ) {
        Conv2d::from(*self).backward(recorder, inputs, outputs, dy, sinks);
    }
}
