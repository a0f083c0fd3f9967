//! Batch normalization (Ioffe & Szegedy 2015) over all axes but the last, as Keras computes it.

use crate::graph::{
    DispatchBuilder, Epilogue, Graph, GraphError, Initializer, Inputs, Mode, Operation, Recorder, Role, Sink, TensorId,
    VariableSpec,
};
use crate::kernel::wgsl;
use crate::ops::activation::ActivationFunction;
use crate::ops::normalization::{Columns, GammaBeta, check_vectors, vector_stride, vectors};
use crate::shape::Shape;

mod call;
mod gradients;
mod inputs;

pub use call::NormCall;
use gradients::{Gradients, store};
pub use inputs::BatchNormInputs;

/// `y = gamma (x - mean) / sqrt(variance + epsilon) + beta`, where mean and variance of each channel are those of the batch
/// in training, and moving averages of them in inference.
///
/// Only images that count enter the statistics, and the gradient of the others' `x` is 0. A large mean costs no accuracy: a mean
/// of 1000 and a variance of 1e-4 give the same relative errors as a mean of 0, since all arithmetic is on the difference
/// of `x` and the first pixel, which f32 represents exactly where the two are near each other.
#[derive(Clone, Debug, PartialEq)]
pub struct BatchNorm {
    /// Shape of `x` and `y`: `[n, h, w, c]` or `[n, c]`.
    pub input: Shape,
    /// Added to the variance: above 0.
    pub epsilon: f64,
    /// Whether there is a gamma.
    pub scale: bool,
    /// Whether there is a beta.
    pub center: bool,
    /// Whether the moving variance averages `squares / (n - 1)`, as in PyTorch, instead of `squares / n`, as in Keras. Of
    /// a single value per channel the former is 0 here.
    pub unbiased: bool,
    /// Whether training uses the moving averages too, and leaves them as they are.
    pub frozen: bool,
    /// Which of the nodes that use its moving averages it is, if there are others.
    pub call: Option<NormCall>,
    /// Whether another tensor of the shape of `x` is added to the result.
    pub added: bool,
    /// What the result goes through, at the end. Behind a sum, it must be relu.
    pub activation: Option<ActivationFunction>,
}

impl BatchNorm {
    /// Keras's defaults for `input`.
    pub fn new(input: impl Into<Shape>) -> Self {
        Self {
            input: input.into(),
            epsilon: 1e-3,
            scale: true,
            center: true,
            unbiased: false,
            frozen: false,
            call: None,
            added: false,
            activation: None,
        }
    }

    /// Gamma and beta of a layer, those that it has: the variables of [`BatchNormInputs::weights`].
    pub fn variables(&self, layer: &str) -> Vec<VariableSpec> {
        self.parameters().variables(layer)
    }

    /// Moving mean and moving variance of a layer: the variables of [`BatchNormInputs::moving`]. Keras's default `momentum`
    /// is 0.99. In a frozen layer they are constant, since nothing writes what they would move towards.
    pub fn moving_variables(&self, layer: &str, momentum: f64) -> Vec<VariableSpec> {
        let role = if self.frozen { Role::Constant } else { Role::Averaged { momentum } };
        [("moving_mean", Initializer::Zeros), ("moving_variance", Initializer::Ones)]
            .map(|(name, first)| VariableSpec {
                role,
                ..VariableSpec::vector(layer, name, self.input.columns(), first)
            })
            .to_vec()
    }

    fn columns(&self, recorder: &Recorder<'_>) -> Columns {
        Columns::of(&self.input, recorder.graph().target())
    }

    fn parameters(&self) -> GammaBeta {
        GammaBeta { channels: self.input.columns(), scale: self.scale, center: self.center }
    }

    /// Place of the weights among the inputs, if there are any.
    fn weights(&self) -> Option<usize> {
        (self.parameters().count() > 0).then_some(3)
    }

    /// Place of what is added among the inputs.
    fn added(&self) -> Option<usize> {
        self.added.then(|| 3 + self.weights().iter().count())
    }

    /// Whether the result goes through relu, whose gradient needs only its output.
    fn ends_in_relu(&self) -> bool {
        self.activation == Some(ActivationFunction::RELU)
    }

