//! Activations, element by element. Relu is an operation of its own, since its gradient needs only its output.

use crate::graph::{DispatchBuilder, Graph, GraphError, Inputs, Operation, Recorder, Sink, TensorId};
use crate::kernel::{Wgsl, wgsl};
use crate::shape::Shape;

/// A function of one number, whose slope is computed from that number.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ActivationFunction {
    /// `x Phi(x)`, where Phi is the cumulative distribution function of the standard normal distribution (Hendrycks &
    /// Gimpel 2016).
    Gelu,
    /// Hyperbolic tangent.
    Tanh,
    /// `1 / (1 + exp(-x))`
    Sigmoid,
    /// `x` above the threshold, but at most `max_value`; else `negative_slope (x - threshold)`. Its slope at the threshold is
    /// that below it, and at `max_value` it is 0.
    Relu {
        /// The slope at the threshold and below.
        negative_slope: f64,
        /// Where the identity begins.
        threshold: f64,
        /// The largest value, if there is one.
        max_value: Option<f64>,
    },
    /// `x / (1 + exp(-x))` (Elfwing et al. 2017), also called swish.
    Silu,
    /// `relu6(x + 3) / 6`. Its slope at -3 and at 3 is 0.
    HardSigmoid,
    /// `x relu6(x + 3) / 6` (Howard et al. 2019), also called hard swish.
    HardSilu,
    /// `x` where it is positive, else `alpha (exp(x) - 1)` (Clevert et al. 2015).
    Elu {
        /// What it goes to as `x` falls, but for the sign.
        alpha: f64,
    },
    /// `scale elu(x)` with the constants that keep mean 0 and variance 1 (Klambauer et al. 2017).
    Selu,
    /// `ln(1 + exp(x))`
    Softplus,
    /// `x tanh(softplus(x))` (Misra 2019).
    Mish,
    /// `exp(x)`
    Exponential,
}

/// Alpha and scale of selu.
pub(crate) const SELU: [f64; 2] = [1.673_263_242_354_377_2, 1.050_700_987_355_480_5];

impl ActivationFunction {
    /// `max(x, 0)`, as [`Relu`](super::Relu).
    pub const RELU: Self = Self::Relu { negative_slope: 0.0, threshold: 0.0, max_value: None };

    /// `min(max(x, 0), 6)`
    pub const RELU6: Self = Self::Relu { negative_slope: 0.0, threshold: 0.0, max_value: Some(6.0) };

    /// `x` where it is positive, else `negative_slope x` (Maas et al. 2013).
    pub const fn leaky_relu(negative_slope: f64) -> Self {
        Self::Relu { negative_slope, threshold: 0.0, max_value: None }
    }

    /// Whether the slope at `function(x)` is that at `x`. Then the gradient needs no `x`, whose memory becomes free.
    fn has_slope_of_output(self) -> bool {
        match self {
            // What is above the threshold stays above it, and what is below becomes 0 or less.
            Self::Relu { negative_slope, threshold, max_value } => {
                negative_slope >= 0.0 && threshold >= 0.0 && max_value.is_none_or(|most| most > threshold)
            }
            _ => false,
        }
    }

    /// The file that defines the function and its slope.
    fn source(self) -> Wgsl {
        match self {
            Self::Gelu => wgsl!("activation/gelu"),
            Self::Tanh => wgsl!("activation/tanh"),
            Self::Sigmoid => wgsl!("activation/sigmoid"),
            Self::Relu { .. } => wgsl!("activation/relu"),
            Self::Silu => wgsl!("activation/silu"),
            Self::HardSigmoid => wgsl!("activation/hard_sigmoid"),
            Self::HardSilu => wgsl!("activation/hard_silu"),
            Self::Elu { .. } | Self::Selu => wgsl!("activation/elu"),
            Self::Softplus => wgsl!("activation/softplus"),
            Self::Mish => wgsl!("activation/mish"),
            Self::Exponential => wgsl!("activation/exponential"),
        }
    }

    /// Asserts that its options are finite.
    pub(super) fn check(self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        let numbers = match self {
            Self::Relu { negative_slope, threshold, max_value } => {
                [negative_slope, threshold, max_value.unwrap_or(0.0)]
            }
            Self::Elu { alpha } => [alpha, 0.0, 0.0],
            _ => return Ok(()),
        };
        match numbers.into_iter().find(|number| !(*number as f32).is_finite()) {
            Some(number) => {
                Err(inputs.refuse(format!("an option of its activation is {number}, but it must be finite")))
            }
            None => Ok(()),
        }
    }

    /// Defines `activate` and `slope` in the source of a dispatch: those of the identity without a function.
    pub(super) fn define<'r, 'g>(function: Option<Self>, dispatch: DispatchBuilder<'r, 'g>) -> DispatchBuilder<'r, 'g> {
        match function {
            Some(function) => function.add_to(dispatch),
            None => dispatch.shared(wgsl!("activation/none")),
        }
    }

    fn add_to<'r, 'g>(self, dispatch: DispatchBuilder<'r, 'g>) -> DispatchBuilder<'r, 'g> {
        let dispatch = dispatch.shared(self.source());
        match self {
            Self::Relu { negative_slope, threshold, max_value } => dispatch
                .constant("NEGATIVE_SLOPE", negative_slope)
                .constant("THRESHOLD", threshold)
                .constant("HAS_MAX", max_value.is_some())
                .constant("MAX_VALUE", max_value.unwrap_or(0.0)),
            Self::Elu { alpha } => dispatch.constant("ALPHA", alpha).constant("SCALE", 1.0),
            Self::Selu => dispatch.constant("ALPHA", SELU[0]).constant("SCALE", SELU[1]),
            _ => dispatch,
        }
    }
}

/// `y = function(x)`.
#[derive(Clone, Debug, PartialEq)]
pub struct Activation {
    /// The function.
    pub function: ActivationFunction,
    /// Shape of `x` and `y`: any.
    pub shape: Shape,
}

impl Graph {
    /// Adds `function` of `x`, element by element: the shape of `x`.
    ///
    /// # Errors
    /// A tensor of another graph.
    pub fn activation(
        &mut self,
        name: &str,
        function: ActivationFunction,
        x: TensorId,
    ) -> Result<TensorId, GraphError> {
        let shape = self.inputs(name, &[x])?.tensors()[0].shape.clone();
        self.add_own_node(name, Activation { function, shape }, &[x])
    }
}

impl Operation for Activation {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.count(1)?;
        self.function.check(inputs)?;
        inputs.shape(0, self.shape.clone())
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![self.shape.clone()]
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        let name = recorder.graph().tensor(outputs[0]).name.clone();
        let dispatch = recorder.dispatch(name).a(inputs[0]).c(outputs[0]);
        (self.function.add_to(dispatch))
            .source(wgsl!("activation/forward"))
            .size("COLUMNS", self.shape.columns())
            .size("STRIDE", self.shape.padded_columns())
            .elementwise(&self.shape, 10)
            .record();
    }

    fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &[TensorId],
        outputs: &[TensorId],
        dy: TensorId,
        sinks: &[Option<Sink>],
    ) {
        let Some(sink) = &sinks[0] else { return };
        let x = if self.function.has_slope_of_output() { outputs[0] } else { inputs[0] };
        recorder.store(sink, |recorder, dx| {
            let name = recorder.graph().tensor(dx).name.clone();
            let dispatch = recorder.dispatch(name).a(dy).b(x).c(dx);
            (self.function.add_to(dispatch)).source(wgsl!("activation/dx")).elementwise(&self.shape, 10).record();
        });
    }
}
