//! Sparse categorical cross-entropy from logits, with the batch's loss and accuracy.

use super::loss::{LabelledLogits, Loss};
use crate::graph::{DispatchBuilder, Graph, GraphError, Recorder, TensorId};
use crate::kernel::{operations, wgsl};

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
        self.loss(|logits| SoftmaxCrossEntropy { logits, smoothing }, logits, minibatch)
    }
}

impl SoftmaxCrossEntropy {
    /// Completes a dispatch whose source says where the logits come from and what happens to their gradient. It computes
    /// the loss, and the gradient of the logits if `dlogits` is given. Training records it in the backward pass, so that
    /// both are one dispatch.
    pub(super) fn complete(
        &self,
        dispatch: DispatchBuilder<'_, '_>,
        minibatch: TensorId,
        metrics: TensorId,
        dlogits: Option<TensorId>,
        flops: u64,
        trips: usize,
    ) {
        let [rows, classes] = self.logits;
        (self.rows().bind(dispatch, minibatch, metrics, dlogits))
            .source(wgsl!("softmax_cross_entropy/loss"))
            .size("CLASSES", classes)
            .cost(operations([rows, classes, 8]) + flops, rows.div_ceil(64) * (4 * classes + trips) + 64)
            .record();
    }
}

impl Loss for SoftmaxCrossEntropy {
    fn rows(&self) -> LabelledLogits {
        LabelledLogits { logits: self.logits, smoothing: self.smoothing }
    }

    fn record(
        &self,
        recorder: &mut Recorder,
        logits: TensorId,
        minibatch: TensorId,
        metrics: TensorId,
        dlogits: Option<TensorId>,
    ) {
        let dispatch = recorder.dispatch("loss").a(logits).source(wgsl!("softmax_cross_entropy/logits"));
        self.complete(dispatch, minibatch, metrics, dlogits, 0, 0);
    }
}