    /// The activation that the backward pass applies the slope of.
    fn sloped(&self) -> Option<ActivationFunction> {
        self.activation.filter(|_| !self.ends_in_relu())
    }

    /// Defines the ending of a convolution whose result this normalizes by moving averages. The `operands` are the inputs
    /// from the moving averages on.
    pub(super) fn define_ending<'r, 'g>(
        &self,
        dispatch: DispatchBuilder<'r, 'g>,
        operands: &[TensorId],
    ) -> DispatchBuilder<'r, 'g> {
        let operand = |place: usize| operands[place - 2];
        let dispatch = dispatch
            .d(Some(operand(2)))
            .e(self.weights().map(operand))
            .h(self.added().map(operand))
            // It reads what is added once.
            .sweeping_over(1 << 9)
            .aligned(1 << 2 | 1 << 9);
        let dispatch = self.define_moving(dispatch).source(wgsl!("ending/normalized"));
        self.parameters()
            .constants(ActivationFunction::define(self.activation, dispatch))
            .constant("ADDED", self.added)
            .number("NORMALIZED", self.input.columns())
    }

    /// Defines the moving statistics, which are operand `d`.
    fn define_moving<'r, 'g>(&self, dispatch: DispatchBuilder<'r, 'g>) -> DispatchBuilder<'r, 'g> {
        dispatch
            .shared(wgsl!("batch_norm/standard"))
            .shared(wgsl!("batch_norm/moving"))
            .number("VARIANCE_FIRST", vector_stride(self.input.columns()))
            .constant("EPSILON", self.epsilon)
    }

    /// [`Operation::check`], where `before` inputs stand in the place of `x`.
    pub(super) fn check_behind(&self, inputs: &Inputs<'_>, before: usize) -> Result<(), GraphError> {
        // Places are counted behind x.
        let place = |place: usize| before + place - 1;
        inputs.count(place(3 + self.weights().iter().count() + usize::from(self.added)))?;
        if self.input.dims().len() < 2 {
            return Err(inputs.refuse("what is normalized over a batch has the shape [n, .., c]"));
        }
        inputs.positive("the input", self.input.dims())?;
        if !(self.epsilon as f32 > 0.0 && self.epsilon.is_finite()) {
            return Err(inputs.refuse(format!("its epsilon is {}, but it must be above 0", self.epsilon)));
        }
        let (images, rows) = (inputs.minibatch(place(1))?.images(), self.input.dims()[0]);
        if images != rows {
            return Err(inputs.refuse(format!("it normalizes {rows} images, but the minibatch has {images}")));
        }
        check_vectors(inputs, place(2), self.input.columns(), 2)?;
        if let Some(weights) = self.weights() {
            check_vectors(inputs, place(weights), self.input.columns(), self.parameters().count())?;
        }
        if let Some(function) = self.activation {
            function.check(inputs)?;
        }
        if self.added && self.sloped().is_some() {
            return Err(inputs.refuse("its activation behind a sum is not relu"));
        }
        self.added().map_or(Ok(()), |added| inputs.shape(place(added), self.input.clone()))
    }
}

impl Graph {
    /// Adds a batch normalization of `inputs.x`, whose shape it has.
    ///
    /// # Errors
    /// A geometry that does not fit the inputs.
    pub fn batch_norm(
        &mut self,
        name: &str,
        geometry: BatchNorm,
        inputs: BatchNormInputs,
    ) -> Result<TensorId, GraphError> {
        let BatchNormInputs { x, minibatch, moving, weights, added } = inputs;
        let inputs: Vec<TensorId> = [x, minibatch, moving].into_iter().chain(weights).chain(added).collect();
        self.add_own_node(name, geometry, &inputs)
    }
}

impl BatchNorm {
    /// Declares which rows count.
    fn counted<'r, 'g>(&self, dispatch: DispatchBuilder<'r, 'g>, minibatch: TensorId) -> DispatchBuilder<'r, 'g> {
        let pixels = self.input.rows() / self.input.dims()[0];
        dispatch.minibatch(minibatch).shared(wgsl!("batch_norm/counted")).number("PIXELS", pixels)
    }

