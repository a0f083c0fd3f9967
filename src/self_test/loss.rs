//! What the cases of the losses share: rows of logits with labels, in f64 and on the device.

use std::sync::Arc;

use super::case::{central_differences, distinct, graph, widened};
use super::{Case, Comparison};
use crate::exec::{ExecError, Program};
use crate::gpu::{Gpu, RuntimeChecks};
use crate::graph::{Graph, GraphError, Mode, Plan, TensorId};
use crate::kernel::MicroKernel;
use crate::minibatch::{Minibatch, Step};
use crate::ops::METRIC_SLOTS;

const LIMIT: f64 = 1e-5;

/// A loss, and one row of it in f64.
#[derive(Clone, Copy)]
pub(super) struct Loss {
    /// Adds it to a graph, by logits, minibatch and label smoothing.
    pub add: fn(&mut Graph, TensorId, TensorId, f64) -> Result<TensorId, GraphError>,
    /// The row of these logits with this label, at this label smoothing.
    pub row: fn(&[f64], usize, f64) -> Row,
    /// Fewest units.
    pub least_units: usize,
    /// What the error of a loss may be measured by besides the loss itself: the largest of the terms whose difference a row
    /// is, for these logits.
    pub terms: fn(&[f64]) -> f64,
}

/// A row in f64.
pub(super) struct Row {
    pub loss: f64,
    /// The gradient of the loss.
    pub gradient: Vec<f64>,
    /// A number for each class; the largest belongs to the most probable one.
    pub scores: Vec<f64>,
}

/// Rows of logits and their labels; only `length` of them count.
#[derive(Clone)]
pub(super) struct Rows {
    pub kind: Loss,
    pub logits: Vec<f32>,
    pub labels: Vec<u32>,
    pub units: usize,
    pub length: usize,
    pub smoothing: f64,
}

/// The expected results.
pub(super) struct Expected {
    /// The loss, summed over the rows.
    pub loss: f64,
    /// The number of rows whose label is the most probable class, and among the five most probable ones.
    pub correct: [u32; 2],
    /// The gradient of the mean loss.
    pub gradient: Vec<f64>,
}

impl Rows {
    pub fn new(kind: Loss, logits: Vec<f32>, units: usize, length: usize, smoothing: f64) -> Self {
        let classes = units.max(2) as u32;
        let labels = (0..(logits.len() / units) as u32).map(|i| (i * 7 + i / 2 + 1) % classes).collect();
        Self { kind, logits, labels, units, length, smoothing }
    }

    pub fn expected(&self, logits: &[f64]) -> Expected {
        let mut expected = Expected { loss: 0.0, correct: [0; 2], gradient: Vec::new() };
        for (logits, label) in logits.chunks(self.units).zip(&self.labels).take(self.length) {
            let label = *label as usize;
            let row = (self.kind.row)(logits, label, self.smoothing);
            expected.loss += row.loss;
            expected.gradient.extend(row.gradient.iter().map(|d| d / self.length as f64));
            // A stable sort: of equal scores the first is ahead.
            let mut order: Vec<usize> = (0..row.scores.len()).collect();
            order.sort_by(|a, b| row.scores[*b].total_cmp(&row.scores[*a]));
            for (correct, first) in expected.correct.iter_mut().zip([1, 5]) {
                *correct += u32::from(order.iter().take(first).any(|class| *class == label));
            }
        }
        expected.gradient.resize(logits.len(), 0.0);
        expected
    }

    /// The minibatch of a step, with its words as the bits of floats. Any label is allowed.
    pub fn minibatch(&self, number: u32) -> Result<Vec<f32>, ExecError> {
        let step = Step { number, ..Step::over(self.length as u32) };
        let minibatch = Minibatch::new(self.labels.len(), [0; 3]);
        Ok(bytemuck::cast_vec(minibatch.encode(&step, &self.labels, &[], usize::MAX)?))
    }

    /// The slot of the metrics (loss, correct, correct among five, rows), and the gradient if trained.
    pub fn run(
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
        let [a, b] = [0, 1].map(|_| graph.input("half", [n, self.units]));
        let x = graph.add("logits", a, b)?;
        let loss = (self.kind.add)(&mut graph, x, minibatch, self.smoothing)?;
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
    pub fn compare_metrics(&self, [loss, counts @ ..]: [f32; 4]) -> [Comparison; 2] {
        let wide = widened(&self.logits);
        let expected = self.expected(&wide);
        let scale = expected.loss.max((self.kind.terms)(&wide) * self.length as f64);
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

/// A case with and one without label smoothing for each of `rows`: name, logits, units, rows that count.
pub(super) fn cases(kind: Loss, rows: Vec<(String, Vec<f32>, usize, usize)>) -> Vec<Case> {
    let mut cases = Vec::new();
    for (name, logits, units, length) in rows {
        for smoothing in [0.0, 0.1] {
            let rows = Rows::new(kind, logits.clone(), units, length, smoothing);
            let name = format!("{name}, smoothed {smoothing}");
            cases.push(Case::new(name, move |gpu, micro_kernel| rows.compare(gpu, micro_kernel)));
        }
    }
    let name = "gradient is that of central differences";
    cases.push(Case::new(name, move |gpu, micro_kernel| differences(kind, gpu, micro_kernel)));
    cases
}

fn differences(kind: Loss, gpu: &Arc<Gpu>, micro_kernel: MicroKernel) -> Result<Vec<Comparison>, ExecError> {
    let mut comparisons = Vec::new();
    for units in [kind.least_units, 5] {
        let logits: Vec<f32> = distinct(4 * units, 3).iter().map(|l| 2.0 * l).collect();
        let rows = Rows::new(kind, logits, units, 3, 0.2);
        let loss = |logits: &[f64]| rows.expected(logits).loss / rows.length as f64;
        let gradient = central_differences(&widened(&rows.logits), loss);
        let (_, found) = rows.run(gpu, micro_kernel, RuntimeChecks::default(), Mode::Train)?;
        comparisons.push(Comparison::close("gradient", "dlogits", &found, &gradient, LIMIT));
    }
    Ok(comparisons)
}
