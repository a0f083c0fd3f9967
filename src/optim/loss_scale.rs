//! The scale of the loss, which keeps gradients inside the range of 16 bits.

use super::GradientTable;
use super::update_rule::Correction;
use crate::graph::{Dispatch, Graph, LOSS_SCALE_LEN, Mode, Recorder, TensorId};
use crate::kernel::wgsl;

/// Good updates after which the scale is doubled.
const GROWTH_INTERVAL: usize = 2000;

/// The scale that training begins with.
const FIRST_SCALE: f32 = 32_768.0;

/// The state of the loss scale, which the device keeps. The gradient of the loss is multiplied by the scale, so that small
/// gradients do not vanish in 16 bits, and the update divides by it. Where a gradient of a trained variable is not finite,
/// the update is skipped and the scale is halved; after 2000 updates in a row that were not, it is doubled (Micikevicius et
/// al. 2018, section 3.2, with the factors and the interval of PyTorch's `torch.amp.GradScaler`). Scales are powers of two,
/// so that nothing is rounded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct LossScale {
    /// The scale of the next step.
    pub scale: f32,
    /// Updates in a row that were not skipped, since the scale was changed last.
    pub good: u64,
    /// Updates that were skipped.
    pub skipped: u64,
    /// The powers of Adam's `beta1` and `beta2` whose exponent is the number of updates that were taken.
    pub powers: [f32; 2],
    /// The scale of the step before: that of the gradients which are on the device.
    pub of_gradients: f32,
}

impl Default for LossScale {
    fn default() -> Self {
        Self { scale: FIRST_SCALE, good: 0, skipped: 0, powers: [1.0; 2], of_gradients: FIRST_SCALE }
    }
}

impl LossScale {
    /// The state as `shaders/optimizer/loss_scale.wgsl` keeps it.
    pub(crate) fn to_floats(self) -> [f32; LOSS_SCALE_LEN] {
        let Self { scale, good, skipped, powers: [first, second], of_gradients } = self;
        [scale, good as f32, skipped as f32, 0.0, first, second, of_gradients, 0.0]
    }

    /// The state of these floats; none if they are none.
    pub(crate) fn from_floats(floats: &[f32]) -> Option<Self> {
        let &[scale, good, skipped, _, first, second, of_gradients, _] = floats else { return None };
        let is_scale = |scale: f32| scale.is_finite() && scale > 0.0;
        let state = Self { scale, good: good as u64, skipped: skipped as u64, powers: [first, second], of_gradients };
        (is_scale(scale) && is_scale(of_gradients) && state.to_floats() == floats).then_some(state)
    }
}

/// Records what decides on an update by the gradients of `table`: whether it is taken, and by which factors. Returns the
/// tensor of these.
pub(super) fn record(
    graph: &mut Graph,
    table: &GradientTable,
    clip_norm: Option<f64>,
    correction: Correction,
    state: TensorId,
) -> (Vec<Dispatch>, TensorId) {
    let (mut dispatches, norm) = table.record_norm(graph);
    let mut recorder = Recorder::new(graph, Mode::Train);
    let factors = recorder.temporary("factors of the update", [4]);
    recorder
        .dispatch("loss scale")
        .a(norm)
        .updated("state", 4, Some(state))
        .c(factors)
        .source(wgsl!("optimizer/loss_scale"))
        .constant("CLIP_NORM", clip_norm.unwrap_or(0.0))
        .constant("BETA1", correction.betas[0])
        .constant("BETA2", correction.betas[1])
        .constant("OF_RATE", correction.rate as u32)
        .constant("OF_EPSILON", correction.epsilon as u32)
        .size("GROWTH_INTERVAL", GROWTH_INTERVAL)
        .cost(32, 0)
        .record();
    dispatches.extend(recorder.finish());
    (dispatches, factors)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_state_is_read_as_it_was_written() {
        let state = LossScale { scale: 0.5, good: 1999, skipped: 3, powers: [0.5, 0.75], of_gradients: 1.0 };
        assert_eq!(LossScale::from_floats(&state.to_floats()), Some(state));
        for wrong in [&[1.0; 7][..], &[0.0; 8], &[f32::NAN; 8], &[1.0, 0.5, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0]] {
            assert_eq!(LossScale::from_floats(wrong), None);
        }
    }
}
