//! Binary cross-entropy of sigmoid units from their logits, with the batch's loss and accuracy.

use super::loss::{LabelledLogits, Loss, LossPlaces};
use crate::graph::{Graph, GraphError, Recorder, TensorId};
use crate::kernel::{operations, wgsl};

/// Mean over the minibatch and the units of `-t log(sigmoid(z)) - (1 - t) log(1 - sigmoid(z))`, for a logit `z` and its
/// target `t`, as in Keras's `BinaryCrossentropy`. One unit stands for the second of two classes: its target is the label.
/// Several units stand for a class each: their targets are 1 at the label, else 0. Label smoothing makes `t` into
/// `(1 - smoothing) t + smoothing / 2`.
///
/// It writes the metrics that [`SoftmaxCrossEntropy`](super::SoftmaxCrossEntropy) writes. The logit of the first of two
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
        self.loss(|logits| BinaryCrossEntropy { logits, smoothing }, logits, minibatch)
    }
}

impl Loss for BinaryCrossEntropy {
    fn rows(&self) -> LabelledLogits {
        LabelledLogits { logits: self.logits, smoothing: self.smoothing }
    }

    fn record(&self, recorder: &mut Recorder, logits: TensorId, places: &LossPlaces) {
        let [rows, units] = self.logits;
        let cost = [operations([rows, units, 16]), units.div_ceil(4) as u64];
        self.rows().record(recorder, places, cost, |dispatch| {
            dispatch.a(logits).source(wgsl!("binary_cross_entropy/loss")).size("UNITS", units)
        });
    }
}
