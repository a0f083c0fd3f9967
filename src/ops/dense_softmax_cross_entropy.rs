//! The last dense layer, the loss of its logits, and their gradients in one dispatch.

use crate::graph::{GraphError, Inputs, Mode, Operation, Recorder, Sink, TensorId};
use crate::kernel::{Storage, operations, wgsl};
use crate::ops::conv2d::Conv2d;
use crate::ops::dense::Dense;
use crate::ops::loss::{Loss, LossPlaces, METRIC_SLOTS};
use crate::ops::softmax_cross_entropy::SoftmaxCrossEntropy;
use crate::shape::Shape;

/// Most classes, since an invocation holds the logits of a row in registers.
const MOST_CLASSES: usize = 64;

/// Most multiply-adds, since one workgroup does them all.
const MOST_PRODUCTS: usize = 1 << 20;

/// A dense layer without activation whose outputs are logits, and their [`SoftmaxCrossEntropy`]. The second output is the
/// logits `[n, classes]`, which are written in inference only.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DenseSoftmaxCrossEntropy {
    /// The layer, with a bias and without relu.
    pub dense: Dense,
    /// Label smoothing, as in [`SoftmaxCrossEntropy`].
    pub smoothing: f64,
}

impl DenseSoftmaxCrossEntropy {
    /// Number of the output that holds the logits.
    pub const LOGITS: usize = 1;

    /// Whether a layer is small enough for one workgroup.
    pub fn takes(dense: &Dense) -> bool {
        let [rows, features] = dense.input;
        dense.bias
            && !dense.relu
            && dense.units <= MOST_CLASSES
            && rows.saturating_mul(features).saturating_mul(dense.units) <= MOST_PRODUCTS
    }

    fn loss(&self) -> SoftmaxCrossEntropy {
        SoftmaxCrossEntropy { logits: [self.dense.input[0], self.dense.units], smoothing: self.smoothing }
    }

    /// Records the dispatch. It writes the gradient of `x` to `f` in training, and the logits in inference.
    fn record(
        &self,
        recorder: &mut Recorder,
        inputs: &[TensorId],
        metrics: TensorId,
        dlogits: Option<TensorId>,
        f: Option<TensorId>,
        gated: bool,
    ) {
        let [rows, features] = self.dense.input;
        let products = rows * features * self.dense.units;
        let name = recorder.graph().tensor(metrics).name.clone();
        let shares_rows = recorder.target().storage == Storage::Buffers;
        let file = match shares_rows {
            true => wgsl!("softmax_cross_entropy/dense_logits_of_workgroup"),
            false => wgsl!("softmax_cross_entropy/dense_logits"),
        };
        let flops = operations([2, products, if dlogits.is_some() { 2 } else { 1 }]);
        let trips = features.div_ceil(4) * (2 + 2 * self.dense.units.div_ceil(4));
        let places = LossPlaces { name, minibatch: inputs[2], metrics, dlogits };
        self.loss().record_rows(recorder, &places, [flops, trips as u64], |dispatch| {
            (dispatch.a(inputs[0]).b(inputs[1]).f(f))
                .source(file)
                // Compilers of CPUs take long to unroll a loop of constant length.
                .size_or_number("FEATURES", features.next_multiple_of(4), !shares_rows)
                .size("BIAS_FIRST", Conv2d::from(self.dense).bias_first())
                .constant("GATED", gated)
        });
    }
}

impl Operation for DenseSoftmaxCrossEntropy {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.count(3)?;
        Conv2d::from(self.dense).check_shapes(inputs, self.dense.input)?;
        if !Self::takes(&self.dense) {
            return Err(inputs.refuse("the layer is too large to be computed with its loss, or no layer of logits"));
        }
        self.loss().rows().check(inputs, 2)
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![[METRIC_SLOTS, 4].into(), self.loss().logits.into()]
    }

    fn is_loss(&self) -> bool {
        true
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        if recorder.mode() == Mode::Infer {
            self.record(recorder, inputs, outputs[0], None, Some(outputs[Self::LOGITS]), false);
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
        let metrics = outputs[0];
        let dlogits = recorder.temporary(format!("d {}", recorder.graph().tensor(metrics).name), self.loss().logits);
        match &sinks[0] {
            Some(sink) if sink.is_gated_by_input(recorder) => {
                self.record(recorder, inputs, metrics, Some(dlogits), Some(sink.gradient), true);
            }
            Some(sink) => recorder.store(sink, |recorder, dx| {
                self.record(recorder, inputs, metrics, Some(dlogits), Some(dx), false);
            }),
            None => self.record(recorder, inputs, metrics, Some(dlogits), None, false),
        }
        if let Some(sink) = &sinks[1] {
            Conv2d::from(self.dense).record_dw(recorder, inputs[0], dlogits, false, None, sink);
        }
    }
}
