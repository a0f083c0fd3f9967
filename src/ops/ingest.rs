//! Conversion of bytes to floats, the first dispatch of every step.

use super::Augmentation;
use crate::graph::{Graph, GraphError, Inputs, Mode, Operation, Recorder, Sink, TensorId};
use crate::kernel::wgsl;
use crate::minibatch::Minibatch;
use crate::shape::Shape;

/// `x = byte / 255` of the pixels of a minibatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ingest {
    /// `[n, h, w, c]`
    pub output: [usize; 4],
    /// Changes to the images, in training only.
    pub augmentation: Augmentation,
}

impl Graph {
    /// Adds the conversion of a minibatch's bytes to floats.
    ///
    /// # Errors
    /// A minibatch with images of another size.
    pub fn ingest(&mut self, ingest: Ingest, minibatch: TensorId) -> Result<TensorId, GraphError> {
        self.add_own_node("images", ingest, &[minibatch])
    }
}

impl Operation for Ingest {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.count(1)?;
        let [n, h, w, c] = self.output;
        if inputs.minibatch(0)? != Minibatch::new(n, [h, w, c]) {
            return Err(inputs.refuse(format!("the minibatch has no images of {:?}", self.output)));
        }
        inputs.positive("the images", &self.output)
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![self.output.into()]
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        let name = recorder.graph().tensor(outputs[0]).name.clone();
        let [_, h, w, channels] = self.output;
        let augmented = recorder.mode() == Mode::Train && self.augmentation != Augmentation::default();
        let mut dispatch = recorder.dispatch(name).c(outputs[0]).minibatch(inputs[0]);
        dispatch = if augmented {
            dispatch
                .shared(wgsl!("random"))
                .shared(wgsl!("ingest/augmented"))
                .size("H", h)
                .size("W", w)
                .constant("FLIP", self.augmentation.flip)
                .size("CROP", self.augmentation.crop)
                .size("CUTOUT", self.augmentation.cutout)
        } else {
            dispatch.shared(wgsl!("ingest/plain"))
        };
        dispatch
            .source(wgsl!("ingest/pixels"))
            .size("CHANNELS", channels)
            .size("STRIDE", channels.next_multiple_of(4))
            .elementwise(&self.output.into(), 1)
            .record();
    }

    fn backward(&self, _: &mut Recorder, _: &[TensorId], _: &[TensorId], _: TensorId, _: &[Option<Sink>]) {}
}
