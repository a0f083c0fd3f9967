//! Group normalization (Wu & He 2018), as Keras computes it; instance normalization where each channel is a group.

use crate::graph::{DispatchBuilder, Graph, GraphError, Inputs, Operation, Recorder, Sink, TensorId, VariableSpec};
use crate::kernel::{operations, wgsl};
use crate::ops::normalization::{Columns, GammaBeta, LANES, check_vectors};
use crate::shape::Shape;

/// Most fours of floats that an invocation takes, where a set is large enough for several invocations.
const QUADS_OF_A_LANE: usize = 8;

/// `y = gamma (x - mean) / sqrt(variance + epsilon) + beta`, where mean and variance are those of one image and of `c / groups`
/// channels next to each other. A large mean costs no accuracy: see [`BatchNorm`](super::BatchNorm).
#[derive(Clone, Debug, PartialEq)]
pub struct GroupNorm {
    /// Shape of `x` and `y`: `[n, .., c]`.
    pub input: Shape,
    /// Number of groups, which divides `c`. With `c` groups it is instance normalization.
    pub groups: usize,
    /// Added to the variance: above 0.
    pub epsilon: f64,
    /// Whether there is a gamma.
    pub scale: bool,
    /// Whether there is a beta.
    pub center: bool,
}

impl GroupNorm {
    /// Keras's defaults for `input`, which has at least 32 channels.
    pub fn new(input: impl Into<Shape>) -> Self {
        Self { input: input.into(), groups: 32, epsilon: 1e-3, scale: true, center: true }
    }

    /// Gamma and beta of a layer, those that it has.
    pub fn variables(&self, layer: &str) -> Vec<VariableSpec> {
        GammaBeta { channels: self.input.columns(), scale: self.scale, center: self.center }.variables(layer)
    }

    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        if self.input.dims().len() < 2 {
            return Err(inputs.refuse("what is normalized in groups has the shape [n, .., c]"));
        }
        inputs.shape(0, self.input.clone())?;
        let channels = self.input.columns();
        if self.groups == 0 || !channels.is_multiple_of(self.groups) {
            return Err(inputs.refuse(format!("{channels} channels do not divide into {} groups", self.groups)));
        }
        Ok(())
    }

    fn sets(&self) -> Sets {
        let images = self.input.dims().first().copied().unwrap_or(1);
        let Self { groups, epsilon, scale, center, .. } = *self;
        Sets { input: self.input.clone(), images, groups, epsilon, scale, center }
    }
}

impl Graph {
    /// Adds a group normalization of `x`, whose shape it has. `weights` holds gamma and beta, `[c]` each: those that there
    /// are, gamma first.
    ///
    /// # Errors
    /// A geometry that does not fit `x` or `weights`.
    pub fn group_norm(
        &mut self,
        name: &str,
        geometry: GroupNorm,
        x: TensorId,
        weights: Option<TensorId>,
    ) -> Result<TensorId, GraphError> {
        let inputs: Vec<TensorId> = [x].into_iter().chain(weights).collect();
        geometry.check(&self.inputs(name, &inputs)?)?;
        self.add_own_node(name, geometry.sets(), &inputs)
    }
}

/// The sets of elements that are normalized together: the channels of a group, of all pixels of an image.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Sets {
    pub input: Shape,
    /// Number of images. The rows of `input` are their pixels.
    pub images: usize,
    pub groups: usize,
    pub epsilon: f64,
    pub scale: bool,
    pub center: bool,
}

impl Sets {
    fn parameters(&self) -> GammaBeta {
        GammaBeta { channels: self.input.columns(), scale: self.scale, center: self.center }
    }

    fn pixels(&self) -> usize {
        self.input.rows() / self.images
    }

    /// Channels of a group.
    fn group(&self) -> usize {
        self.input.columns() / self.groups
    }

    /// Groups that are taken together, so that their channels are whole fours.
    fn bundle(&self) -> usize {
        let together = match self.group() % 4 {
            0 => 1,
            2 => 2,
            _ => 4,
        };
        together.min(self.groups)
    }

    /// Most fours of channels that one group reaches into.
    fn group_quads(&self) -> usize {
        let (group, bundle) = (self.group(), self.bundle());
        (0..bundle).map(|i| ((i + 1) * group - 1) / 4 - i * group / 4 + 1).max().unwrap_or(1)
    }

    /// Invocations that take a bundle: a power of two.
    fn lanes(&self) -> usize {
        let quads = self.pixels().saturating_mul(self.group_quads());
        quads.div_ceil(QUADS_OF_A_LANE).min(LANES).next_power_of_two()
    }

