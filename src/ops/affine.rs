//! A scale and an offset for each channel, which training does not change.

use crate::graph::{Graph, GraphError, Inputs, Operation, Recorder, Sink, TensorId};
use crate::kernel::wgsl;
use crate::shape::Shape;

/// A map of each channel: `(x - center) * scale + offset`.
#[derive(Clone, Debug, PartialEq)]
pub struct ChannelScale {
    /// Subtracted first, so that nothing cancels where it is large beside the deviation of `x`.
    pub center: Vec<f64>,
    /// Factor.
    pub scale: Vec<f64>,
    /// Added at the end.
    pub offset: Vec<f64>,
}

impl ChannelScale {
    /// Its three lists, each of which has a number for each channel.
    fn lists(&self) -> [&[f64]; 3] {
        [&self.center, &self.scale, &self.offset]
    }

    /// Whether all channels have the same numbers.
    fn is_alike(&self) -> bool {
        self.lists().iter().all(|list| list.iter().all(|number| *number == list[0]))
    }
}

/// `y = (x - center) * scale + offset`, by the last axis of `x`.
#[derive(Clone, Debug, PartialEq)]
pub struct Affine {
    /// Shape of `x` and `y`: any with at least one size.
    pub shape: Shape,
    /// The numbers of the channels.
    pub channels: ChannelScale,
}

impl Affine {
    /// The most channels that can have different numbers: the tables of them are in one uniform of 64 KiB.
    pub const MOST_CHANNELS: usize = 4096;

    /// Records `to = (from - center) * scale + offset`.
    fn record(recorder: &mut Recorder, [from, to]: [TensorId; 2], channels: &ChannelScale) {
        let tensor = recorder.graph().tensor(to);
        let (name, shape) = (tensor.name.clone(), tensor.shape.clone());
        // Numbers that are alike fill one vector.
        let alike = channels.is_alike();
        let period = if alike { 4 } else { shape.padded_columns() };
        let mut dispatch = recorder.dispatch(name).a(from).c(to).source(wgsl!("affine"));
        for (table, numbers) in ["CENTER", "SCALE", "OFFSET"].into_iter().zip(channels.lists()) {
            dispatch = match alike {
                true => dispatch.table(table, &[numbers[0]; 4]),
                false => dispatch.table(table, numbers),
            };
        }
        dispatch
            .number("CHANNELS", shape.columns())
            .number("STRIDE", shape.padded_columns())
            .number("PERIOD", period)
            .elementwise(&shape, 3)
            .record();
    }
}

impl Graph {
    /// Adds `(x - center) * scale + offset` for `x` `[.., c]`, where `channels` has `c` numbers of each kind: the shape of `x`.
    ///
    /// # Errors
    /// Numbers that are not finite as float32 or not as many as the channels, more than [`Affine::MOST_CHANNELS`] channels
    /// that differ, or a tensor of another graph.
    pub fn affine(&mut self, name: &str, x: TensorId, channels: ChannelScale) -> Result<TensorId, GraphError> {
        let shape = self.inputs(name, &[x])?.tensors()[0].shape.clone();
        self.add_own_node(name, Affine { shape, channels }, &[x])
    }
}

impl Operation for Affine {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.count(1)?;
        inputs.positive("the shape", self.shape.dims())?;
        inputs.shape(0, self.shape.clone())?;
        let columns = self.shape.columns();
        for list in self.channels.lists() {
            if list.len() != columns {
                return Err(inputs.refuse(format!("it has numbers for {} channels, not {columns}", list.len())));
            }
            if let Some(number) = list.iter().find(|number| !(**number as f32).is_finite()) {
                return Err(inputs.refuse(format!("one of its numbers is {number}, but it must be finite")));
            }
        }
        if columns > Self::MOST_CHANNELS && !self.channels.is_alike() {
            let most = Self::MOST_CHANNELS;
            return Err(inputs.refuse(format!("it has {columns} channels that differ, but at most {most} may")));
        }
        Ok(())
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![self.shape.clone()]
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        Self::record(recorder, [inputs[0], outputs[0]], &self.channels);
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
        let zeros = vec![0.0; self.shape.columns()];
        let slope = ChannelScale { center: zeros.clone(), scale: self.channels.scale.clone(), offset: zeros };
        recorder.store(sink, |recorder, dx| Self::record(recorder, [dy, dx], &slope));
    }
}
