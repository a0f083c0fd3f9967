//! What the losses share: labels, metrics, and when they are computed.

use crate::graph::{
    Access, DispatchBuilder, Graph, GraphError, Home, Inputs, Mode, Operation, Recorder, Sink, TensorId,
};
use crate::kernel::wgsl;
use crate::shape::Shape;

/// Steps whose metrics the device keeps until the host reads them.
pub const METRIC_SLOTS: usize = 64;

/// Rows of logits with a label each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct LabelledLogits {
    /// `[n, units]`
    pub logits: [usize; 2],
    /// Label smoothing, from 0 to 1.
    pub smoothing: f64,
}

impl LabelledLogits {
    /// Whether `input` is a minibatch with a label for each row, and the settings make sense.
    pub fn check(self, inputs: &Inputs<'_>, input: usize) -> Result<(), GraphError> {
        let Self { logits, smoothing } = self;
        inputs.positive("the logits", &logits)?;
        let (images, rows) = (inputs.minibatch(input)?.images(), logits[0]);
        if images != rows {
            return Err(inputs.refuse(format!("there are logits of {rows} images, but labels of {images}")));
        }
        if !(0.0..=1.0).contains(&smoothing) {
            return Err(inputs.refuse(format!("its label smoothing is {smoothing}, but it must be from 0 to 1")));
        }
        Ok(())
    }

    /// Binds what a loss reads and writes besides the logits: the gradient of the logits, if `dlogits` is given, as `c`.
    pub fn bind<'r, 'g>(
        self,
        dispatch: DispatchBuilder<'r, 'g>,
        minibatch: TensorId,
        metrics: TensorId,
        dlogits: Option<TensorId>,
    ) -> DispatchBuilder<'r, 'g> {
        let dispatch = match dlogits {
            Some(dlogits) => dispatch.c(dlogits).shared(wgsl!("loss/gradient")),
            None => dispatch.shared(wgsl!("loss/no_gradient")),
        };
        let [rows, units] = self.logits;
        bind_metrics(dispatch.minibatch(minibatch), metrics)
            .shared(wgsl!("loss/sums"))
            .size("ROWS", rows)
            .size("STRIDE", units.next_multiple_of(4))
            .constant("SMOOTHING", self.smoothing)
    }
}

/// Binds the metrics, which are read and written through `shaders/metrics.wgsl`.
pub(crate) fn bind_metrics<'r, 'g>(dispatch: DispatchBuilder<'r, 'g>, metrics: TensorId) -> DispatchBuilder<'r, 'g> {
    dispatch.shared(wgsl!("metrics")).size("SLOTS", METRIC_SLOTS).bind(7, metrics, Access::ReadWrite)
}

/// A loss of logits and a minibatch: one dispatch computes it, and the gradient of the logits too.
pub(super) trait Loss {
    /// Its logits and labels.
    fn rows(&self) -> LabelledLogits;

    /// Records the loss of `logits`, with their gradient if there is a place for it.
    fn record(
        &self,
        recorder: &mut Recorder,
        logits: TensorId,
        minibatch: TensorId,
        metrics: TensorId,
        dlogits: Option<TensorId>,
    );
}

impl Graph {
    /// Adds the loss that `make` makes of the shape `[n, units]` of `logits`.
    pub(super) fn loss<L: Operation + 'static>(
        &mut self,
        make: impl FnOnce([usize; 2]) -> L,
        logits: TensorId,
        minibatch: TensorId,
    ) -> Result<TensorId, GraphError> {
        let inputs = self.inputs("loss", &[logits])?;
        let shape = <[usize; 2]>::try_from(inputs.tensors()[0].shape.dims());
        let shape = shape.map_err(|_| inputs.refuse("logits have the shape [n, units]"))?;
        self.loss_node("loss", make(shape), &[logits, minibatch])
    }

    /// Adds a node whose first output is the metrics.
    pub(crate) fn loss_node(
        &mut self,
        name: &str,
        operation: impl Operation + 'static,
        inputs: &[TensorId],
    ) -> Result<TensorId, GraphError> {
        let loss = self.add_own_node(name, operation, inputs)?;
        self.set_home(loss, Home::Metrics);
        Ok(loss)
    }
}

impl<L: Loss + std::any::Any + std::fmt::Debug + Send + Sync> Operation for L {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        inputs.count(2)?;
        inputs.shape(0, self.rows().logits)?;
        self.rows().check(inputs, 1)
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
            self.record(recorder, inputs[0], inputs[1], outputs[0], None);
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
        let record =
            |recorder: &mut Recorder, dlogits| self.record(recorder, inputs[0], inputs[1], outputs[0], dlogits);
        match &sinks[0] {
            Some(sink) => recorder.store(sink, |recorder, dx| record(recorder, Some(dx))),
            None => record(recorder, None),
        }
    }
}
