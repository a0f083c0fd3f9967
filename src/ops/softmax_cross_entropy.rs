//! Sparse categorical cross-entropy from logits, with the batch's loss and accuracy.

use super::loss::{LabelledLogits, Loss, LossPlaces};
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
    /// Records a loss whose logits come from where `complete` says, which also says what happens to their gradient. That
    /// takes `[flops, trips]` more: operations, and loop iterations for a row. Training records it in the backward pass, so
    /// that loss and gradient are one dispatch.
    pub(super) fn record_rows(
        &self,
        recorder: &mut Recorder,
        places: &LossPlaces,
        [flops, trips]: [u64; 2],
        complete: impl for<'r, 'g> FnOnce(DispatchBuilder<'r, 'g>) -> DispatchBuilder<'r, 'g>,
    ) {
        let [rows, classes] = self.logits;
        let cost = [operations([rows, classes, 8]) + flops, 4 * classes as u64 + trips];
        self.rows().record(recorder, places, cost, |dispatch| {
            complete(dispatch).source(wgsl!("softmax_cross_entropy/loss")).size("CLASSES", classes)
        });
    }
}

impl Loss for SoftmaxCrossEntropy {
    fn rows(&self) -> LabelledLogits {
        LabelledLogits { logits: self.logits, smoothing: self.smoothing }
    }

    fn record(&self, recorder: &mut Recorder, logits: TensorId, places: &LossPlaces) {
        self.record_rows(recorder, places, [0, 0], |dispatch| {
            dispatch.a(logits).source(wgsl!("softmax_cross_entropy/logits"))
        });
    }
}
