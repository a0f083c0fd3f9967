//! The loss: value, accuracy, top 5, gradient; a short minibatch; large logits; ties; label smoothing.

use std::sync::Arc;

use super::case::{central_differences, distinct, graph, widened};
use super::{Case, Comparison};
use crate::exec::ExecError;
use crate::exec::Program;
use crate::gpu::{Gpu, RuntimeChecks};
use crate::graph::{Mode, Plan};
use crate::kernel::MicroKernel;
use crate::minibatch::{Minibatch, Step};
use crate::ops::METRIC_SLOTS;

const LIMIT: f64 = 1e-5;

/// Rows of logits and their labels; only `length` of them count.
pub(super) struct Rows {
    logits: Vec<f32>,
    pub(super) labels: Vec<u32>,
    classes: usize,
    length: usize,
    smoothing: f64,
}

/// The expected results.
pub(super) struct Expected {
    /// The loss, summed over the rows.
    pub(super) loss: f64,
    /// The number of rows whose label has the largest logit, and one of the five largest.
    correct: [u32; 2],
    /// The gradient of the mean loss.
    gradient: Vec<f64>,
}

impl Rows {
    pub(super) fn new(logits: Vec<f32>, classes: usize, length: usize, smoothing: f64) -> Self {
        let labels = (0..(logits.len() / classes) as u32).map(|i| (i * 7 + 1) % classes as u32).collect();
        Self { logits, labels, classes, length, smoothing }
    }

    pub(super) fn expected(&self, logits: &[f64]) -> Expected {
        let Self { classes, length, smoothing, .. } = *self;
        let (mut loss, mut correct, mut gradient) = (0.0, [0; 2], Vec::new());
        for (row, label) in logits.chunks(classes).zip(&self.labels) {
            let largest = row.iter().copied().fold(f64::MIN, f64::max);
            let sum: f64 = row.iter().map(|l| (l - largest).exp()).sum();
            if gradient.len() < length * classes {
                let target =
                    |j| (1.0 - smoothing) * f64::from(u8::from(j == *label as usize)) + smoothing / classes as f64;
                loss += sum.ln() + largest - row.iter().enumerate().map(|(j, l)| target(j) * l).sum::<f64>();
                // A stable sort: of equal logits the first is ahead.
                let mut order: Vec<usize> = (0..classes).collect();
                order.sort_by(|a, b| row[*b].total_cmp(&row[*a]));
                for (correct, first) in correct.iter_mut().zip([1, 5]) {
                    *correct += u32::from(order.iter().take(first).any(|class| *class == *label as usize));
                }
                let softmax = row.iter().map(|l| (l - largest).exp() / sum).enumerate();
                gradient.extend(softmax.map(|(j, softmax)| (softmax - target(j)) / length as f64));
            } else {
                gradient.extend(row.iter().map(|_| 0.0));
            }
        }
        Expected { loss, correct, gradient }
    }

    /// The minibatch of a step, with its words as the bits of floats. Any label is allowed.
    pub(super) fn minibatch(&self, number: u32) -> Result<Vec<f32>, ExecError> {
        let step = Step { number, ..Step::over(self.length as u32) };
        let minibatch = Minibatch::new(self.labels.len(), [0; 3]);
        Ok(bytemuck::cast_vec(minibatch.encode(&step, &self.labels, &[], usize::MAX)?))
    }

    /// The slot of the metrics (loss, correct, correct among five, rows), and the gradient if trained.
    fn run(
        &self,
        gpu: &Arc<Gpu>,
        micro_kernel: MicroKernel,
        checks: RuntimeChecks,
        mode: Mode,
    ) -> Result<([f32; 4], Vec<f32>), ExecError> {
        // Past the last slot, so that the metrics wrap around.
        let number = METRIC_SLOTS + 6;
        let n = self.labels.len();
        let mut graph = graph(micro_kernel, 1);
        let minibatch = graph.minibatch(Minibatch::new(n, [0; 3]));
        let [a, b] = [0, 1].map(|_| graph.input("half", [n, self.classes]));
        let x = graph.add("logits", a, b)?;
        let loss = graph.softmax_cross_entropy(x, minibatch, self.smoothing)?;
        let mut dispatches = graph.record_forward(mode);
        let mut keep = vec![];
        if mode == Mode::Train {
            let (backward, gradients) = graph.record_backward(&[], &[a])?;
            dispatches.extend(backward);
            keep.push(gradients[&a]);
        }
        let plan = Plan::new(&graph, dispatches, &keep)?;
        let program = Program::new(gpu.clone(), &graph, &[&plan], checks)?;
        program.fill_slots(f32::NAN);
        program.write(&graph, &plan, minibatch, &self.minibatch(number as u32)?)?;
        program.write(&graph, &plan, a, &self.logits)?;
        program.write(&graph, &plan, b, &vec![0.0; self.logits.len()])?;
        program.run(0)?;
        let metrics = gpu.block_on(program.read(&graph, &plan, loss))?;
        let slot = number % METRIC_SLOTS * 4;
        let slot = [0, 1, 2, 3].map(|i| metrics[slot + i]);
        let gradient = match keep.first() {
            Some(gradient) => gpu.block_on(program.read(&graph, &plan, *gradient))?,
            None => Vec::new(),
        };
        Ok((slot, gradient))
    }

