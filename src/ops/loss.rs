//! What the losses share: labels, metrics, and when they are computed.

use crate::graph::{
    Access, DispatchBuilder, Graph, GraphError, Home, Inputs, Mode, Operation, Recorder, Sink, TensorId,
};
use crate::kernel::{Storage, operations, wgsl};
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

    /// Records the loss that `complete` adds to a dispatch, with the gradient of the logits, if `dlogits` is given, as `c`; it
    /// takes `flops` operations, and `trips` loop iterations for a row. Of `a` and `f`, which `complete` may bind, it reaches
    /// that row. On a CPU one workgroup computes all rows and their sum. On a GPU there is a workgroup for each row, and
    /// another dispatch adds them up.
    pub fn record(
        self,
        recorder: &mut Recorder,
        places: &LossPlaces,
        [flops, trips]: [u64; 2],
        complete: impl for<'r, 'g> FnOnce(DispatchBuilder<'r, 'g>) -> DispatchBuilder<'r, 'g>,
    ) {
        let [rows, units] = self.logits;
        let LossPlaces { name, minibatch, metrics, dlogits } = places;
        let by_rows = recorder.target().storage == Storage::Buffers;
        let losses = by_rows.then(|| recorder.temporary(format!("{name} of images"), [rows, 4]));
        let dispatch = complete(recorder.dispatch(name)).minibatch(*minibatch);
        let dispatch = match dlogits {
            Some(dlogits) => dispatch.c(*dlogits).shared(wgsl!("loss/gradient")),
            None => dispatch.shared(wgsl!("loss/no_gradient")),
        };
        let dispatch = match dispatch.loss_scale().filter(|_| dlogits.is_some()) {
            Some(scale) => dispatch.h(Some(scale)).shared(wgsl!("loss/scaled")),
            None => dispatch.shared(wgsl!("loss/unscaled")),
        };
        let dispatch = (dispatch.shared(wgsl!("loss/row")).shared(wgsl!("loss/rows")))
            .size("ROWS", rows)
            .size("STRIDE", units.next_multiple_of(4))
            .constant("SMOOTHING", self.smoothing);
        let trips = trips as usize;
        let Some(losses) = losses else {
            let trips = rows.div_ceil(64) * trips + 64;
            let dispatch = bind_metrics(dispatch, *metrics).shared(wgsl!("loss/sums"));
            return dispatch.shared(wgsl!("loss/one_workgroup")).cost(flops, trips).record();
        };
        (dispatch.g(Some(losses)).shared(wgsl!("loss/workgroup_of_row")).workgroups(rows, 1))
            .cost(flops, trips)
            .joinable_at_least(64)
            .by_rows(rows, &[0, 2, 5, 8])
            .record();
        bind_metrics(recorder.dispatch(format!("{name}, sum")).a(losses).minibatch(*minibatch), *metrics)
            .source(wgsl!("loss/total"))
            .shared(wgsl!("loss/row"))
            .shared(wgsl!("loss/sums"))
            .size("ROWS", rows)
            .cost(operations([4, rows]), rows.div_ceil(64) + 64)
            .joinable_at_least(64)
            .record();
    }
}

/// Where a loss finds the labels and what it writes.
pub(super) struct LossPlaces {
    pub name: String,
    pub minibatch: TensorId,
    pub metrics: TensorId,
    /// The gradient of the logits, if it is computed.
    pub dlogits: Option<TensorId>,
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
    fn record(&self, recorder: &mut Recorder, logits: TensorId, places: &LossPlaces);
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

fn places(inputs: &[TensorId], outputs: &[TensorId], dlogits: Option<TensorId>) -> LossPlaces {
    LossPlaces { name: "loss".into(), minibatch: inputs[1], metrics: outputs[0], dlogits }
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
            self.record(recorder, inputs[0], &places(inputs, outputs, None));
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
        let record = |recorder: &mut Recorder, dlogits| {
            self.record(recorder, inputs[0], &places(inputs, outputs, dlogits));
        };
        match &sinks[0] {
            Some(sink) => recorder.store(sink, |recorder, dx| record(recorder, Some(dx))),
            None => record(recorder, None),
        }
    }
}
