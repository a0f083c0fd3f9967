//! Images made larger by whole factors.

use serde::{Deserialize, Serialize};

use crate::graph::{Graph, GraphError, Inputs, Operation, Recorder, Sink, TensorId};
use crate::kernel::{Wgsl, wgsl};
use crate::shape::Shape;

/// Largest factor. A pixel's gradient is a sum over a window of two factors in each direction.
const MOST: usize = 64;

/// What the new pixels are made of.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interpolation {
    /// The nearest pixel.
    #[default]
    Nearest,
    /// The two nearest pixels in each direction, by their distance. Pixels are as large as they are, so that their centres
    /// are at halves; past the outermost centres, the outermost pixels count.
    Bilinear,
}

impl Interpolation {
    /// The file that defines what a new pixel is made of.
    fn source(self) -> Wgsl {
        match self {
            Self::Nearest => wgsl!("up_sampling2d/nearest"),
            Self::Bilinear => wgsl!("up_sampling2d/bilinear"),
        }
    }
}

/// `[n, h, w, c]` as `[n, h fy, w fx, c]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UpSampling2d {
    /// `[n, h, w, c]`
    pub input: [usize; 4],
    /// `[fy, fx]`, from 1 to 64.
    pub factors: [usize; 2],
    /// What the new pixels are made of.
    pub interpolation: Interpolation,
}

impl Graph {
    /// Adds the images of `x` `[n, h, w, c]`, enlarged by `factors` `[fy, fx]`: `[n, h fy, w fx, c]`.
    ///
    /// # Errors
    /// A tensor that is no image, or a factor of 0 or of more than 64.
    pub fn up_sampling2d(
        &mut self,
        name: &str,
        factors: [usize; 2],
        interpolation: Interpolation,
        x: TensorId,
    ) -> Result<TensorId, GraphError> {
        let input = self.inputs(name, &[x])?.image(0)?;
        self.add_own_node(name, UpSampling2d { input, factors, interpolation }, &[x])
    }
}

impl UpSampling2d {
    /// Largest factor.
    pub const MOST: usize = MOST;

    /// `[n, h fy, w fx, c]`
    pub fn output(&self) -> [usize; 4] {
        let ([n, h, w, c], [y, x]) = (self.input, self.factors);
        [n, h.saturating_mul(y), w.saturating_mul(x), c]
    }

    fn record(&self, recorder: &mut Recorder, from: TensorId, to: TensorId, kernel: Wgsl, trips: usize) {
        let tensor = recorder.graph().tensor(to);
        let (name, shape) = (tensor.name.clone(), tensor.shape.clone());
        let ([_, h, w, _], [_, oh, ow, _]) = (self.input, self.output());
        let taps = trips.max(1) as u64 * 4;
        recorder
            .dispatch(name)
            .a(from)
            .c(to)
            .source(kernel)
            .source(self.interpolation.source())
            .size("H", h)
            .size("W", w)
            .size("OH", oh)
            .size("OW", ow)
            .size("C", shape.padded_columns())
            .size("FACTOR_Y", self.factors[0])
            .size("FACTOR_X", self.factors[1])
            .elementwise(&shape, taps)
            .cost(taps.saturating_mul(shape.elements() as u64), trips)
            .record();
    }
}

impl Operation for UpSampling2d {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.count(1)?;
        inputs.shape(0, self.input)?;
        inputs.positive("the image", &self.input)?;
        inputs.positive("the factors", &self.factors)?;
        if self.factors.iter().any(|factor| *factor > MOST) {
            return Err(inputs.refuse(format!("its factors {:?} must be at most {MOST}", self.factors)));
        }
        Ok(())
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![self.output().into()]
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        self.record(recorder, inputs[0], outputs[0], wgsl!("up_sampling2d/forward"), 0);
    }

    fn backward(
        &self,
        recorder: &mut Recorder,
        _inputs: &[TensorId],
        _outputs: &[TensorId],
        dy: TensorId,
        sinks: &[Option<Sink>],
    ) {
        let Some(sink) = &sinks[0] else { return };
        // A line of the window has an iteration of its own.
        let [y, x] = self.factors.map(|factor| 2 * factor + 1);
        recorder.store(sink, |recorder, dx| self.record(recorder, dy, dx, wgsl!("up_sampling2d/dx"), y * (x + 1)));
    }
}
