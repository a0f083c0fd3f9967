//! Bytes to floats: the first dispatch of every step.

use crate::graph::{Access, Graph, Operation, Recorder, TensorId};
use crate::kernel::wgsl;
use crate::shape::Shape;

/// Words before the labels of a staged minibatch: step, length, Adam's alpha (as bits), one unused.
pub const MINIBATCH_HEADER: usize = 4;

/// `x = byte / 255` of a staged minibatch: [`MINIBATCH_HEADER`] words, `n` labels, then the pixels as bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ingest {
    /// `[n, h, w, c]`
    pub output: [usize; 4],
}

impl Ingest {
    /// Words of a staged minibatch of `[n, h, w, c]` pixels.
    pub fn words(pixels: [usize; 4]) -> usize {
        MINIBATCH_HEADER + pixels[0] + pixels.iter().product::<usize>().div_ceil(4)
    }
}

impl Graph {
    /// Adds the conversion of a minibatch's bytes to `[n, h, w, c]` floats.
    pub fn ingest(&mut self, output: [usize; 4], minibatch: TensorId) -> TensorId {
        self.add_node("images", Ingest { output }, &[minibatch])
    }
}

impl Operation for Ingest {
    fn output_shape(&self) -> Shape {
        self.output.into()
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], output: TensorId) {
        let name = recorder.graph().tensor(output).name.clone();
        recorder
            .dispatch(name)
            .c(output)
            .bind(0, inputs[0], Access::Read)
            .source(wgsl!("ingest"))
            .size("FIRST", MINIBATCH_HEADER + self.output[0])
            .size("CHANNELS", self.output[3])
            .size("STRIDE", self.output[3].next_multiple_of(4))
            .elementwise(&self.output_shape(), 1)
            .record();
    }

    fn backward(&self, _: &mut Recorder, _: &[TensorId], _: TensorId, _: TensorId, _: &[Option<TensorId>]) {}
}
