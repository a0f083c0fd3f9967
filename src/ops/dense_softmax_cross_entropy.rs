//! The last dense layer, the loss of its logits, and their gradients in one dispatch.

use crate::graph::{Graph, GraphError, Home, Inputs, Mode, Operation, Recorder, TensorId};
use crate::kernel::wgsl;
use crate::ops::conv2d::Conv2d;
use crate::ops::dense::Dense;
use crate::ops::softmax_cross_entropy::{METRIC_SLOTS, SoftmaxCrossEntropy};
use crate::shape::Shape;

/// Most classes, since an invocation holds the logits of a row in registers.
const MOST_CLASSES: usize = 64;

/// Most multiply-adds, since one workgroup does them all.
const MOST_PRODUCTS: usize = 1 << 20;

/// A dense layer without activation whose outputs are logits, and their [`SoftmaxCrossEntropy`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct DenseSoftmaxCrossEntropy {
    /// The layer, with a bias and without relu.
    pub dense: Dense,
    /// Label smoothing, as in [`SoftmaxCrossEntropy`].
    pub smoothing: f64,
    /// The logits `[n, classes]`, which are written in inference only.
    logits: TensorId,
}

impl Graph {
    /// Adds the loss of the logits `x w + b` against the labels of the minibatch: the logits, and the loss.
    ///
    /// # Errors
    /// A layer that does not fit `x`, `w` or the minibatch, or one that [`DenseSoftmaxCrossEntropy::takes`] refuses.
    pub fn dense_softmax_cross_entropy(
        &mut self,
        name: &str,
        dense: Dense,
        x: TensorId,
        w: TensorId,
        minibatch: TensorId,
        smoothing: f64,
    ) -> Result<[TensorId; 2], GraphError> {
        check(&dense, smoothing, &self.inputs(name, &[x, w, minibatch])?)?;
        let logits = self.add_tensor(name, [dense.input[0], dense.units], Home::Slot);
        let loss =
            self.add_own_node("loss", DenseSoftmaxCrossEntropy { dense, smoothing, logits }, &[x, w, minibatch])?;
        self.set_home(loss, Home::Metrics);
        Ok([logits, loss])
    }
}

fn check(dense: &Dense, smoothing: f64, inputs: &Inputs<'_>) -> Result<(), GraphError> {
    inputs.count(3)?;
    Conv2d::from(*dense).check_shapes(inputs, dense.input)?;
    if !DenseSoftmaxCrossEntropy::takes(dense) {
        return Err(inputs.refuse("the layer is too large to be computed with its loss, or no layer of logits"));
    }
    SoftmaxCrossEntropy { logits: [dense.input[0], dense.units], smoothing }.check_labels(inputs, 2)
}

impl DenseSoftmaxCrossEntropy {
    /// Whether a layer is small enough for one workgroup.
    pub fn takes(dense: &Dense) -> bool {
        let [rows, features] = dense.input;
        dense.bias
            && !dense.relu
            && dense.units <= MOST_CLASSES
            && rows.saturating_mul(features).saturating_mul(dense.units) <= MOST_PRODUCTS
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
        let name = format!("{} + loss", recorder.graph().tensor(self.logits).name);
        let dispatch = recorder
            .dispatch(name)
            .a(inputs[0])
            .b(inputs[1])
            .f(f)
            .source(wgsl!("softmax_cross_entropy/dense_logits"))
            .size("FEATURES", features.next_multiple_of(4))
            .constant("GATED", gated);
        let loss = SoftmaxCrossEntropy { logits: [rows, self.dense.units], smoothing: self.smoothing };
        let flops = 2 * products * if dlogits.is_some() { 2 } else { 1 };
        let trips = features.div_ceil(4) * (2 + 2 * self.dense.units.div_ceil(4));
        loss.record(dispatch, inputs[2], metrics, dlogits, flops, trips);
    }
}

impl Operation for DenseSoftmaxCrossEntropy {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        check(&self.dense, self.smoothing, inputs)
    }

    fn output_shape(&self) -> Shape {
        [METRIC_SLOTS, 4].into()
    }

    fn is_loss(&self) -> bool {
        true
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], output: TensorId) {
        if recorder.mode() == Mode::Infer {
            self.record(recorder, inputs, output, None, Some(self.logits), false);
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
        let tensor = recorder.graph().tensor(self.logits);
        let (name, shape) = (format!("d {}", tensor.name), tensor.shape.clone());
        let dlogits = recorder.temporary(name, shape);
        let gated = gradients[0].is_some() && recorder.graph().ends_in_relu(inputs[0]);
        self.record(recorder, inputs, output, Some(dlogits), gradients[0], gated);
        if let (Some(dx), true) = (gradients[0], gated) {
            recorder.mark_stopped_by_relu(dx);
        }
        if let Some(dw) = gradients[1] {
            Conv2d::from(self.dense).record_dw(recorder, inputs[0], dlogits, false, None, dw);
        }
    }
}
