//! Sparse categorical cross-entropy from logits, with the batch's loss and accuracy.

use crate::graph::{
    Access, DispatchBuilder, Graph, GraphError, Home, Inputs, Mode, Operation, Recorder, Sink, TensorId,
};
use crate::kernel::{operations, wgsl};
use crate::shape::Shape;

/// Steps whose metrics the device keeps until the host reads them.
pub const METRIC_SLOTS: usize = 64;

/// Mean over the minibatch of `logsumexp(logits) - dot(target, logits)`, where the target is 1 at the label; with label
/// smoothing (Szegedy et al. 2016) `1 - smoothing` there, and `smoothing / classes` added everywhere.
///
/// Each run writes four words into the slot `number % METRIC_SLOTS` of the metrics: the sum of the losses (the bits of an
/// f32), the number of rows whose label has the largest logit, the number of rows whose label has one of the five largest,
/// and the number of images. Of equal logits the first counts as the largest. A label that is no class makes the loss NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoftmaxCrossEntropy {
    /// `[n, classes]`
    pub logits: [usize; 2],
    /// From 0, which means no smoothing, to 1.
    pub smoothing: f64,
}

impl Graph {
    /// Adds the loss of `logits` `[n, classes]` against the labels of the minibatch.
    ///
    /// # Errors
    /// Logits that are no rows, a minibatch of another number of images, a smoothing that is no share.
    pub fn softmax_cross_entropy(
        &mut self,
        logits: TensorId,
        minibatch: TensorId,
        smoothing: f64,
    ) -> Result<TensorId, GraphError> {
        let inputs = self.inputs("loss", &[logits])?;
        let dims = <[usize; 2]>::try_from(inputs.tensors()[0].shape.dims());
        let logits_shape = dims.map_err(|_| inputs.refuse("logits have the shape [n, classes]"))?;
        let operation = SoftmaxCrossEntropy { logits: logits_shape, smoothing };
        let loss = self.add_own_node("loss", operation, &[logits, minibatch])?;
        self.set_home(loss, Home::Metrics);
        Ok(loss)
    }
}

impl SoftmaxCrossEntropy {
    /// Whether `input` is a minibatch with a label for each row, and the settings make sense.
    pub(super) fn check_labels(&self, inputs: &Inputs<'_>, input: usize) -> Result<(), GraphError> {
        inputs.positive("the logits", &self.logits)?;
        let (images, rows) = (inputs.minibatch(input)?.images(), self.logits[0]);
        if images != rows {
            return Err(inputs.refuse(format!("there are logits of {rows} images, but labels of {images}")));
        }
        if !(0.0..=1.0).contains(&self.smoothing) {
            let smoothing = self.smoothing;
            return Err(inputs.refuse(format!("its label smoothing is {smoothing}, but it must be from 0 to 1")));
        }
        Ok(())
    }

    /// Completes a dispatch whose source says where the logits come from and what happens to their gradient. It computes
    /// the loss, and the gradient of the logits if `dlogits` is given. Training records it in the backward pass, so that
    /// both are one dispatch.
    pub(super) fn record(
        &self,
        dispatch: DispatchBuilder<'_, '_>,
        minibatch: TensorId,
        metrics: TensorId,
        dlogits: Option<TensorId>,
        flops: u64,
        trips: usize,
    ) {
        let [rows, classes] = self.logits;
        let dispatch = match dlogits {
            Some(dlogits) => dispatch.c(dlogits).shared(wgsl!("softmax_cross_entropy/gradient")),
            None => dispatch.shared(wgsl!("softmax_cross_entropy/no_gradient")),
        };
        dispatch
            .minibatch(minibatch)
            .bind(7, metrics, Access::ReadWrite)
            .source(wgsl!("softmax_cross_entropy/loss"))
            .size("ROWS", rows)
            .size("CLASSES", classes)
            .size("STRIDE", classes.next_multiple_of(4))
            .size("SLOTS", METRIC_SLOTS)
            .constant("SMOOTHING", self.smoothing)
            .cost(operations([rows, classes, 8]) + flops, rows.div_ceil(64) * (4 * classes + trips) + 64)
            .record();
    }

    fn record_alone(&self, recorder: &mut Recorder, inputs: &[TensorId], metrics: TensorId, dlogits: Option<TensorId>) {
        let dispatch = recorder.dispatch("loss").a(inputs[0]).source(wgsl!("softmax_cross_entropy/logits"));
        self.record(dispatch, inputs[1], metrics, dlogits, 0, 0);
    }
}

impl Operation for SoftmaxCrossEntropy {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.count(2)?;
        inputs.shape(0, self.logits)?;
        self.check_labels(inputs, 1)
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![[METRIC_SLOTS, 4].into()]
    }

    fn is_loss(&self) -> bool {
        true
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        if recorder.mode() == Mode::Infer {
            self.record_alone(recorder, inputs, outputs[0], None);
        }
    }

    fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &[TensorId],
        outputs: &[TensorId],
        _dy: TensorId,
        sinks: &[Option<Sink>],
    ) {
        match &sinks[0] {
            Some(sink) => {
                recorder.store(sink, |recorder, dx| self.record_alone(recorder, inputs, outputs[0], Some(dx)))
            }
            None => self.record_alone(recorder, inputs, outputs[0], None),
        }
    }
}
