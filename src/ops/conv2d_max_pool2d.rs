//! Convolution and max pooling of 2 x 2 cells in one dispatch. Cells that the pooling drops are not stored, and cells at
//! the border that it ignores are not computed.

use crate::graph::{Graph, GraphError, Home, Inputs, Operation, Recorder, TensorId};
use crate::ops::conv2d::Conv2d;
use crate::ops::max_pool2d::MaxPool2d;
use crate::shape::Shape;

/// A convolution followed by max pooling of windows of 2 x 2 cells, 2 apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2dMaxPool2d {
    /// The convolution.
    pub convolution: Conv2d,
    /// Place of each maximum in its window, counted in row-major order. It is -1 where relu makes the gradient 0.
    places: TensorId,
}

impl Graph {
    /// Adds a convolution of `x` by `w` and max pooling of its output: `[n, oh / 2, ow / 2, filters]`.
    ///
    /// # Errors
    /// A geometry that does not fit `x` or `w`, or an output of less than 2 x 2 cells.
    pub fn conv2d_max_pool2d(
        &mut self,
        name: &str,
        convolution: Conv2d,
        x: TensorId,
        w: TensorId,
    ) -> Result<TensorId, GraphError> {
        check(&convolution, &self.inputs(name, &[x, w])?)?;
        let shape = output_shape(&convolution);
        let places = self.add_tensor(format!("{name} places"), shape, Home::Slot);
        let y = self.add_own_node(name, Conv2dMaxPool2d { convolution, places }, &[x, w])?;
        self.mark_pooled(y, places);
        Ok(y)
    }
}

fn check(convolution: &Conv2d, inputs: &Inputs<'_>) -> Result<(), GraphError> {
    inputs.count(2)?;
    convolution.check_shapes(inputs, convolution.input)?;
    if convolution.output_size().iter().any(|size| *size < 2) {
        return Err(inputs.refuse("the output of the convolution is smaller than the 2 x 2 cells that are pooled"));
    }
    Ok(())
}

fn output_shape(convolution: &Conv2d) -> Shape {
    let [oh, ow] = convolution.output_size();
    [convolution.input[0], oh / 2, ow / 2, convolution.filters].into()
}

impl Operation for Conv2dMaxPool2d {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        check(&self.convolution, inputs)
    }

    fn output_shape(&self) -> Shape {
        output_shape(&self.convolution)
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], output: TensorId) {
        self.convolution.record_forward(recorder, inputs, output, Some(self.places));
    }

    fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &[TensorId],
        _output: TensorId,
        dy: TensorId,
        gradients: &[Option<TensorId>],
    ) {
        let Some(dx) = gradients[0] else {
            // Only the gradient of the weights needs that of the cells, and it can read the pooled one.
            if let Some(dw) = gradients[1] {
                self.convolution.record_dw(recorder, inputs[0], dy, true, Some(self.places), dw);
            }
            return;
        };
        let cells = recorder.cells_of(dy).unwrap_or_else(|| {
            let [oh, ow] = self.convolution.computed_size(true);
            let name = format!("{} cells", recorder.graph().tensor(dy).name);
            let shape = [self.convolution.input[0], oh, ow, self.convolution.filters];
            let cells = recorder.temporary(name, shape);
            MaxPool2d::record_dx_of_pairs(recorder, dy, self.places, cells);
            cells
        });
        if let Some(dw) = gradients[1] {
            self.convolution.record_dw(recorder, inputs[0], cells, true, None, dw);
        }
        self.convolution.record_dx(recorder, inputs, cells, true, dx);
    }
}
