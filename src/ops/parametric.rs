//! Functions of a number and of a weight, which belongs to a place in an image or to a channel.

use crate::graph::{Graph, GraphError, Initializer, Inputs, Layout, Operation, Recorder, Sink, TensorId, VariableSpec};
use crate::kernel::{Wgsl, operations, wgsl};
use crate::ops::parted_sum::PartedSum;
use crate::shape::Shape;

/// Invocations of a workgroup.
const LANES: usize = 64;

/// A function of a number `x` and of a trained weight `w`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParametricFunction {
    /// `x w`
    Scale,
    /// `x + w`
    Offset,
    /// `x` where it is positive, else `x w` (He et al. 2015).
    Prelu,
}

impl ParametricFunction {
    /// The file that defines the function and its slopes.
    fn source(self) -> Wgsl {
        match self {
            Self::Scale => wgsl!("parametric/scale"),
            Self::Offset => wgsl!("parametric/offset"),
            Self::Prelu => wgsl!("parametric/prelu"),
        }
    }
}

/// `y = function(x, w)`, element by element, with weights that repeat: those of a channel, or of a channel of a pixel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parametric {
    /// The function.
    pub function: ParametricFunction,
    /// Shape of `x` and `y`: `[n, .., c]`.
    pub shape: Shape,
    /// Shape of the weights: the last sizes of `shape`, at least one.
    pub weights: Vec<usize>,
}

impl Graph {
    /// Adds `function` of the elements of `x` `[n, .., c]` and of the weights `w`, which hold [`Parametric::variable`] of the
    /// shape `weights`, the last sizes of `x`: the shape of `x`.
    ///
    /// # Errors
    /// Weights of another shape, or tensors of another graph.
    pub fn parametric(
        &mut self,
        name: &str,
        function: ParametricFunction,
        weights: &[usize],
        [x, w]: [TensorId; 2],
    ) -> Result<TensorId, GraphError> {
        let shape = self.inputs(name, &[x])?.tensors()[0].shape.clone();
        self.add_own_node(name, Parametric { function, shape, weights: weights.to_vec() }, &[x, w])
    }
}

impl Parametric {
    /// The weights of the shape `shape`, as a variable of a layer.
    pub fn variable(layer: &str, variable: &str, shape: Vec<usize>, initializer: Initializer) -> VariableSpec {
        let columns = shape.last().copied().unwrap_or(0);
        let vector = VariableSpec::vector(layer, variable, columns, initializer);
        VariableSpec { layout: Layout::Rows { columns }, shape, ..vector }
    }

    /// Floats in memory after which the weights repeat.
    fn period(&self) -> usize {
        Shape::from(self.weights.clone()).padded_elements()
    }

    /// Records `dw`, a sum over everything that has the same weight.
    fn record_dw(&self, recorder: &mut Recorder, x: Option<TensorId>, dy: TensorId, dw: TensorId) {
        let name = recorder.graph().tensor(dw).name.clone();
        let period = self.period();
        let repeats = self.shape.padded_elements() / period;
        let [of_part, parts] = PartedSum::shares(recorder.target(), repeats, 1, period / 4);
        let sum = PartedSum::new(recorder, dw, parts);
        recorder
            .dispatch(name)
            .a(dy)
            .c(sum.parts)
            .d(x)
            .shared(self.function.source())
            .source(wgsl!("parametric/dw"))
            .shared(wgsl!("quotient"))
            .number("PERIOD", period)
            .number("REPEATS", repeats)
            .number("REPEATS_OF_PART", of_part)
            .number("PARTS", parts)
            .workgroups((parts * period / 4).div_ceil(LANES), 1)
            .cost(operations([2, self.shape.elements()]), of_part)
            .record();
        sum.finish(recorder);
    }
}

impl Operation for Parametric {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.count(2)?;
        inputs.shape(0, self.shape.clone())?;
        inputs.positive("the shape", self.shape.dims())?;
        if self.weights.is_empty() || !self.shape.dims().ends_with(&self.weights) {
            return Err(inputs.refuse(format!("weights {:?} are not the last sizes of {}", self.weights, self.shape)));
        }
        inputs.weights(1, &[Self::variable("", "", self.weights.clone(), Initializer::Zeros)])
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![self.shape.clone()]
    }

    fn passes_gradient(&self, input: usize) -> bool {
        input == 0 && self.function == ParametricFunction::Offset
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        let name = recorder.graph().tensor(outputs[0]).name.clone();
        recorder
            .dispatch(name)
            .a(inputs[0])
            .b(inputs[1])
            .c(outputs[0])
            .shared(self.function.source())
            .source(wgsl!("parametric/forward"))
            .size("PERIOD", self.period())
            .elementwise(&self.shape, 1)
            .record();
    }

    fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &[TensorId],
        _outputs: &[TensorId],
        dy: TensorId,
        sinks: &[Option<Sink>],
    ) {
        if let Some(sink) = &sinks[1] {
            let x = (self.function != ParametricFunction::Offset).then_some(inputs[0]);
            recorder.store(sink, |recorder, dw| self.record_dw(recorder, x, dy, dw));
        }
        if let Some(sink) = &sinks[0] {
            let x = (self.function == ParametricFunction::Prelu).then_some(inputs[0]);
            recorder.store(sink, |recorder, dx| {
                let name = recorder.graph().tensor(dx).name.clone();
                recorder
                    .dispatch(name)
                    .a(dy)
                    .b(inputs[1])
                    .c(dx)
                    .d(x)
                    .shared(self.function.source())
                    .source(wgsl!("parametric/dx"))
                    .size("PERIOD", self.period())
                    .elementwise(&self.shape, 1)
                    .record();
            });
        }
    }
}
