//! Bytes to floats: the first dispatch of every step.

use super::Augmentation;
use crate::graph::{Access, DispatchBuilder, Graph, Mode, Operation, Recorder, TensorId};
use crate::kernel::wgsl;
use crate::shape::Shape;

/// Words before the labels of a staged minibatch: step, length, Adam's alpha and the weights' decay (as bits), number of
/// the update, the two words of the seed, one unused.
pub const MINIBATCH_HEADER: usize = 8;

/// Words of the header that random numbers are made from.
const UPDATE: usize = 4;
const SEED: usize = 5;

/// `x = byte / 255` of a staged minibatch: [`MINIBATCH_HEADER`] words, `n` labels, then the pixels as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ingest {
    /// `[n, h, w, c]`
    pub output: [usize; 4],
    /// In training.
    pub augmentation: Augmentation,
}

impl Ingest {
    /// Words of a staged minibatch of `[n, h, w, c]` pixels.
    pub fn words(pixels: [usize; 4]) -> usize {
        MINIBATCH_HEADER + pixels[0] + pixels.iter().product::<usize>().div_ceil(4)
    }
}

impl Graph {
    /// Adds the conversion of a minibatch's bytes to floats.
    pub fn ingest(&mut self, ingest: Ingest, minibatch: TensorId) -> TensorId {
        self.add_node("images", ingest, &[minibatch])
    }
}

/// Completes a dispatch that draws random numbers: it binds the minibatch at 1.
pub(super) fn random_words<'r, 'g>(dispatch: DispatchBuilder<'r, 'g>) -> DispatchBuilder<'r, 'g> {
    dispatch.shared(wgsl!("random")).size("UPDATE", UPDATE).size("SEED", SEED)
}

impl Operation for Ingest {
    fn output_shape(&self) -> Shape {
        self.output.into()
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], output: TensorId) {
        let name = recorder.graph().tensor(output).name.clone();
        let [_, h, w, channels] = self.output;
        let augmented = recorder.mode() == Mode::Train && self.augmentation != Augmentation::default();
        let mut dispatch = recorder.dispatch(name).c(output).bind(1, inputs[0], Access::Read);
        dispatch = if augmented {
            random_words(dispatch)
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
            .size("FIRST", MINIBATCH_HEADER + self.output[0])
            .size("CHANNELS", channels)
            .size("STRIDE", channels.next_multiple_of(4))
            .elementwise(&self.output_shape(), 1)
            .record();
    }

    fn backward(&self, _: &mut Recorder, _: &[TensorId], _: TensorId, _: TensorId, _: &[Option<TensorId>]) {}
}
