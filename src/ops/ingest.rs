//! Conversion of bytes to floats, the first dispatch of every step.

use super::{Augmentation, ChannelScale};
use crate::graph::{Graph, GraphError, Home, Inputs, Mode, Operation, Recorder, Sink, TensorId};
use crate::kernel::{Access, wgsl};
use crate::minibatch::Minibatch;
use crate::shape::Shape;

/// A scale and an offset of each channel: `x * scale + offset`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct PixelScale {
    /// One factor for each channel; all are 1 where the list is empty.
    pub scale: Vec<f64>,
    /// One for each channel; all are 0 where the list is empty.
    pub offset: Vec<f64>,
}

impl PixelScale {
    /// Whether an ingest can scale `channels` channels: at most four, or all of them alike.
    ///
    /// The numbers must be finite as float32.
    pub fn fits(&self, channels: usize) -> bool {
        let fits = |numbers: &Vec<f64>| {
            let alike = numbers.iter().all(|number| *number == numbers[0]);
            let finite = numbers.iter().all(|number| (*number as f32).is_finite());
            finite && (numbers.is_empty() || (numbers.len() == channels && (alike || channels <= LANES)))
        };
        fits(&self.scale) && fits(&self.offset)
    }

    /// What it and then `next` make of pixels of `channels` channels, as one scale and offset.
    #[must_use]
    pub(crate) fn then(&self, next: &ChannelScale, channels: usize) -> Self {
        let number = |list: &[f64], channel: usize, default: f64| list.get(channel).copied().unwrap_or(default);
        let each = |channel| {
            let (scale, offset) = (number(&self.scale, channel, 1.0), number(&self.offset, channel, 0.0));
            let factor = next.scale[channel];
            (scale * factor, (offset - next.center[channel]) * factor + next.offset[channel])
        };
        let (scale, offset) = (0..channels).map(each).unzip();
        Self { scale, offset }
    }

    /// Whether it is a division by 255, which is a little more exact than a multiplication by the rounded quotient.
    fn divides_by_255(&self) -> bool {
        let scale = !self.scale.is_empty() && self.scale.iter().all(|scale| *scale == 1.0 / 255.0);
        scale && self.offset.iter().all(|offset| *offset == 0.0)
    }
}

/// The pixels of a minibatch as floats: bytes from 0 to 255, scaled.
#[derive(Clone, Debug, PartialEq)]
pub struct Ingest {
    /// `[n, h, w, c]`
    pub output: [usize; 4],
    /// Changes to the images, in training only.
    pub augmentation: Augmentation,
    /// What the bytes go through.
    pub scale: PixelScale,
}

/// Channels that an invocation converts.
const LANES: usize = 4;

const SCALES: [&str; LANES] = ["SCALE_0", "SCALE_1", "SCALE_2", "SCALE_3"];
const OFFSETS: [&str; LANES] = ["OFFSET_0", "OFFSET_1", "OFFSET_2", "OFFSET_3"];

impl Graph {
    /// Adds the conversion of a minibatch's bytes to floats.
    ///
    /// # Errors
    /// A minibatch with images of another size.
    pub fn ingest(&mut self, ingest: Ingest, minibatch: TensorId) -> Result<TensorId, GraphError> {
        let images = match self.home(minibatch) {
            Home::Minibatch(minibatch) if minibatch.held() > 0 => Some(minibatch.held_words()),
            _ => None,
        };
        let images = images.map(|words| self.add_tensor("images on the device", [words], Home::Images));
        self.add_own_node("images", ingest, &[minibatch].into_iter().chain(images).collect::<Vec<_>>())
    }
}

impl Operation for Ingest {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        let minibatch = inputs.minibatch(0)?;
        inputs.count(if minibatch.held() == 0 { 1 } else { 2 })?;
        let [n, h, w, c] = self.output;
        if minibatch != Minibatch::new(n, [h, w, c]).beside(minibatch.held()) {
            return Err(inputs.refuse(format!("the minibatch has no images of {:?}", self.output)));
        }
        if !self.scale.fits(c) {
            return Err(inputs.refuse(format!("its scale is not for {c} channels, or not finite as float32")));
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
        dispatch = match inputs.get(1) {
            Some(images) => dispatch.shared(wgsl!("ingest/held")).bind(0, *images, Access::Read).size("PIXELS", h * w),
            None => dispatch.shared(wgsl!("ingest/sent")),
        };
        // Where there are more channels than lanes, they have one number.
        let numbers = |numbers: &[f64], default: f64| -> [f64; LANES] {
            std::array::from_fn(|lane| *numbers.get(lane).or(numbers.first()).unwrap_or(&default))
        };
        for (name, value) in SCALES.into_iter().zip(numbers(&self.scale.scale, 1.0)) {
            dispatch = dispatch.constant(name, value);
        }
        for (name, value) in OFFSETS.into_iter().zip(numbers(&self.scale.offset, 0.0)) {
            dispatch = dispatch.constant(name, value);
        }
        dispatch
            .constant("BY_255", self.scale.divides_by_255())
            .source(wgsl!("ingest/pixels"))
            .size("CHANNELS", channels)
            .size("STRIDE", channels.next_multiple_of(4))
            .elementwise(&self.output.into(), 1)
            .record();
    }

    fn backward(&self, _: &mut Recorder, _: &[TensorId], _: &[TensorId], _: TensorId, _: &[Option<Sink>]) {}
}
