//! The last dense layer with its loss: value, accuracy and logits, and the gradients of its input, behind a relu or none,
//! and of its weights.

use std::cell::OnceCell;
use std::sync::Arc;

use super::case::{add_layer, central_differences, distinct, graph, read_gradients, widened};
use super::loss::Rows;
use super::operation_case::{FORWARD, GRADIENT};
use super::softmax_cross_entropy::LOSS;
use super::{Case, Comparison, dense};
use crate::exec::ExecError;
use crate::exec::Program;
use crate::gpu::{Gpu, RuntimeChecks};
use crate::graph::{Mode, Plan};
use crate::kernel::MicroKernel;
use crate::minibatch::Minibatch;
use crate::ops::{Dense, DenseSoftmaxCrossEntropy, METRIC_SLOTS};

pub(super) fn cases() -> Vec<Case> {
    // The cases are few and small, since drivers unroll the loops over classes and features and take long to compile.
    let layers = [([1, 3], 2, 1, false), ([7, 12], 10, 5, true), ([33, 9], 13, 33, false), ([6, 3], 20, 6, true)];
    let case = |(input, classes, length, relu): ([usize; 2], usize, usize, bool)| {
        let dense = Dense { input, units: classes, bias: true, relu: false };
        let behind = if relu { ", behind a relu" } else { "" };
        let name = format!("{input:?} to {classes}, {length} rows count{behind}");
        let layer = LastLayer { dense, length, relu };
        let expected = OnceCell::new();
        Case::new(name, move |gpu, micro_kernel| {
            let expected = expected.get_or_init(|| layer.expected());
            let mut comparisons = layer.compare(gpu, micro_kernel, RuntimeChecks::Off, expected)?;
            comparisons.extend(layer.compare(gpu, micro_kernel, RuntimeChecks::On, expected)?);
            Ok(comparisons)
        })
    };
    layers.map(case).into()
}

#[derive(Clone, Copy)]
struct LastLayer {
    dense: Dense,
    /// Number of rows that count.
    length: usize,
    /// Whether its input is the output of a relu.
    relu: bool,
}

/// The expected results.
struct Expected {
    logits: Vec<f64>,
    rows: Rows,
    dx: Vec<f64>,
    dw: Vec<f64>,
}

/// Label smoothing.
const SMOOTHING: f64 = 0.1;

impl LastLayer {
    fn logits(&self, x: &[f64], w: &[f64]) -> Vec<f64> {
        let x: Vec<f64> = x.iter().map(|x| if self.relu { x.max(0.0) } else { *x }).collect();
        dense::reference(self.dense, &x, w)
    }

    /// Its input, and its kernel and bias rows.
    fn inputs(&self) -> [Vec<f32>; 2] {
        let Dense { input: [n, features], units: classes, .. } = self.dense;
        [distinct(n * features, 3), distinct((features + 1) * classes, 14)]
    }

    fn expected(&self) -> Expected {
        let [x, w] = self.inputs().map(|values| widened(&values));
        let logits = self.logits(&x, &w);
        let narrow = logits.iter().map(|logit| *logit as f32).collect();
        let rows = Rows::new(LOSS, narrow, self.dense.units, self.length, SMOOTHING);
        let loss = |x: &[f64], w: &[f64]| rows.expected(&self.logits(x, w)).loss / self.length as f64;
        let dx = central_differences(&x, |x| loss(x, &w));
        let dw = central_differences(&w, |w| loss(&x, w));
        Expected { logits, rows, dx, dw }
    }

    fn compare(
        &self,
        gpu: &Arc<Gpu>,
        micro_kernel: MicroKernel,
        checks: RuntimeChecks,
        expected: &Expected,
    ) -> Result<Vec<Comparison>, ExecError> {
        let Dense { input: [n, features], units: classes, .. } = self.dense;
        let [x, w] = self.inputs();
        let mut graph = graph(micro_kernel, 5);
        let minibatch = graph.minibatch(Minibatch::new(n, [0; 3]));
        let [a, b] = [0, 1].map(|_| graph.input("half", [n, features]));
        let mut input = graph.add("x", a, b)?;
        if self.relu {
            input = graph.relu("relu", input)?;
        }
        let weights = add_layer(&mut graph, "layer", vec![features, classes])?;
        let operation = DenseSoftmaxCrossEntropy { dense: self.dense, smoothing: SMOOTHING };
        let metrics = graph.loss_node("layer + loss", operation, &[input, weights, minibatch])?;
        let y = graph.outputs(metrics)[DenseSoftmaxCrossEntropy::LOGITS];
        let mut dispatches = graph.record_forward(Mode::Train);
        let (backward, gradients) = graph.record_backward(&[], &[a])?;
        dispatches.extend(backward);
        let train = Plan::new(&graph, dispatches, &[gradients[&a]])?;
        let infer = graph.record_forward(Mode::Infer);
        let infer = Plan::new(&graph, infer, &[y])?;
        let program = Program::new(gpu.clone(), &graph, &[&train, &infer], checks)?;
        program.fill_slots(f32::NAN);
        program.write(&graph, &train, a, &x)?;
        program.write(&graph, &train, b, &vec![0.0; x.len()])?;
        program.write(&graph, &train, weights, &graph.pad_weights(weights, &w))?;
        let (gradient, _) = graph.gradient_parts(graph.variables()[0].gradient());
        program.write(&graph, &train, gradient, &vec![f32::NAN; graph.tensor(gradient).shape.elements()])?;
        let step = |number| -> Result<(), ExecError> {
            program.write(&graph, &train, minibatch, &expected.rows.minibatch(number)?)?;
            Ok(())
        };
        step(METRIC_SLOTS as u32 + 1)?;
        program.run(0)?;
        let dx = gpu.block_on(program.read(&graph, &train, gradients[&a]))?;
        let dw = read_gradients(gpu, &program, &graph, &train, weights)?;
        step(2)?;
        program.run(1)?;
        let found = gpu.block_on(program.read(&graph, &infer, y))?;
        let metrics = gpu.block_on(program.read(&graph, &infer, metrics))?;
        let mut comparisons = vec![
            Comparison::close("forward", "logits", &found, &expected.logits, FORWARD),
            Comparison::close("gradient", "dx", &dx, &expected.dx, GRADIENT),
            Comparison::close("gradient", "dw", &dw, &expected.dw, GRADIENT),
        ];
        // The metrics of training, then those of inference.
        for slot in metrics.chunks(4).skip(1).take(2) {
            comparisons.extend(expected.rows.compare_metrics([slot[0], slot[1], slot[2], slot[3]]));
        }
        Ok(comparisons)
    }
}
