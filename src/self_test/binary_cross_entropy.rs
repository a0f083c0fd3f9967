//! The loss of sigmoid units: value, accuracy, top 5 and gradient, for one unit and for several, with a short minibatch,
//! large logits, ties and label smoothing.

use std::sync::Arc;

use super::case::distinct;
use super::loss::{self, Loss, Row, Rows};
use super::{Case, Comparison};
use crate::exec::ExecError;
use crate::gpu::{Gpu, RuntimeChecks};
use crate::graph::{Graph, Mode};
use crate::kernel::MicroKernel;

/// The terms of a row are all positive, so that the loss itself is the measure of its error.
const LOSS: Loss = Loss { add: Graph::binary_cross_entropy, row, least_units: 1, terms: |_| 0.0 };

fn row(z: &[f64], label: usize, smoothing: f64) -> Row {
    let units = z.len();
    let is_label = |unit: usize| if units == 1 { label == 1 } else { label == unit };
    let target = |unit| (1.0 - smoothing) * f64::from(u8::from(is_label(unit))) + smoothing / 2.0;
    // -t log(p) - (1 - t) log(1 - p), where log(p) = -log(1 + exp(-z)).
    let loss = |unit: usize| target(unit) * (-z[unit]).exp().ln_1p() + (1.0 - target(unit)) * z[unit].exp().ln_1p();
    let sigmoid = |unit: usize| 1.0 / (1.0 + (-z[unit]).exp());
    Row {
        loss: (0..units).map(loss).sum::<f64>() / units as f64,
        gradient: (0..units).map(|unit| (sigmoid(unit) - target(unit)) / units as f64).collect(),
        scores: if units == 1 { vec![0.0, z[0]] } else { z.to_vec() },
    }
}

pub(super) fn cases() -> Vec<Case> {
    let mut rows = Vec::new();
    for (n, units, length) in
        [(1, 1, 1), (5, 1, 5), (70, 1, 33), (1, 2, 1), (7, 3, 6), (32, 10, 16), (70, 5, 70), (200, 11, 133)]
    {
        let logits = distinct(n * units, 1).iter().map(|l| 3.0 * l).collect();
        rows.push((format!("{n} x {units}, {length} rows count"), logits, units, length));
    }
    for units in [1, 10] {
        let large = distinct(40, 2).iter().map(|l| 300.0 * l).collect();
        rows.push((format!("large logits of {units} units do not overflow"), large, units, 40 / units));
        // Losses of some 1e-5 and less, which 1 + exp(-|z|) would round.
        let labels = Rows::new(LOSS, vec![0.0; 40], units, 40 / units, 0.0).labels;
        let sure = (0..40).map(|i| {
            let (row, unit) = (i / units, i % units);
            let is_label = if units == 1 { labels[row] == 1 } else { labels[row] as usize == unit };
            (12.0 + i as f32 / 20.0) * if is_label { 1.0 } else { -1.0 }
        });
        rows.push((format!("small losses of {units} units keep their digits"), sure.collect(), units, 40 / units));
    }
    rows.push(("a probability of one half is the first class".into(), vec![0.0, -0.0, 1e-3, -1e-3], 1, 4));
    rows.push(("the first of equal logits counts".into(), vec![1.0, 1.0, 0.0, 0.5, 2.0, 2.0, 0.0, 0.0, 0.0], 3, 3));
    let mut cases = loss::cases(LOSS, rows);
    cases.push(Case::new("a label that is no class makes the loss NaN", a_label_that_is_no_class_makes_the_loss_nan));
    cases
}

fn a_label_that_is_no_class_makes_the_loss_nan(
    gpu: &Arc<Gpu>,
    micro_kernel: MicroKernel,
) -> Result<Vec<Comparison>, ExecError> {
    let mut comparisons = Vec::new();
    for (units, label) in [(1, 2), (1, u32::MAX), (3, 3), (3, u32::MAX)] {
        let mut rows = Rows::new(LOSS, distinct(5 * units, 3), units, 5, 0.0);
        rows.labels[2] = label;
        let ([loss, ..], _) = rows.run(gpu, micro_kernel, RuntimeChecks::Off, Mode::Train)?;
        let wrong = || format!("label {label} of {units} units: the loss is {loss}");
        comparisons.push(Comparison::exact((!loss.is_nan()).then(wrong)));
        // Where the image does not count, its label does not either.
        rows.length = 2;
        let ([loss, ..], _) = rows.run(gpu, micro_kernel, RuntimeChecks::Off, Mode::Train)?;
        let wrong = || format!("label {label} past the end of {units} units: the loss is {loss}");
        comparisons.push(Comparison::exact((!loss.is_finite()).then(wrong)));
    }
    Ok(comparisons)
}
