//! Convolution and max pooling of 2 x 2 cells in one dispatch. Cells that the pooling drops are not stored, and cells at
//! the border that it ignores are not computed.

use crate::graph::{Epilogue, GraphError, Inputs, Operation, Recorder, Sink, TensorId};
use crate::ops::conv2d::Conv2d;
use crate::ops::ending::Ending;
use crate::shape::Shape;

/// A convolution followed by max pooling of windows of 2 x 2 cells, 2 apart. The second output is the place of each maximum
/// in its window, counted in row-major order; it is -1 where relu makes the gradient 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2dMaxPool2d {
    /// The convolution.
    pub convolution: Conv2d,
}

impl Conv2dMaxPool2d {
    /// `[n, oh / 2, ow / 2, filters]`
    fn pooled(&self) -> [usize; 4] {
        let [oh, ow] = self.convolution.output_size();
        [self.convolution.input[0], oh / 2, ow / 2, self.convolution.filters]
    }

    /// Whether the backward pass starts from the gradient of the pooled output. The gradient of the weights alone can always be
    /// computed from that.
    fn takes_maxima(&self, recorder: &Recorder, dx_is_needed: bool) -> bool {
        !dx_is_needed || self.convolution.takes_maxima(recorder.target())
    }
}

impl Operation for Conv2dMaxPool2d {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        let convolution = &self.convolution;
        inputs.count(2)?;
        convolution.check_shapes(inputs, convolution.input)?;
        if convolution.output_size().iter().any(|size| *size < 2) {
            return Err(inputs.refuse("the output of the convolution is smaller than the 2 x 2 cells that are pooled"));
        }
        Ok(())
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![self.pooled().into(); 2]
    }

    fn epilogue(&self, recorder: &Recorder, outputs: &[TensorId], needed: &[bool]) -> Epilogue {
        match self.takes_maxima(recorder, needed[0]) {
            true => Epilogue::None,
            false => Epilogue::Scatter { pooled: self.pooled(), places: outputs[1] },
        }
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        self.convolution.record_forward(recorder, inputs, outputs[0], Some(outputs[1]), Ending::None);
    }

    fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &[TensorId],
        outputs: &[TensorId],
        dy: TensorId,
        sinks: &[Option<Sink>],
    ) {
        // Else it starts from the gradient of the cells, as `epilogue` says.
        let places = self.takes_maxima(recorder, sinks[0].is_some()).then_some(outputs[1]);
        if let Some(sink) = &sinks[1] {
            self.convolution.record_dw(recorder, inputs[0], dy, true, places, sink);
        }
        if let Some(sink) = &sinks[0] {
            self.convolution.record_dx(recorder, inputs[1], dy, true, places, sink);
        }
    }
}
