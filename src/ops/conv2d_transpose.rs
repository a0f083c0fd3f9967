//! Transposed convolution: the gradient of the input of a convolution, as an operation of its own.

use crate::graph::{Epilogue, Graph, GraphError, Inputs, Operation, Recorder, Sink, TensorId, VariableSpec};
use crate::ops::Conv2d;
use crate::ops::ending::Ending;
use crate::ops::padding::Padding;
use crate::shape::Shape;

/// What a convolution that makes `[n, h, w, c]` of `[n, oh, ow, filters]` does to its gradient: `[n, h, w, c]` becomes
/// `[n, oh, ow, filters]`. Its kernel is `[kh, kw, filters, c]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conv2dTranspose {
    /// `[n, h, w, c]`
    pub input: [usize; 4],
    /// Output channels.
    pub filters: usize,
    /// `[oh, ow]`. Windows of the kernel in an image of this size, so far apart and with this padding, must be `h` by `w`.
    pub output: [usize; 2],
    /// `[kh, kw]`
    pub kernel: [usize; 2],
    /// `[sy, sx]`
    pub stride: [usize; 2],
    /// Whether windows may reach past the output.
    pub padding: Padding,
}

impl Graph {
    /// Adds a transposed convolution of `x` by the weights `w`, which hold [`Conv2dTranspose::variables`]:
    /// `[n, oh, ow, filters]`.
    ///
    /// # Errors
    /// A geometry that does not fit `x` or `w`.
    pub fn conv2d_transpose(
        &mut self,
        name: &str,
        geometry: Conv2dTranspose,
        x: TensorId,
        w: TensorId,
    ) -> Result<TensorId, GraphError> {
        self.add_own_node(name, geometry, &[x, w])
    }
}

impl Conv2dTranspose {
    /// The convolution whose gradient it is.
    fn convolution(&self) -> Conv2d {
        let ([n, _, _, c], [oh, ow]) = (self.input, self.output);
        Conv2d {
            input: [n, oh, ow, self.filters],
            filters: c,
            kernel: self.kernel,
            stride: self.stride,
            padding: self.padding,
            bias: false,
            relu: false,
        }
    }

    /// Its variable: the kernel.
    pub fn variables(&self, layer: &str) -> Vec<VariableSpec> {
        self.convolution().variables(layer)
    }
}

impl Operation for Conv2dTranspose {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.count(2)?;
        inputs.positive("the image", &self.input)?;
        let convolution = self.convolution();
        convolution.check_shapes(inputs, self.input)?;
        let (windows, [_, h, w, _]) = (convolution.output_size(), self.input);
        if windows != [h, w] {
            return Err(inputs.refuse(format!(
                "{:?} has {windows:?} windows of {:?}, not those of {:?}",
                self.output, self.kernel, self.input
            )));
        }
        Ok(())
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![self.convolution().input.into()]
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        let sink = Sink { input: outputs[0], gradient: outputs[0], earlier: None, epilogue: Epilogue::None };
        self.convolution().record_dx(recorder, inputs[1], inputs[0], false, None, &sink);
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
            self.convolution().record_dw(recorder, dy, inputs[0], false, None, sink);
        }
        if let Some(sink) = &sinks[0] {
            recorder.store(sink, |recorder, dx| {
                self.convolution().record_forward(recorder, &[dy, inputs[1]], dx, None, Ending::None);
            });
        }
    }
}