    /// Records the moments of the parts of the batch. Gives them, and the rows of a slice.
    fn record_statistics(&self, recorder: &mut Recorder, inputs: &[TensorId], name: &str) -> (TensorId, usize) {
        let columns = self.columns(recorder);
        let slice = columns.slice(recorder.target().busy_workgroups);
        let moments = recorder.temporary(format!("{name} moments"), [columns.parts(slice), 2, columns.channels]);
        let dispatch = columns.dispatch(recorder, format!("{name} moments")).a(inputs[0]).c(moments);
        let dispatch = columns.define_moments(self.counted(dispatch, inputs[1])).source(wgsl!("batch_norm/statistics"));
        columns.complete(dispatch, slice, 0, 8).record();
        (moments, slice)
    }
}

impl Operation for BatchNorm {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        self.check_behind(inputs, 1)?;
        inputs.shape(0, self.input.clone())
    }

    /// The second output is what the backward pass needs of each channel: origin, mean less the origin,
    /// `1 / sqrt(variance + epsilon)`, gamma times that, and beta.
    fn outputs(&self) -> Vec<Shape> {
        vec![self.input.clone(), [5, self.input.columns()].into()]
    }

    fn passes_gradient(&self, input: usize) -> bool {
        self.added() == Some(input)
    }

    fn epilogue(&self, _recorder: &Recorder, outputs: &[TensorId], _needed: &[bool]) -> Epilogue {
        if self.ends_in_relu() { Epilogue::Gate(outputs[0]) } else { Epilogue::None }
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        let columns = self.columns(recorder);
        let name = recorder.graph().tensor(outputs[0]).name.clone();
        let training = recorder.mode() == Mode::Train && !self.frozen;
        let moments = training.then(|| self.record_statistics(recorder, inputs, &name));
        let slice = columns.slice(2 * recorder.target().busy_workgroups);
        let len = recorder.graph().tensor(inputs[2]).shape.padded_elements();
        let number = self.call.map_or(0, |call| call.number);
        let statistics = recorder.graph().statistics_of(inputs[2], number);
        let dispatch = columns.dispatch(recorder, name).a(inputs[0]).c(outputs[0]).f(Some(outputs[1]));
        let dispatch = match self.weights() {
            Some(weights) => dispatch.b(inputs[weights]),
            None => dispatch.shared(wgsl!("access/read_none").of("b", 1)),
        };
        let dispatch = dispatch.e(self.added().map(|added| inputs[added]));
        let dispatch = ActivationFunction::define(self.activation, dispatch);
        let dispatch = match moments {
            Some((moments, rows)) => columns
                .define_moments(vectors(self.counted(dispatch, inputs[1]), columns.channels, 2, len))
                .shared(wgsl!("batch_norm/standard"))
                .d(Some(moments))
                .g(statistics)
                .source(wgsl!("batch_norm/of_batch"))
                .number("PART", rows)
                .number("PARTS", columns.parts(rows))
                .number("APART_BEFORE", columns.apart())
                .constant("UNBIASED", self.unbiased)
                .constant("SHARE", self.call.map_or(1.0, |call| call.share))
                .constant("EPSILON", self.epsilon),
            None => self.define_moving(dispatch.d(Some(inputs[2]))).source(wgsl!("batch_norm/of_moving")),
        };
        let parts = moments.map_or(0, |(_, rows)| columns.parts(rows));
        let dispatch = self
            .parameters()
            .constants(dispatch.source(wgsl!("batch_norm/forward")))
            .constant("ADDED", self.added)
            // Of x it also reads the first row.
            .aligned(1 << 2 | 1 << 4);
        columns.complete(dispatch, slice, parts, 4).record();
    }

    fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &[TensorId],
        outputs: &[TensorId],
        dy: TensorId,
        sinks: &[Option<Sink>],
    ) {
        let sink = |input: Option<usize>| input.and_then(|input| sinks[input].as_ref());
        // A kernel that reads x can gate the gradient by it.
        let gated = !self.frozen && sink(Some(0)).is_some_and(|sink| sink.is_gated_by_input(recorder));
        let record = |recorder: &mut Recorder, dx: Option<TensorId>| {
            store(recorder, sink(self.weights()), |recorder, dweights| {
                self.record_gradients(recorder, inputs, outputs[1], dy, Gradients { dx, gated, dweights });
            });
        };
        match sink(Some(0)) {
            Some(sink) if gated => record(recorder, Some(sink.gradient)),
            sink => store(recorder, sink, record),
        }
    }
}
