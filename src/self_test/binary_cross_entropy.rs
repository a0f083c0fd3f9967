//! The loss of sigmoid units: value, accuracy, top 5 and gradient, for one unit and for several, with a short minibatch,
//! large logits, ties and label smoothing.

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

/// Rows of logits `[n, units]` and their labels; only `length` of them count.
#[derive(Clone)]
struct Rows {
    logits: Vec<f32>,
    labels: Vec<u32>,
    units: usize,
    length: usize,
    smoothing: f64,
}

/// What they should give.
struct Expected {
    /// The loss of each row that counts.
    losses: Vec<f64>,
    /// How many rows have their label first, and among the first five.
    correct: [u32; 2],
    /// Gradient of the mean loss.
    gradient: Vec<f64>,
}

impl Rows {
    fn new(logits: Vec<f32>, units: usize, length: usize, smoothing: f64) -> Self {
        let classes = units.max(2) as u32;
        let labels = (0..(logits.len() / units) as u32).map(|i| (i * 7 + i / 2 + 1) % classes).collect();
        Self { logits, labels, units, length, smoothing }
    }

    fn expected(&self, logits: &[f64]) -> Expected {
        let Self { units, length, smoothing, .. } = *self;
        let (mut losses, mut correct, mut gradient) = (Vec::new(), [0; 2], vec![0.0; logits.len()]);
        for (row, (z, label)) in logits.chunks(units).zip(&self.labels).enumerate().take(length) {
            let label = *label as usize;
            let is_label = |unit: usize| if units == 1 { label == 1 } else { label == unit };
            let target = |unit| (1.0 - smoothing) * f64::from(u8::from(is_label(unit))) + smoothing / 2.0;
            // -t log(p) - (1 - t) log(1 - p), where log(p) = -log(1 + exp(-z)).
            let loss =
                |unit: usize| target(unit) * (-z[unit]).exp().ln_1p() + (1.0 - target(unit)) * z[unit].exp().ln_1p();
            losses.push((0..units).map(loss).sum::<f64>() / units as f64);
            let scores = if units == 1 { vec![0.0, z[0]] } else { z.to_vec() };
            let mut order: Vec<usize> = (0..scores.len()).collect();
            order.sort_by(|a, b| scores[*b].total_cmp(&scores[*a]));
            for (correct, first) in correct.iter_mut().zip([1, 5]) {
                *correct += u32::from(order.iter().take(first).any(|class| *class == label));
            }
            for unit in 0..units {
                let sigmoid = 1.0 / (1.0 + (-z[unit]).exp());
                gradient[row * units + unit] = (sigmoid - target(unit)) / (units * length) as f64;
            }
        }
        Expected { losses, correct, gradient }
    }

    fn mean_loss(&self, logits: &[f64]) -> f64 {
        self.expected(logits).losses.iter().sum::<f64>() / self.length as f64
    }

    /// The slot of the metrics (loss, correct, correct among five, rows), and the gradient if trained.
    fn run(
        &self,
        gpu: &Arc<Gpu>,
        micro_kernel: MicroKernel,
        checks: RuntimeChecks,
        mode: Mode,
    ) -> Result<([f32; 4], Vec<f32>), ExecError> {
        // Past the last slot, to which the metrics wrap around.
        let number = METRIC_SLOTS + 6;
        let n = self.labels.len();
        let mut graph = graph(micro_kernel, 1);
        let sizes = Minibatch::new(n, [0; 3]);
        let minibatch = graph.minibatch(sizes);
        let [a, b] = [0, 1].map(|_| graph.input("half", [n, self.units]));
        let x = graph.add("logits", a, b)?;
        let loss = graph.binary_cross_entropy(x, minibatch, self.smoothing)?;
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
        let step = Step { number: number as u32, ..Step::over(self.length as u32) };
        let words = bytemuck::cast_vec(sizes.encode(&step, &self.labels, &[], usize::MAX)?);
        program.write(&graph, &plan, minibatch, &words)?;
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

    fn compare(&self, gpu: &Arc<Gpu>, micro_kernel: MicroKernel) -> Result<Vec<Comparison>, ExecError> {
        let Expected { losses, correct, gradient } = self.expected(&widened(&self.logits));
        let wanted = [correct[0], correct[1], self.length as u32];
        let mut comparisons = Vec::new();
        for checks in [RuntimeChecks::Off, RuntimeChecks::On] {
            for mode in [Mode::Train, Mode::Infer] {
                let ([loss, counts @ ..], found) = self.run(gpu, micro_kernel, checks, mode)?;
                comparisons.push(Comparison::close("forward", "loss", &[loss], &[losses.iter().sum()], LIMIT));
                let counts = counts.map(f32::to_bits);
                let wrong = || format!("right, right in five, rows: {counts:?}, expected {wanted:?}");
                comparisons.push(Comparison::exact((counts != wanted).then(wrong)));
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
        let labels = Rows::new(vec![0.0; 40], units, 40 / units, 0.0).labels;
        let sure = (0..40).map(|i| {
            let (row, unit) = (i / units, i % units);
            let is_label = if units == 1 { labels[row] == 1 } else { labels[row] as usize == unit };
            (12.0 + i as f32 / 20.0) * if is_label { 1.0 } else { -1.0 }
        });
        rows.push((format!("small losses of {units} units keep their digits"), sure.collect(), units, 40 / units));
    }
    rows.push(("a probability of one half is the first class".into(), vec![0.0, -0.0, 1e-3, -1e-3], 1, 4));
    rows.push(("the first of equal logits counts".into(), vec![1.0, 1.0, 0.0, 0.5, 2.0, 2.0, 0.0, 0.0, 0.0], 3, 3));
    let mut cases = Vec::new();
    for (name, logits, units, length) in rows {
        for smoothing in [0.0, 0.1] {
            let rows = Rows::new(logits.clone(), units, length, smoothing);
            let name = format!("{name}, smoothed {smoothing}");
            cases.push(Case::new(name, move |gpu, micro_kernel| rows.compare(gpu, micro_kernel)));
        }
    }
    cases.push(Case::new("gradient is that of central differences", gradient_is_that_of_central_differences));
    cases.push(Case::new("a label that is no class makes the loss NaN", a_label_that_is_no_class_makes_the_loss_nan));
    cases
}

fn gradient_is_that_of_central_differences(
    gpu: &Arc<Gpu>,
    micro_kernel: MicroKernel,
) -> Result<Vec<Comparison>, ExecError> {
    let mut comparisons = Vec::new();
    for units in [1, 5] {
        let logits: Vec<f32> = distinct(4 * units, 3).iter().map(|l| 2.0 * l).collect();
        let rows = Rows::new(logits, units, 3, 0.2);
        let gradient = central_differences(&widened(&rows.logits), |logits| rows.mean_loss(logits));
        let (_, found) = rows.run(gpu, micro_kernel, RuntimeChecks::default(), Mode::Train)?;
        comparisons.push(Comparison::close("gradient", "dlogits", &found, &gradient, LIMIT));
    }
    Ok(comparisons)
}

fn a_label_that_is_no_class_makes_the_loss_nan(
    gpu: &Arc<Gpu>,
    micro_kernel: MicroKernel,
) -> Result<Vec<Comparison>, ExecError> {
    let mut comparisons = Vec::new();
    for (units, label) in [(1, 2), (1, u32::MAX), (3, 3), (3, u32::MAX)] {
        let mut rows = Rows::new(distinct(5 * units, 3), units, 5, 0.0);
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
