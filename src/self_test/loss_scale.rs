//! Training in 16 bits, and the loss scale where gradients overflow.

use std::sync::Arc;

use super::determinism::minibatches;
use super::{Case, Comparison};
use crate::data::Batch;
use crate::exec::{ExecError, Executor, Options, TrainingState};
use crate::gpu::Gpu;
use crate::kernel::{MicroKernel, Precision};
use crate::model::layers::BatchNormalization;
use crate::model::{NamedTensor, Network, Sequential};
use crate::optim::{LossScale, Muon, Optimizer, Rule};

/// Images of a minibatch.
const BATCH: usize = 16;

/// Updates of a run whose first ones overflow.
const UPDATES: usize = 16;

/// Limit of the gradients of a training step, as a share of the largest element of all: errors of 2^-11 of every activation and
/// of every gradient add up through three layers and the statistics of a batch.
const STEP: f64 = 2e-2;

/// Limit of the loss of each step.
const LOSS: f64 = 1e-2;

pub(super) fn cases() -> Vec<Case> {
    let together = Optimizer {
        rule: Rule::Muon(Muon::default()),
        clip_norm: Some(0.5),
        accumulate: 3,
        average: Some(0.9),
        ..Optimizer::default()
    };
    let mut cases = vec![Case::new("training steps as in 32 bits", as_in_32_bits)];
    for (name, optimizer) in [
        ("Adam", Optimizer::default()),
        ("Muon, clipped, with an average and three minibatches for an update", together),
    ] {
        let own = optimizer.clone();
        let skipped = move |gpu: &Arc<Gpu>, micro_kernel| overflow_is_skipped(gpu, micro_kernel, &own);
        cases.push(Case::new(format!("{name}: updates that overflow are skipped"), skipped));
        let repeated = move |gpu: &Arc<Gpu>, micro_kernel| overflow_is_repeated(gpu, micro_kernel, &optimizer);
        cases.push(Case::new(format!("{name}: overflow gives the same bits again and after a restart"), repeated));
    }
    cases
}

fn model() -> Network {
    let layers = Sequential::new([32, 32, 3]).rescaling(1.0 / 255.0).conv2d(12, 3);
    let layers = layers.layer(BatchNormalization::default()).relu();
    // A maximum would choose another cell where rounding makes two equal.
    layers.average_pool2d(4).conv2d(20, 3).relu().flatten().dense(10).into()
}

fn executor(
    gpu: &Arc<Gpu>,
    micro_kernel: MicroKernel,
    precision: Precision,
    optimizer: &Optimizer,
) -> Result<Executor, ExecError> {
    let (micro_kernel, optimizer) = (Some(micro_kernel), optimizer.clone());
    let options = Options { batch_size: BATCH, micro_kernel, precision, optimizer, ..Options::default() };
    Executor::new(gpu.clone(), &model(), options)
}

fn values(tensors: Vec<NamedTensor>) -> Vec<f32> {
    tensors.into_iter().flat_map(|tensor| tensor.values).collect()
}

fn as_in_32_bits(gpu: &Arc<Gpu>, micro_kernel: MicroKernel) -> Result<Vec<Comparison>, ExecError> {
    let mut exact = executor(gpu, micro_kernel, Precision::F32, &Optimizer::default())?;
    let mut half = executor(gpu, micro_kernel, Precision::F16, &Optimizer::default())?;
    let mut comparisons = Vec::new();
    for (step, batch) in minibatches(6).iter().enumerate() {
        gpu.block_on(exact.train_step(batch))?;
        gpu.block_on(half.train_step(batch))?;
        if step == 0 {
            let [expected, found] = [values(gpu.block_on(exact.gradients())?), values(gpu.block_on(half.gradients())?)];
            let expected: Vec<f64> = expected.into_iter().map(f64::from).collect();
            comparisons.push(Comparison::close("gradient", "gradients", &found, &expected, STEP));
            let norms = [gpu.block_on(exact.gradient_norm())?, gpu.block_on(half.gradient_norm())?];
            comparisons.push(Comparison::close("gradient", "norm", &[norms[1] as f32], &[norms[0]], STEP));
        }
    }
    let losses = |executor: &mut Executor| -> Result<Vec<f64>, ExecError> {
        Ok(gpu.block_on(executor.metrics())?.iter().map(|step| step.loss).collect())
    };
    let (expected, found) = (losses(&mut exact)?, losses(&mut half)?);
    let found: Vec<f32> = found.iter().map(|loss| *loss as f32).collect();
    comparisons.push(Comparison::close("loss", "losses of the steps", &found, &expected, LOSS));
    Ok(comparisons)
}

