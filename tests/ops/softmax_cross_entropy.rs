//! The loss: value, accuracy, top 5, gradient; a short minibatch; large logits; ties; label smoothing.

use wgrad::exec::Program;
use wgrad::gpu::RuntimeChecks;
use wgrad::graph::{Graph, Home, Mode, Plan, Target};
use wgrad::kernel::MicroKernel;
use wgrad::ops::{METRIC_SLOTS, MINIBATCH_HEADER};

use crate::harness::{assert_close, distinct, gpu, micro_kernels};

/// Loss summed over the rows, how many have their label first and among the first five, and the gradient of the mean
/// loss.
fn reference(
    logits: &[f64],
    labels: &[u32],
    classes: usize,
    length: usize,
    smoothing: f64,
) -> (f64, [u32; 2], Vec<f64>) {
    let (mut loss, mut correct, mut gradient) = (0.0, [0; 2], Vec::new());
    for (row, label) in logits.chunks(classes).zip(labels) {
        let largest = row.iter().copied().fold(f64::MIN, f64::max);
        let sum: f64 = row.iter().map(|l| (l - largest).exp()).sum();
        if gradient.len() < length * classes {
            let target = |j| (1.0 - smoothing) * f64::from(u8::from(j == *label as usize)) + smoothing / classes as f64;
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
    (loss, correct, gradient)
}

/// Loss in its slot of the metrics, and the gradient if trained.
fn run(
    (micro_kernel, checks, mode): (MicroKernel, RuntimeChecks, Mode),
    logits: &[f32],
    labels: &[u32],
    classes: usize,
    (step, length): (u32, usize),
    smoothing: f64,
) -> ([u32; 4], Vec<f32>) {
    let n = labels.len();
    let mut graph = Graph::new(Target { micro_kernel, storage: micro_kernel.storage(), busy_workgroups: 1 });
    let minibatch = graph.add_tensor("minibatch", [MINIBATCH_HEADER + n], Home::Minibatch);
    let [a, b] = [0, 1].map(|_| graph.input("half", [n, classes]));
    let x = graph.add("logits", a, b);
    let loss = graph.softmax_cross_entropy(x, minibatch, smoothing);
    let mut dispatches = graph.record_forward(mode);
    let mut keep = vec![];
    if mode == Mode::Train {
        let (backward, gradients) = graph.record_backward(&[], &[a]);
        dispatches.extend(backward);
        keep.push(gradients[&a]);
    }
    let plan = Plan::new(&graph, dispatches, &keep).unwrap();
    let program = Program::new(gpu(), &graph, &[&plan], checks).unwrap();
    program.fill_slots(f32::NAN);
    let mut words = vec![step, length as u32];
    words.resize(MINIBATCH_HEADER, 0);
    words.extend(labels);
    program.write(&graph, &plan, minibatch, bytemuck::cast_slice(&words));
    program.write(&graph, &plan, a, logits);
    program.write(&graph, &plan, b, &vec![0.0; logits.len()]);
    program.run(0);
    let metrics = gpu().block_on(program.read(&graph, &plan, loss)).unwrap();
    let slot = step as usize % METRIC_SLOTS * 4;
    let slot = [0, 1, 2, 3].map(|i| metrics[slot + i].to_bits());
    let gradient = keep.first().map(|g| gpu().block_on(program.read(&graph, &plan, *g)).unwrap());
    (slot, gradient.unwrap_or_default())
}

fn check(logits: &[f32], classes: usize, length: usize) {
    for smoothing in [0.0, 0.1] {
        check_smoothed(logits, classes, length, smoothing);
    }
}

fn check_smoothed(logits: &[f32], classes: usize, length: usize, smoothing: f64) {
    let n = logits.len() / classes;
    let labels: Vec<u32> = (0..n as u32).map(|i| (i * 7 + 1) % classes as u32).collect();
    let wide: Vec<f64> = logits.iter().map(|l| f64::from(*l)).collect();
    let (loss, correct, gradient) = reference(&wide, &labels, classes, length, smoothing);
    let largest = wide.iter().fold(0.0_f64, |a, l| a.max(l.abs()));
    for micro_kernel in micro_kernels() {
        for checks in [RuntimeChecks::On, RuntimeChecks::Off] {
            for mode in [Mode::Train, Mode::Infer] {
                let what =
                    format!("loss of {n} x {classes}, {length} rows, smoothed {smoothing} ({micro_kernel}, {mode:?})");
                let (slot, dlogits) =
                    run((micro_kernel, checks, mode), logits, &labels, classes, (70, length), smoothing);
                // Each row is the difference of two terms as large as its logits.
                let scale = largest * length as f64;
                let found = f64::from(f32::from_bits(slot[0]));
                assert!((found - loss).abs() <= 1e-5 * scale, "{what}: {found}, expected {loss}");
                assert_eq!(slot[1..], [correct[0], correct[1], length as u32], "{what}");
                if mode == Mode::Train {
                    assert_close(&what, &dlogits, &gradient, 1e-5);
                }
            }
        }
    }
}

#[test]
fn shapes_and_short_minibatches() {
    for (n, classes, length) in [(1, 2, 1), (5, 10, 5), (32, 10, 16), (7, 3, 6), (70, 5, 70), (200, 11, 133)] {
        let logits: Vec<f32> = distinct(n * classes, 1).iter().map(|l| 2.0 * l).collect();
        check(&logits, classes, length);
    }
}

#[test]
fn large_logits_do_not_overflow() {
    let logits: Vec<f32> = distinct(40, 2).iter().map(|l| 300.0 * l).collect();
    check(&logits, 10, 4);
}

#[test]
fn the_first_of_equal_logits_counts() {
    check(&[1.0, 1.0, 0.0, 0.5, 2.0, 2.0, 0.0, 0.0, 0.0], 3, 3);
}

/// A row where `before` classes precede the label, by a larger logit or by an equal one in front of it.
#[test]
fn the_label_is_fifth_or_sixth() {
    let classes = 9;
    for before in [3, 4, 5] {
        for tied in [false, true] {
            // The label of row 0 is 1, that of row 1 is 8.
            let mut logits = vec![-1.0; 2 * classes];
            logits[1] = 0.0;
            logits[classes + 8] = 0.0;
            for i in 0..before {
                logits[2 + i] = 1.0;
                logits[classes + i] = if tied { 0.0 } else { 1.0 };
            }
            check(&logits, classes, 2);
            let wide: Vec<f64> = logits.iter().map(|l| f64::from(*l)).collect();
            let (_, correct, _) = reference(&wide, &[1, 8], classes, 2, 0.0);
            assert_eq!(correct, [0, if before < 5 { 2 } else { 0 }]);
        }
    }
}

#[test]
fn gradient_is_that_of_central_differences() {
    let (n, classes, length) = (4, 5, 3);
    let logits: Vec<f32> = distinct(n * classes, 3).iter().map(|l| 2.0 * l).collect();
    let labels = [4, 0, 2, 1];
    let mut wide: Vec<f64> = logits.iter().map(|l| f64::from(*l)).collect();
    let gradient: Vec<f64> = (0..wide.len())
        .map(|i| {
            let value = wide[i];
            let loss = [1e-6, -1e-6].map(|step| {
                wide[i] = value + step;
                reference(&wide, &labels, classes, length, 0.2).0 / length as f64
            });
            wide[i] = value;
            (loss[0] - loss[1]) / 2e-6
        })
        .collect();
    let settings = (gpu().default_micro_kernel(), RuntimeChecks::default(), Mode::Train);
    let (_, found) = run(settings, &logits, &labels, classes, (0, length), 0.2);
    assert_close("gradient", &found, &gradient, 1e-5);
}
