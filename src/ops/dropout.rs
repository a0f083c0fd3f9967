//! Dropout (Srivastava et al. 2014), scaled in training as Keras does.

use crate::graph::{Graph, GraphError, Inputs, Mode, Operation, Recorder, Sink, TensorId};
use crate::kernel::wgsl;
use crate::shape::Shape;

/// What is kept or dropped as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Noise {
    /// Each element by itself.
    Elements,
    /// A channel of an image `[n, .., c]` (Tompson et al. 2014).
    Channels,
    /// An image (stochastic depth, Huang et al. 2016).
    Images,
}

/// In training, each element is 0 with probability `rate`, else divided by `1 - rate`; in inference nothing changes. That is
/// drawn once for what is dropped as a whole.
///
/// The elements that are dropped depend on nothing but seed, update, layer and place. So the gradient drops the same ones,
/// and a run can be repeated.
#[derive(Clone, Debug, PartialEq)]
pub struct Dropout {
    /// Shape `[n, ..]` of `x` and `y`.
    pub shape: Shape,
    /// Share that is dropped: at least 0 and below 1.
    pub rate: f64,
    /// A number that differs between the dropouts of a network.
    pub layer: usize,
    /// What is kept or dropped as a whole.
    pub noise: Noise,
}

impl Graph {
    /// Adds dropout of `x`: the shape of `x`.
    ///
    /// # Errors
    /// A rate that is no share, a tensor that is no minibatch, or tensors of another graph.
    pub fn dropout(&mut self, name: &str, rate: f64, x: TensorId, minibatch: TensorId) -> Result<TensorId, GraphError> {
        self.add_dropout(name, rate, Noise::Elements, [x, minibatch])
    }

    /// Adds dropout of whole channels of the images of `x` `[n, .., c]`: the shape of `x`.
    ///
    /// # Errors
    /// As [`Graph::dropout`].
    pub fn dropout_of_channels(
        &mut self,
        name: &str,
        rate: f64,
        x: TensorId,
        minibatch: TensorId,
    ) -> Result<TensorId, GraphError> {
        self.add_dropout(name, rate, Noise::Channels, [x, minibatch])
    }

    /// Adds dropout of whole images of `x` `[n, ..]`: the shape of `x`.
    ///
    /// # Errors
    /// As [`Graph::dropout`].
    pub fn dropout_of_images(
        &mut self,
        name: &str,
        rate: f64,
        x: TensorId,
        minibatch: TensorId,
    ) -> Result<TensorId, GraphError> {
        self.add_dropout(name, rate, Noise::Images, [x, minibatch])
    }

    fn add_dropout(
        &mut self,
        name: &str,
        rate: f64,
        noise: Noise,
        inputs: [TensorId; 2],
    ) -> Result<TensorId, GraphError> {
        let shape = self.inputs(name, &inputs[..1])?.tensors()[0].shape.clone();
        let layer = self.tensors().count();
        self.add_own_node(name, Dropout { shape, rate, layer, noise }, &inputs)
    }
}

impl Dropout {
    /// Records dropout of `from`: `x` in the forward pass, `dy` in the backward pass.
    fn record(&self, recorder: &mut Recorder, from: TensorId, minibatch: TensorId, to: TensorId) {
        let rate = if recorder.mode() == Mode::Train { self.rate } else { 0.0 };
        let name = recorder.graph().tensor(to).name.clone();
        let images = self.shape.dims().first().copied().unwrap_or(1).max(1);
        let image = self.shape.padded_elements() / images;
        // An element has one among four random numbers, as has a channel; an image has the first.
        let (whole, quads) = match self.noise {
            Noise::Elements => (0, 0),
            Noise::Channels => (image, self.shape.padded_columns() / 4),
            Noise::Images => (image, 0),
        };
        recorder
            .dispatch(name)
            .a(from)
            .c(to)
            .minibatch(minibatch)
            .shared(wgsl!("random"))
            .source(wgsl!("dropout"))
            // As a part of 2^32.
            .constant("DROPPED", (rate * 2.0_f64.powi(32)).floor())
            .constant("SCALE", 1.0 / (1.0 - rate))
            .size("LAYER", self.layer)
            .size("IMAGE", whole)
            .size("QUADS", quads)
            .elementwise(&self.shape, 1)
            .record();
    }
}

impl Operation for Dropout {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.count(2)?;
        inputs.shape(0, self.shape.clone())?;
        inputs.minibatch(1)?;
        if !(0.0..1.0).contains(&self.rate) {
            return Err(inputs.refuse(format!("its rate is {}, but it must be at least 0 and below 1", self.rate)));
        }
        Ok(())
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![self.shape.clone()]
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        self.record(recorder, inputs[0], inputs[1], outputs[0]);
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
            recorder.store(sink, |recorder, dx| self.record(recorder, dy, inputs[1], dx));
        }
    }
}