    /// Compares a slot of the metrics.
    pub(super) fn compare_metrics(&self, [loss, counts @ ..]: [f32; 4]) -> [Comparison; 2] {
        let wide = widened(&self.logits);
        let expected = self.expected(&wide);
        // Each row is the difference of two terms as large as its logits.
        let scale = wide.iter().fold(0.0_f64, |a, l| a.max(l.abs())) * self.length as f64;
        let mut forward = Comparison::new("forward", LIMIT);
        let error = (f64::from(loss) - expected.loss).abs() / scale;
        forward.add(error, || format!("loss is {loss}, expected {}", expected.loss));
        let counts = counts.map(f32::to_bits);
        let wanted = [expected.correct[0], expected.correct[1], self.length as u32];
        let wrong = || format!("right, right in five, rows: {counts:?}, expected {wanted:?}");
        [forward, Comparison::exact((counts != wanted).then(wrong))]
    }

    fn compare(&self, gpu: &Arc<Gpu>, micro_kernel: MicroKernel) -> Result<Vec<Comparison>, ExecError> {
        let gradient = self.expected(&widened(&self.logits)).gradient;
        let mut comparisons = Vec::new();
        for checks in [RuntimeChecks::Off, RuntimeChecks::On] {
            for mode in [Mode::Train, Mode::Infer] {
                let (slot, found) = self.run(gpu, micro_kernel, checks, mode)?;
                comparisons.extend(self.compare_metrics(slot));
                if mode == Mode::Train {
                    comparisons.push(Comparison::close("gradient", "dlogits", &found, &gradient, LIMIT));
                }
            }
        }
        Ok(comparisons)
    }
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
    let mut cases = Vec::new();
    for (name, logits, classes, length) in rows {
        for smoothing in [0.0, 0.1] {
            let rows = Rows::new(logits.clone(), classes, length, smoothing);
            let name = format!("{name}, smoothed {smoothing}");
            cases.push(Case::new(name, move |gpu, micro_kernel| rows.compare(gpu, micro_kernel)));
        }
    }
    cases.push(Case::new("a label that is no class", a_label_that_is_no_class));
    cases.push(Case::new("gradient is that of central differences", gradient_is_that_of_central_differences));
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

fn gradient_is_that_of_central_differences(
    gpu: &Arc<Gpu>,
    micro_kernel: MicroKernel,
) -> Result<Vec<Comparison>, ExecError> {
    let logits: Vec<f32> = distinct(20, 3).iter().map(|l| 2.0 * l).collect();
    let rows = Rows { labels: vec![4, 0, 2, 1], ..Rows::new(logits, 5, 3, 0.2) };
    let gradient =
        central_differences(&widened(&rows.logits), |logits| rows.expected(logits).loss / rows.length as f64);
    let (_, found) = rows.run(gpu, micro_kernel, RuntimeChecks::default(), Mode::Train)?;
    Ok(vec![Comparison::close("gradient", "dlogits", &found, &gradient, LIMIT)])
}

/// Whatever the host writes, a label indexes nothing beyond the classes: the loss is NaN, and the gradients of the rows
/// with a class stay what they are.
fn a_label_that_is_no_class(gpu: &Arc<Gpu>, micro_kernel: MicroKernel) -> Result<Vec<Comparison>, ExecError> {
    let logits: Vec<f32> = distinct(5 * 7, 4);
    let right = Rows::new(logits.clone(), 7, 5, 0.0);
    let (_, expected) = right.run(gpu, micro_kernel, RuntimeChecks::On, Mode::Train)?;
    let mut comparisons = Vec::new();
    for wrong in [7, 8, 1 << 20, u32::MAX] {
        let mut rows = Rows::new(logits.clone(), 7, 5, 0.0);
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

    #[test]
    fn the_label_is_fifth_or_sixth() {
        for before in [3, 4, 5] {
            for tied in [false, true] {
                let rows = Rows::new(label_behind(before, tied), 9, 2, 0.0);
                let correct = rows.expected(&widened(&rows.logits)).correct;
                assert_eq!((rows.labels, correct), (vec![1, 8], [0, if before < 5 { 2 } else { 0 }]));
            }
        }
    }
}
