//! Sparse categorical cross-entropy from logits, with the batch's loss and accuracy.

use crate::graph::{Access, DispatchBuilder, Graph, Home, Mode, Operation, Recorder, TensorId};
use crate::kernel::wgsl;
use crate::shape::Shape;

/// Steps whose metrics the device keeps until the host reads them.
pub const METRIC_SLOTS: usize = 64;

/// Mean over the minibatch of `logsumexp(logits) - dot(target, logits)`, where the target is 1 at the label; with label
/// smoothing (Szegedy et al. 2016) `1 - smoothing` there, and `smoothing / classes` added everywhere.
///
/// Each run writes four words into the slot `number % METRIC_SLOTS` of the metrics: the sum of the losses (as bits), how
/// many rows have their largest logit at the label, how many have it among the five largest, the number of images. Of
/// equal logits the first counts as the largest. A label that is no class makes the loss NaN.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoftmaxCrossEntropy {
    /// `[n, classes]`
    pub logits: [usize; 2],
    /// From 0, which is none, up to 1.
    pub smoothing: f64,
}

impl Graph {
    /// Adds the loss of `logits` `[n, classes]` against the labels of the minibatch.
    pub fn softmax_cross_entropy(&mut self, logits: TensorId, minibatch: TensorId, smoothing: f64) -> TensorId {
        let dims = self.tensor(logits).shape.dims();
        let operation = SoftmaxCrossEntropy { logits: [dims[0], dims[1]], smoothing };
        let loss = self.add_node("loss", operation, &[logits, minibatch]);
        self.set_home(loss, Home::Metrics);
        loss
    }
}

impl SoftmaxCrossEntropy {
    /// Records the loss, whose logits and what goes further back the dispatch knows; with the gradient of the logits if
    /// there is a place for it. They are one dispatch, which training records in its backward pass.
    pub(super) fn record(
        &self,
        dispatch: DispatchBuilder<'_, '_>,
        minibatch: TensorId,
        metrics: TensorId,
        dlogits: Option<TensorId>,
        flops: usize,
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
            .cost(rows * classes * 8 + flops, rows.div_ceil(64) * (4 * classes + trips) + 64)
            .record();
    }

    fn record_alone(&self, recorder: &mut Recorder, inputs: &[TensorId], metrics: TensorId, dlogits: Option<TensorId>) {
        let dispatch = recorder.dispatch("loss").a(inputs[0]).source(wgsl!("softmax_cross_entropy/logits"));
        self.record(dispatch, inputs[1], metrics, dlogits, 0, 0);
    }
}

impl Operation for SoftmaxCrossEntropy {
    fn output_shape(&self) -> Shape {
        [METRIC_SLOTS, 4].into()
    }

    fn is_loss(&self) -> bool {
        true
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], output: TensorId) {
        if recorder.mode() == Mode::Infer {
            self.record_alone(recorder, inputs, output, None);
        }
    }

    fn backward(
        &self,
        recorder: &mut Recorder,
        inputs: &[TensorId],
        output: TensorId,
        _dy: TensorId,
        gradients: &[Option<TensorId>],
    ) {
        self.record_alone(recorder, inputs, output, gradients[0]);
    }
}