    /// Completes a dispatch that takes `flops` for an element.
    fn complete<'r, 'g>(&self, dispatch: DispatchBuilder<'r, 'g>, flops: usize) -> DispatchBuilder<'r, 'g> {
        let (lanes, bundle) = (self.lanes(), self.bundle());
        let bundles = self.groups.div_ceil(bundle);
        let padded = self.input.padded_columns();
        let span = if bundles == 1 { padded / 4 } else { bundle * self.group() / 4 };
        let trips = |quads: usize| 2 * (self.pixels() * quads).div_ceil(lanes) + 2 * QUADS_OF_A_LANE + LANES;
        dispatch
            .sweeping()
            .constant("GAMMA", self.scale)
            .size("IMAGES", self.images)
            .size("PIXELS", self.pixels())
            .size("C", padded)
            .size("CHANNELS", self.input.columns())
            .size("GROUP", self.group())
            .size("GROUPS", self.groups)
            .size("GROUP_QUADS", self.group_quads())
            .size("BUNDLE", bundle)
            .size("BUNDLES", bundles)
            .size("SPAN", span)
            .size("LANES", lanes)
            .workgroups((self.images * bundles).div_ceil(LANES / lanes), 1)
            .cost(operations([self.input.elements(), flops]), bundle * trips(self.group_quads()) + trips(span))
    }
}

impl Operation for Sets {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        let parameters = self.parameters();
        inputs.count(1 + usize::from(parameters.count() > 0))?;
        inputs.shape(0, self.input.clone())?;
        inputs.positive("the input", self.input.dims())?;
        if !(self.epsilon as f32 > 0.0 && self.epsilon.is_finite()) {
            return Err(inputs.refuse(format!("its epsilon is {}, but it must be above 0", self.epsilon)));
        }
        match parameters.count() {
            0 => Ok(()),
            count => check_vectors(inputs, 1, self.input.columns(), count),
        }
    }

    /// The second output is what the backward pass needs of each set: origin, mean less the origin,
    /// `1 / sqrt(variance + epsilon)`, 0.
    fn outputs(&self) -> Vec<Shape> {
        vec![self.input.clone(), [self.images, self.groups, 4].into()]
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        let name = recorder.graph().tensor(outputs[0]).name.clone();
        let dispatch = recorder.dispatch(name).a(inputs[0]).c(outputs[0]).f(Some(outputs[1]));
        let dispatch = match inputs.get(1) {
            Some(weights) => dispatch.b(*weights),
            None => dispatch.shared(wgsl!("access/read_none").of("b", 1)),
        };
        let dispatch = dispatch
            .shared(wgsl!("norm/moments"))
            .shared(wgsl!("norm/moments_together"))
            .shared(wgsl!("group_norm/sets"))
            .source(wgsl!("group_norm/forward"))
            .constant("BETA", self.center)
            .size("BETA_FIRST", self.parameters().beta_first())
            .constant("EPSILON", self.epsilon);
        self.complete(dispatch, 10).record();
    }

    fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &[TensorId],
        outputs: &[TensorId],
        dy: TensorId,
        sinks: &[Option<Sink>],
    ) {
        let tensors = [inputs[0], outputs[1], dy];
        if let Some(Some(sink)) = sinks.get(1) {
            recorder.store(sink, |recorder, dweights| self.record_dweights(recorder, tensors, dweights));
        }
        let gamma = self.scale.then(|| inputs[1]);
        match &sinks[0] {
            // The kernel reads x, and so can gate the gradient by it.
            Some(sink) if sink.is_gated_by_input(recorder) => {
                self.record_dx(recorder, tensors, gamma, sink.gradient, true);
            }
            Some(sink) => recorder.store(sink, |recorder, dx| self.record_dx(recorder, tensors, gamma, dx, false)),
            None => {}
        }
    }
}

impl Sets {
    fn record_dx(
        &self,
        recorder: &mut Recorder,
        [x, saved, dy]: [TensorId; 3],
        gamma: Option<TensorId>,
        dx: TensorId,
        gated: bool,
    ) {
        let name = recorder.graph().tensor(dx).name.clone();
        let dispatch = recorder
            .dispatch(name)
            .a(x)
            .b(dy)
            .c(dx)
            .d(Some(saved))
            .e(gamma)
            .shared(wgsl!("norm/sums"))
            .shared(wgsl!("norm/sums_together"))
            .shared(wgsl!("group_norm/sets"))
            .source(wgsl!("group_norm/dx"))
            .constant("GATED", gated);
        self.complete(dispatch, 14).record();
    }

    fn record_dweights(&self, recorder: &mut Recorder, [x, saved, dy]: [TensorId; 3], dweights: TensorId) {
        let columns = Columns::of(&self.input, recorder.target());
        let slice = columns.slice(recorder.target().busy_workgroups);
        let parts = columns.parts(slice);
        let name = format!("{} sums", recorder.graph().tensor(dweights).name);
        let sums = recorder.temporary(name.clone(), [parts, 2, columns.channels]);
        let dispatch = columns.dispatch(recorder, name).a(x).b(dy).c(sums).d(Some(saved));
        let dispatch = columns
            .define_sums(dispatch)
            .source(wgsl!("group_norm/saved"))
            .source(wgsl!("norm/parameter_sums"))
            .size("PIXELS", self.pixels())
            .size("GROUP", self.group())
            .size("GROUPS", self.groups);
        columns.complete(dispatch, slice, 0, 6).record();
        columns.record_parameters(recorder, self.parameters(), sums, parts, dweights);
    }
}
