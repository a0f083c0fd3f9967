//! What a convolution does to its result before it stores it, and the operation of a convolution with a normalization behind
//! it.

use crate::graph::{DispatchBuilder, GraphError, Inputs, Operation, Recorder, Sink, TensorId};
use crate::kernel::wgsl;
use crate::ops::batch_norm::BatchNorm;
use crate::shape::Shape;

/// What the kernel of a convolution does to its result before it stores it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Ending<'n> {
    /// Nothing.
    None,
    /// It normalizes it by moving averages.
    Normalized {
        /// The normalization.
        norm: &'n BatchNorm,
        /// Its inputs from the moving averages on.
        operands: &'n [TensorId],
    },
}

impl Ending<'_> {
    /// Defines the functions `begin_ending` and `ended`, which the kernel calls.
    pub fn define<'r, 'g>(self, dispatch: DispatchBuilder<'r, 'g>) -> DispatchBuilder<'r, 'g> {
        match self {
            Self::None => dispatch.shared(wgsl!("ending/none")),
            Self::Normalized { norm, operands } => norm.define_ending(dispatch, operands),
        }
    }
}

/// A convolution or dense layer whose kernel knows endings. Its inputs are `x` and the weights.
pub(crate) trait Ends: Operation + Clone {
    /// [`Operation::check`], where other inputs may follow.
    fn check_operands(&self, inputs: &Inputs<'_>) -> Result<(), GraphError>;

    /// Whether it ends in an activation of its own.
    fn is_activated(&self) -> bool;

    /// [`Operation::forward`] with an ending.
    fn record_with(&self, recorder: &mut Recorder, inputs: &[TensorId], output: TensorId, ending: Ending<'_>);
}

/// A convolution or dense layer, and behind it a batch normalization by moving averages: one dispatch, in inference only.
/// Weights and statistics stay as they are. The kernel computes the scale and the offset of each channel from them.
#[derive(Clone, Debug)]
pub(crate) struct Normalized<C> {
    /// What comes first.
    pub convolution: C,
    /// What follows, with the sum and the activation that it may end in. Its inputs follow those of the convolution, without
    /// its `x`.
    pub norm: BatchNorm,
}

/// Inputs of the convolution.
const OPERANDS: usize = 2;

impl<C: Ends> Operation for Normalized<C> {
    fn check(&self, inputs: &Inputs<'_>) -> Result<(), GraphError> {
        self.norm.check_behind(inputs, OPERANDS)?;
        self.convolution.check_operands(inputs)?;
        if self.convolution.is_activated() || self.convolution.outputs()[0] != self.norm.input {
            return Err(inputs.refuse("the normalization does not take what the convolution gives"));
        }
        Ok(())
    }

    fn outputs(&self) -> Vec<Shape> {
        vec![self.norm.input.clone()]
    }

    fn forward(&self, recorder: &mut Recorder, inputs: &[TensorId], outputs: &[TensorId]) {
        // The minibatch is not read.
        let (operands, others) = inputs.split_at(OPERANDS);
        let ending = Ending::Normalized { norm: &self.norm, operands: &others[1..] };
        self.convolution.record_with(recorder, operands, outputs[0], ending);
    }

    /// Only inference has such nodes.
    fn backward(&self, _: &mut Recorder, _: &[TensorId], _: &[TensorId], _: TensorId, _: &[Option<Sink>]) {}
}
