//! The loss: value, accuracy, top 5, gradient; a short minibatch; large logits; ties; label smoothing.

use std::sync::Arc;

use super::case::distinct;
use super::loss::{self, Loss, Row, Rows};
use super::{Case, Comparison};
use crate::exec::ExecError;
use crate::gpu::{Gpu, RuntimeChecks};
use crate::graph::{Graph, Mode};
use crate::kernel::MicroKernel;

pub(super) const LOSS: Loss = Loss { add: Graph::softmax_cross_entropy, row, least_units: 2, terms };

fn row(logits: &[f64], label: usize, smoothing: f64) -> Row {
    let largest = logits.iter().copied().fold(f64::MIN, f64::max);
    let sum: f64 = logits.iter().map(|l| (l - largest).exp()).sum();
    let target = |j| (1.0 - smoothing) * f64::from(u8::from(j == label)) + smoothing / logits.len() as f64;
    let loss = sum.ln() + largest - logits.iter().enumerate().map(|(j, l)| target(j) * l).sum::<f64>();
    let softmax = logits.iter().map(|l| (l - largest).exp() / sum).enumerate();
    Row { loss, gradient: softmax.map(|(j, softmax)| softmax - target(j)).collect(), scores: logits.to_vec() }
}

/// Each row is the difference of two terms as large as its logits.
fn terms(logits: &[f64]) -> f64 {
    logits.iter().fold(0.0_f64, |a, l| a.max(l.abs()))
}

pub(super) fn cases() -> Vec<Case> {
    let mut rows = Vec::new();
    for (n, classes, length) in [(1, 2, 1), (5, 10, 5), (32, 10, 16), (7, 3, 6), (70, 5, 70), (200, 11, 133)] {
        let logits = distinct(n * classes, 1).iter().map(|l| 2.0 * l).collect();
        rows.push((format!("{n} x {classes}, {length} rows count"), logits, classes, length));
    }
    let large = distinct(40, 2).iter().map(|l| 300.0 * l).collect();
    rows.push(("large logits do not overflow".into(), large, 10, 4));
    let ties = vec![1.0, 1.0, 0.0, 0.5, 2.0, 2.0, 0.0, 0.0, 0.0];
    rows.push(("the first of equal logits counts".into(), ties, 3, 3));
    for before in [3, 4, 5] {
        for tied in [false, true] {
            let name = format!("{before} classes before the label{}", if tied { ", some tied with it" } else { "" });
            rows.push((name, label_behind(before, tied), 9, 2));
        }
    }
    let mut cases = loss::cases(LOSS, rows);
    cases.push(Case::new("a label that is no class", a_label_that_is_no_class));
    cases
}

/// Two rows of nine logits where `before` classes precede the label, 1 and 8: by a larger logit, or, if `tied` in the
/// second row, by an equal one in front of it.
fn label_behind(before: usize, tied: bool) -> Vec<f32> {
    let mut logits = vec![-1.0; 18];
    logits[1] = 0.0;
    logits[9 + 8] = 0.0;
    for i in 0..before {
        logits[2 + i] = 1.0;
        logits[9 + i] = if tied { 0.0 } else { 1.0 };
    }
    logits
}

/// Whatever the host writes, a label indexes nothing beyond the classes: the loss is NaN, and the gradients of the rows
/// with a class stay what they are.
fn a_label_that_is_no_class(gpu: &Arc<Gpu>, micro_kernel: MicroKernel) -> Result<Vec<Comparison>, ExecError> {
    let logits: Vec<f32> = distinct(5 * 7, 4);
    let right = Rows::new(LOSS, logits.clone(), 7, 5, 0.0);
    let (_, expected) = right.run(gpu, micro_kernel, RuntimeChecks::On, Mode::Train)?;
    let mut comparisons = Vec::new();
    for wrong in [7, 8, 1 << 20, u32::MAX] {
        let mut rows = Rows::new(LOSS, logits.clone(), 7, 5, 0.0);
        rows.labels[2] = wrong;
        for checks in [RuntimeChecks::Off, RuntimeChecks::On] {
            for mode in [Mode::Train, Mode::Infer] {
                let ([loss, .., length], gradient) = rows.run(gpu, micro_kernel, checks, mode)?;
                let says = || format!("label {wrong}: the loss is {loss} over {} rows", length.to_bits());
                comparisons.push(Comparison::exact((!loss.is_nan() || length.to_bits() != 5).then(says)));
                if mode == Mode::Train {
                    let others = |rows: &[f32]| [&rows[..14], &rows[21..]].concat();
                    comparisons.push(Comparison::same_bits("other rows", &others(&gradient), &others(&expected)));
                }
            }
        }
    }
    Ok(comparisons)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::self_test::case::widened;

    #[test]
    fn the_label_is_fifth_or_sixth() {
        for before in [3, 4, 5] {
            for tied in [false, true] {
                let rows = Rows::new(LOSS, label_behind(before, tied), 9, 2, 0.0);
                let correct = rows.expected(&widened(&rows.logits)).correct;
                assert_eq!((rows.labels, correct), (vec![1, 8], [0, if before < 5 { 2 } else { 0 }]));
            }
        }
    }
}
