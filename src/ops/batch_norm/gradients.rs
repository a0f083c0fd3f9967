//! The backward pass of batch normalization.

use super::BatchNorm;
use crate::graph::{DispatchBuilder, Recorder, Sink, TensorId};
use crate::kernel::wgsl;
use crate::ops::activation::ActivationFunction;

/// Where the gradients go, of those inputs whose gradient is needed.
pub(super) struct Gradients {
    pub dx: Option<TensorId>,
    /// Whether the gradient of x is 0 where x is not positive.
    pub gated: bool,
    pub dweights: Option<TensorId>,
}

/// [`Recorder::store`], if there is a sink.
pub(super) fn store(recorder: &mut Recorder, sink: Option<&Sink>, write: impl FnOnce(&mut Recorder, Option<TensorId>)) {
    match sink {
        Some(sink) => recorder.store(sink, |recorder, gradient| write(recorder, Some(gradient))),
        None => write(recorder, None),
    }
}

impl BatchNorm {
    pub(super) fn record_gradients(
        &self,
        recorder: &mut Recorder,
        inputs: &[TensorId],
        saved: TensorId,
        dy: TensorId,
        gradients: Gradients,
    ) {
        let Gradients { dx, gated, dweights } = gradients;
        let x = [inputs[0], inputs[1], saved];
        if self.frozen {
            if let Some(dweights) = dweights {
                let (sums, parts) = self.record_sums(recorder, x, dy);
                self.columns(recorder).record_parameters(recorder, self.parameters(), sums, parts, dweights);
            }
            if let Some(dx) = dx {
                self.record_frozen_dx(recorder, x, dy, dx);
            }
            return;
        }
        let (sums, parts) = self.record_sums(recorder, x, dy);
        match (dx, dweights) {
            (Some(dx), _) => self.record_dx(recorder, x, dy, (sums, parts), (dx, gated), dweights),
            (None, Some(dweights)) => {
                self.columns(recorder).record_parameters(recorder, self.parameters(), sums, parts, dweights);
            }
            (None, None) => {}
        }
    }

    /// Records the sums that dgamma, dbeta and `dx` need. Gives them, and the number of their parts.
    fn record_sums(
        &self,
        recorder: &mut Recorder,
        [x, minibatch, saved]: [TensorId; 3],
        dy: TensorId,
    ) -> (TensorId, usize) {
        let columns = self.columns(recorder);
        let slice = columns.slice(recorder.target().busy_workgroups);
        let parts = columns.parts(slice);
        let name = format!("{} sums", recorder.graph().tensor(dy).name);
        let sums = recorder.temporary(name.clone(), [parts, 2, columns.channels]);
        let dispatch = columns.dispatch(recorder, name).a(x).b(dy).c(sums).d(Some(saved));
        let dispatch = columns
            .define_sums(self.define_saved(self.counted(dispatch, minibatch)))
            .source(wgsl!("norm/parameter_sums"));
        columns.complete(dispatch, slice, 0, 6).record();
        (sums, parts)
    }

    fn record_dx(
        &self,
        recorder: &mut Recorder,
        [x, minibatch, saved]: [TensorId; 3],
        dy: TensorId,
        (sums, parts): (TensorId, usize),
        (dx, gated): (TensorId, bool),
        dweights: Option<TensorId>,
    ) {
        let columns = self.columns(recorder);
        let slice = columns.slice(2 * recorder.target().busy_workgroups);
        let name = recorder.graph().tensor(dx).name.clone();
        let dweights = dweights.map(|tensor| (tensor, recorder.graph().tensor(tensor).shape.padded_elements()));
        let dispatch = columns.dispatch(recorder, name).a(x).b(dy).c(dx).d(Some(saved));
        let dispatch = columns.define_sums(self.define_saved(self.counted(dispatch, minibatch)));
        let dispatch = self
            .parameters()
            .sum_parts(dispatch, sums, parts, dweights)
            .source(wgsl!("batch_norm/dx"))
            .constant("GATED", gated)
            .aligned(1 << 0 | 1 << 1 | 1 << 2);
        columns.complete(dispatch, slice, parts, 8).record();
    }

    /// Defines the saved statistics, which are operand `d`, and the activation whose slope the gradient is to be multiplied
    /// by. The slope is that at the normalized `x`, which is computed again.
    fn define_saved<'r, 'g>(&self, dispatch: DispatchBuilder<'r, 'g>) -> DispatchBuilder<'r, 'g> {
        ActivationFunction::define(self.sloped(), dispatch)
            .shared(wgsl!("batch_norm/standard"))
            .source(wgsl!("batch_norm/saved"))
    }

    fn record_frozen_dx(&self, recorder: &mut Recorder, [x, _, saved]: [TensorId; 3], dy: TensorId, dx: TensorId) {
        let shape = &self.input;
        let name = recorder.graph().tensor(dx).name.clone();
        let dispatch = recorder.dispatch(name).a(dy).c(dx).d(Some(saved));
        let dispatch = match self.sloped() {
            Some(_) => dispatch.b(x),
            None => dispatch.shared(wgsl!("access/read_none").of("b", 1)),
        };
        self.define_saved(dispatch)
            .shared(wgsl!("norm/depth_1"))
            .source(wgsl!("batch_norm/frozen_dx"))
            .size("C", shape.padded_columns())
            .elementwise(shape, 1)
            .record();
    }
}
