//! Binary cross-entropy of sigmoid units from their logits, with the batch's loss and accuracy.

use crate::graph::{Access, Graph, GraphError, Home, Inputs, Mode, Operation, Recorder, Sink, TensorId};
use crate::kernel::{operations, wgsl};
use crate::ops::softmax_cross_entropy::{METRIC_SLOTS, SoftmaxCrossEntropy};
use crate::shape::Shape;

/// Mean over the minibatch and the units of `-t log(sigmoid(z)) - (1 - t) log(1 - sigmoid(z))`, for a logit `z` and its
/// target `t`, as in Keras's `BinaryCrossentropy`. One unit stands for the second of two classes: its target is the label.
/// Several units stand for a class each: their targets are 1 at the label, else 0. Label smoothing makes `t` into
/// `(1 - smoothing) t + smoothing / 2`.
///
/// It writes the metrics that [`SoftmaxCrossEntropy`] writes. The logit of the first of two
/// classes counts as 0.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct BinaryCrossEntropy {
    /// `[n, units]`
    pub logits: [usize; 2],
    /// From 0, which is none, up to 1.
    pub smoothing: f64,
}

impl Graph {
    /// Adds the loss of `logits` `[n, units]` against the labels of the minibatch.
    ///
    /// # Errors
    /// Logits that are no rows, a minibatch of another number of images, a smoothing that is no share.
    pub fn binary_cross_entropy(
        &mut self,
        logits: TensorId,
        minibatch: TensorId,
        smoothing: f64,
    ) -> Result<TensorId, GraphError> {
        let inputs = self.inputs("loss", &[logits])?;
        let dims = <[usize; 2]>::try_from(inputs.tensors()[0].shape.dims());
        let logits_shape = dims.map_err(|_| inputs.refuse("logits have the shape [n, units]"))?;
        let operation = BinaryCrossEntropy { logits: logits_shape, smoothing };
        let loss = self.add_own_node("loss", operation, &[logits, minibatch])?;
        self.set_home(loss, Home::Metrics);
        Ok(loss)
    }
}

impl BinaryCrossEntropy {
    /// Records the loss, with the gradient of the logits if there is a place for it.
    fn record(&self, recorder: &mut Recorder, inputs: &[TensorId], metrics: TensorId, dlogits: Option<TensorId>) {
        let [rows, units] = self.logits;
        let dispatch = recorder.dispatch("loss").a(inputs[0]);
        let dispatch = match dlogits {
            Some(dlogits) => dispatch.c(dlogits).shared(wgsl!("softmax_cross_entropy/gradient")),
            None => dispatch.shared(wgsl!("softmax_cross_entropy/no_gradient")),
        };
        dispatch
            .minibatch(inputs[1])
            .bind(7, metrics, Access::ReadWrite)
            .source(wgsl!("binary_cross_entropy/loss"))
            .size("ROWS", rows)
            .size("UNITS", units)
            .size("STRIDE", units.next_multiple_of(4))
            .size("SLOTS", METRIC_SLOTS)
            .constant("SMOOTHING", self.smoothing)
            .cost(operations([rows, units, 16]), rows.div_ceil(64) * units.div_ceil(4) + 64)
            .record();
    }
}

impl Operation for BinaryCrossEntropy {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        let Self { logits, smoothing } = *self;
        inputs.count(2)?;
        inputs.shape(0, logits)?;
        // Both losses need a label for each row.
        SoftmaxCrossEntropy { logits, smoothing }.check_labels(inputs, 1)
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![[METRIC_SLOTS, 4].into()]
    }

    fn is_loss(&self) -> bool {
        true
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        // In training the loss is computed with its gradient, in the backward pass.
        if recorder.mode() == Mode::Infer {
            self.record(recorder, inputs, outputs[0], None);
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
            Some(sink) => recorder.store(sink, |recorder, dx| self.record(recorder, inputs, outputs[0], Some(dx))),
            None => self.record(recorder, inputs, outputs[0], None),
        }
    }
}