/// A scale with which gradients of the network overflow 16 bits.
fn too_large() -> LossScale {
    let scale = 2.0_f32.powi(26);
    LossScale { scale, of_gradients: scale, ..LossScale::default() }
}

fn state(gpu: &Gpu, executor: &mut Executor) -> Result<(TrainingState, LossScale), ExecError> {
    let scale = gpu.block_on(executor.loss_scale())?;
    Ok((gpu.block_on(executor.training_state())?, scale.unwrap_or_default()))
}

/// What a skipped update leaves as it is. The average counts it, and statistics and sums of gradients change with each of several
/// minibatches.
fn of_updates(state: TrainingState, optimizer: &Optimizer) -> Vec<f32> {
    let changing = ["loss_scale", "average/", "accumulated_gradient/", "/moving_"];
    let changing = &changing[..if optimizer.accumulate > 1 { 4 } else { 2 }];
    let all = state.parameters.into_iter().chain(state.optimizer);
    values(all.filter(|tensor| !changing.iter().any(|name| tensor.name.contains(name))).collect())
}

fn overflow_is_skipped(
    gpu: &Arc<Gpu>,
    micro_kernel: MicroKernel,
    optimizer: &Optimizer,
) -> Result<Vec<Comparison>, ExecError> {
    let mut executor = executor(gpu, micro_kernel, Precision::F16, optimizer)?;
    gpu.block_on(executor.set_loss_scale(too_large()))?;
    let (before, _) = state(gpu, &mut executor)?;
    let batches = minibatches(UPDATES * optimizer.accumulate);
    let (of_first, of_others) = batches.split_at(optimizer.accumulate);
    for batch in of_first {
        gpu.block_on(executor.train_step(batch))?;
    }
    let (skipped, first) = state(gpu, &mut executor)?;
    let before = of_updates(before, optimizer);
    let mut comparisons =
        vec![Comparison::same_bits("all after a skipped update", &of_updates(skipped, optimizer), &before)];
    for batch in of_others {
        gpu.block_on(executor.train_step(batch))?;
    }
    let (after, last) = state(gpu, &mut executor)?;
    let mut wrong = Vec::new();
    let mut expect = |is_right: bool, words: &str| {
        if !is_right {
            wrong.push(format!("{words}: {first:?}, {last:?}"));
        }
    };
    let halved = |times: u64| too_large().scale / 2.0_f32.powi(times as i32);
    let taken = UPDATES as i32 - last.skipped as i32;
    expect(first.skipped == 1 && first.scale == halved(1), "the first update is to be skipped");
    expect(first.powers == [1.0; 2], "a skipped update is to leave Adam's count");
    expect(last.scale == halved(last.skipped), "each skipped update is to halve the scale");
    expect(taken > 0 && last.good > 0, "some updates are to be taken");
    expect((last.powers[0] - 0.9_f32.powi(taken)).abs() < 1e-6, "Adam is to count the updates that were taken");
    let after = of_updates(after, optimizer);
    expect(after != before, "updates are to change the weights");
    expect(after.iter().all(|value| value.is_finite()), "all is to stay finite");
    comparisons.push(Comparison::exact(wrong));
    Ok(comparisons)
}

fn overflow_is_repeated(
    gpu: &Arc<Gpu>,
    micro_kernel: MicroKernel,
    optimizer: &Optimizer,
) -> Result<Vec<Comparison>, ExecError> {
    let steps = UPDATES * optimizer.accumulate;
    let batches = minibatches(steps);
    let train = |executor: &mut Executor, batches: &[Batch]| -> Result<(), ExecError> {
        batches.iter().try_for_each(|batch| gpu.block_on(executor.train_step(batch)))
    };
    let mut results = Vec::new();
    for stops_after in [steps, steps, 2] {
        let mut first = executor(gpu, micro_kernel, Precision::F16, optimizer)?;
        gpu.block_on(first.set_loss_scale(too_large()))?;
        train(&mut first, &batches[..stops_after])?;
        let mut second = executor(gpu, micro_kernel, Precision::F16, optimizer)?;
        gpu.block_on(second.restore(&state(gpu, &mut first)?.0))?;
        train(&mut second, &batches[stops_after..])?;
        let (state, _) = state(gpu, &mut second)?;
        results.push(values(state.parameters.into_iter().chain(state.optimizer).collect()));
    }
    Ok(vec![
        Comparison::same_bits("the second time", &results[1], &results[0]),
        Comparison::same_bits("after a restart", &results[2], &results[0]),
    ])
}
