//! Which operations run as one.

use super::{
    Add, BatchNorm, Conv2d, Conv2dMaxPool2d, Dense, DenseSoftmaxCrossEntropy, MaxPool2d, Padding, Relu,
    SoftmaxCrossEntropy,
};
use crate::graph::{Fused, Graph, Mode, Pair, Rule, TensorId};

/// In the order in which they are applied.
const RULES: [Rule; 8] = [
    Rule { fuse: relu_and_max_pooling },
    Rule { fuse: max_pooling_and_relu },
    Rule { fuse: convolution_and_max_pooling },
    Rule { fuse: convolution_and_relu },
    Rule { fuse: dense_and_relu },
    Rule { fuse: dense_and_loss },
    Rule { fuse: normalization_and_sum },
    Rule { fuse: normalization_and_relu },
];

impl Graph {
    /// Lets operations that follow each other run as one in schedules of `mode` that are recorded from now on, where
    /// wgrad has a kernel for it. The tensors between them are then not computed, unless they are in `keep`. To add a
    /// node undoes it.
    pub fn fuse(&mut self, mode: Mode, keep: &[TensorId]) {
        self.rewrite(mode, &RULES, keep);
    }
}

/// Relu and the choice of the largest may change places.
fn relu_and_max_pooling(pair: &Pair<'_>) -> Option<Fused> {
    let (_, pool) = pair.of::<Relu, MaxPool2d>()?;
    Some(Fused::new(MaxPool2d { relu: true, ..*pool }))
}

fn max_pooling_and_relu(pair: &Pair<'_>) -> Option<Fused> {
    let (pool, _) = pair.of::<MaxPool2d, Relu>()?;
    Some(Fused::new(MaxPool2d { relu: true, ..*pool }))
}

fn convolution_and_max_pooling(pair: &Pair<'_>) -> Option<Fused> {
    let (convolution, MaxPool2d { pool, relu }) = pair.of::<Conv2d, MaxPool2d>()?;
    // Past an odd border, windows that reach over it would have an output of their own.
    let has_border = pool.padding == Padding::Same && pool.input[1..3].iter().any(|size| !size.is_multiple_of(2));
    if pool.window != [2, 2] || pool.stride != [2, 2] || has_border {
        return None;
    }
    let convolution = Conv2d { relu: convolution.relu || *relu, ..*convolution };
    Some(Fused::new(Conv2dMaxPool2d { convolution }))
}

fn convolution_and_relu(pair: &Pair<'_>) -> Option<Fused> {
    let (convolution, _) = pair.of::<Conv2d, Relu>()?;
    Some(Fused::new(Conv2d { relu: true, ..*convolution }))
}

/// Most features of a dense layer that the loss computes along with itself. It does so with an invocation for each image,
/// one feature after the other: 64 images of 1280 features took 0.59 ms on an NVIDIA H200, and of 64 features 0.02 ms.
const MOST_FEATURES_OF_A_LOSS: usize = 256;

fn dense_and_relu(pair: &Pair<'_>) -> Option<Fused> {
    let (dense, _) = pair.of::<Dense, Relu>()?;
    Some(Fused::new(Dense { relu: true, ..*dense }))
}

/// The logits are written in inference only.
fn dense_and_loss(pair: &Pair<'_>) -> Option<Fused> {
    let (dense, loss) = pair.of::<Dense, SoftmaxCrossEntropy>()?;
    if dense.input[1] > MOST_FEATURES_OF_A_LOSS {
        return None;
    }
    let operation = DenseSoftmaxCrossEntropy { dense: *dense, smoothing: loss.smoothing };
    Some(match pair.mode {
        Mode::Train => Fused::new(operation),
        Mode::Infer => Fused::with_between(operation, DenseSoftmaxCrossEntropy::LOGITS),
    })
}

/// What is added may be either operand of the sum.
fn normalization_and_sum(pair: &Pair<'_>) -> Option<Fused> {
    let (norm, _) = pair.of::<BatchNorm, Add>()?;
    (!norm.added && !norm.relu).then(|| Fused::new(BatchNorm { added: true, ..norm.clone() }))
}

fn normalization_and_relu(pair: &Pair<'_>) -> Option<Fused> {
    let (norm, _) = pair.of::<BatchNorm, Relu>()?;
    Some(Fused::new(BatchNorm { relu: true, ..norm.clone() }))
}
