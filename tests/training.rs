//! Training as a whole: memorising, repeating, short minibatches, metrics, frozen layers, and no object made after the
//! first step.

use std::sync::Arc;

use wgrad::data::Batch;
use wgrad::exec::{Executor, Options};
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::model::Sequential;
use wgrad::optim::{Optimizer, Rule, Sgd};

fn gpu() -> Arc<Gpu> {
    Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap())
}

fn tutorial(gpu: &Arc<Gpu>, options: Options) -> Executor {
    Executor::new(gpu.clone(), &Sequential::tutorial([32, 32, 3], 10), options).unwrap()
}

/// The first images of `shapes`, from one on.
fn shapes(from: usize, batch_size: usize, len: usize) -> Batch {
    let split = wgrad::data::shapes::generate(from + len, 10).train;
    let mut pixels = vec![0; batch_size * 3072];
    let mut labels = vec![0; batch_size];
    for i in 0..len {
        pixels[i * 3072..(i + 1) * 3072].copy_from_slice(split.image(from + i).unwrap());
        labels[i] = u32::from(split.labels()[from + i]);
    }
    Batch { pixels, labels, len }
}

#[test]
fn memorises_32_images_in_200_steps() {
    let gpu = gpu();
    let mut executor = tutorial(&gpu, Options::default());
    let batch = shapes(0, 32, 32);
    let mut losses = Vec::new();
    for _ in 0..199 {
        gpu.block_on(executor.train_step(&batch)).unwrap();
        losses.extend(executor.arrived_metrics().unwrap().iter().map(|step| step.loss));
    }
    losses.extend(gpu.block_on(executor.metrics()).unwrap().iter().map(|step| step.loss));
    assert_eq!(losses.len(), 199);
    assert!((losses[0] - 10.0_f64.ln()).abs() < 0.3, "first loss {}", losses[0]);
    assert!(losses[198] < 0.01, "last loss {}", losses[198]);
}

#[test]
fn two_runs_give_the_same_bits() {
    let run = || {
        let gpu = gpu();
        let mut executor = tutorial(&gpu, Options { seed: 5, ..Options::default() });
        for i in 0..12 {
            gpu.block_on(executor.train_step(&shapes(i * 32, 32, 32))).unwrap();
        }
        let losses: Vec<u64> =
            gpu.block_on(executor.metrics()).unwrap().iter().map(|step| step.loss.to_bits()).collect();
        let weights = gpu.block_on(executor.parameters()).unwrap();
        let bits: Vec<u32> = weights.iter().flat_map(|tensor| tensor.values.iter().map(|v| v.to_bits())).collect();
        (losses, bits)
    };
    assert!(run() == run());
}

/// A short minibatch in a larger executor trains as in an executor of its size: what stands past its length counts
/// nothing.
#[test]
fn a_short_minibatch_counts_its_own_images_only() {
    let gpu = gpu();
    let step = |batch_size: usize, garbage: u8| {
        let mut executor = tutorial(&gpu, Options { batch_size, ..Options::default() });
        let mut batch = shapes(0, batch_size, 5);
        batch.pixels[5 * 3072..].fill(garbage);
        gpu.block_on(executor.train_step(&batch)).unwrap();
        let metrics = gpu.block_on(executor.metrics()).unwrap();
        assert_eq!(metrics[0].length, 5);
        (metrics[0].loss, gpu.block_on(executor.gradients()).unwrap())
    };
    let (loss, gradients) = step(5, 0);
    for garbage in [0, 200] {
        let (short_loss, short_gradients) = step(8, garbage);
        assert!((loss - short_loss).abs() < 1e-6 * loss);
        for (a, b) in gradients.iter().zip(&short_gradients) {
            let norm: f32 = a.values.iter().map(|v| v * v).sum::<f32>().sqrt();
            let off: f32 = a.values.iter().zip(&b.values).map(|(a, b)| (a - b).powi(2)).sum::<f32>().sqrt();
            assert!(off <= 1e-5 * norm, "{}: off by {off} of {norm}", a.name);
        }
    }
}

#[test]
fn nothing_is_created_after_the_first_step() {
    let gpu = gpu();
    let mut executor = tutorial(&gpu, Options::default());
    let batch = shapes(0, 32, 32);
    gpu.block_on(executor.train_step(&batch)).unwrap();
    gpu.block_on(executor.eval_step(&batch)).unwrap();
    let created = gpu.created();
    assert!(created > 50);
    for _ in 0..40 {
        gpu.block_on(executor.train_step(&batch)).unwrap();
        gpu.block_on(executor.eval_step(&batch)).unwrap();
    }
    gpu.block_on(executor.metrics()).unwrap();
    assert_eq!(gpu.created(), created);
}

#[test]
fn metrics_of_every_step_arrive_in_order() {
    let gpu = gpu();
    let mut executor = tutorial(&gpu, Options { batch_size: 4, ..Options::default() });
    let mut steps = Vec::new();
    for i in 0..150 {
        gpu.block_on(executor.eval_step(&shapes(0, 4, 1 + i % 4))).unwrap();
        steps.extend(executor.arrived_metrics().unwrap());
    }
    steps.extend(gpu.block_on(executor.metrics()).unwrap());
    assert_eq!(steps.len(), 150);
    assert!(steps.iter().enumerate().all(|(i, step)| step.length as usize == 1 + i % 4));
    assert!(steps[3].loss == steps[147].loss);
}

/// The share of the first and of the first five, against the logits: where the last layer is one dispatch with the loss,
/// where it is not (too many classes), and where there are fewer than five classes.
#[test]
fn classes_are_counted_as_the_logits_rank_them() {
    let gpu = gpu();
    for classes in [10, 100, 3] {
        let model = Sequential::new([32, 32, 3]).rescaling(1.0 / 255.0).max_pool2d(8).flatten().dense(classes);
        let options = Options { batch_size: 40, ..Options::default() };
        let mut executor = Executor::new(gpu.clone(), &model, options).unwrap();
        let mut batch = shapes(0, 40, 37);
        // The network may have fewer classes than there are shapes.
        batch.labels.fill(0);
        let logits = gpu.block_on(executor.logits(&batch)).unwrap();
        // Label i is the one that i mod 8 others precede, as far as there are so many.
        let ranks: Vec<usize> = (0..37).map(|i| i % classes.min(8)).collect();
        for ((label, row), rank) in batch.labels.iter_mut().zip(logits.chunks(classes)).zip(&ranks) {
            let mut order: Vec<usize> = (0..classes).collect();
            order.sort_by(|a, b| row[*b].total_cmp(&row[*a]));
            *label = order[*rank] as u32;
        }
        gpu.block_on(executor.eval_step(&batch)).unwrap();
        gpu.block_on(executor.train_step(&batch)).unwrap();
        let count = |first: usize| ranks.iter().filter(|rank| **rank < first).count() as u32;
        for step in gpu.block_on(executor.metrics()).unwrap() {
            assert_eq!([step.correct, step.top5_correct, step.length], [count(1), count(5), 37], "{classes} classes");
        }
    }
}

#[test]
fn frozen_layers_have_no_gradient() {
    let gpu = gpu();
    let names = |frozen: &[String]| -> Vec<String> {
        let model = Sequential::tutorial([32, 32, 3], 10).freeze(frozen).unwrap();
        let mut executor = Executor::new(gpu.clone(), &model, Options::default()).unwrap();
        gpu.block_on(executor.train_step(&shapes(0, 32, 32))).unwrap();
        let gradients = gpu.block_on(executor.gradients()).unwrap();
        assert!(gradients.iter().all(|tensor| tensor.values.iter().any(|value| *value != 0.0)));
        gradients.into_iter().map(|tensor| tensor.name).collect()
    };
    assert_eq!(names(&[]).len(), 10);
    let expected = ["conv2d_1/kernel", "conv2d_1/bias", "conv2d_2/kernel", "conv2d_2/bias"];
    assert_eq!(names(&["conv2d".into(), "dense".into(), "dense_1".into()]), expected);
}

/// What browsers and phones allow, on any adapter.
#[test]
fn default_limits_are_enough() {
    let model =
        Sequential::new([32, 32, 3]).rescaling(1.0 / 255.0).conv2d(6, 5).relu().max_pool2d(2).flatten().dense(10);
    let losses = [false, true].map(|default_limits| {
        let choice = AdapterChoice { default_limits, ..AdapterChoice::default() };
        let gpu = Arc::new(Gpu::open_blocking(&choice).unwrap());
        let mut executor = Executor::new(gpu.clone(), &model, Options::default()).unwrap();
        for _ in 0..3 {
            gpu.block_on(executor.train_step(&shapes(0, 32, 32))).unwrap();
        }
        gpu.block_on(executor.metrics()).unwrap()[2].loss
    });
    assert!((losses[0] - losses[1]).abs() < 1e-5 * losses[0], "{losses:?}");
}

#[test]
fn evaluation_changes_no_parameter() {
    let gpu = gpu();
    let mut executor = tutorial(&gpu, Options::default());
    let before = gpu.block_on(executor.parameters()).unwrap();
    gpu.block_on(executor.eval_step(&shapes(0, 32, 32))).unwrap();
    assert!(before == gpu.block_on(executor.parameters()).unwrap());
}

/// Four minibatches of eight make the update of one of 32, within the rounding of sums in another order.
#[test]
fn minibatches_that_make_one_update_together_equal_a_large_one() {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let model = Sequential::new([8, 8, 3]).conv2d(6, 3).relu().flatten().dense(5);
    let pixels: Vec<u8> = (0..64 * 192_u32).map(|i| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let labels: Vec<u32> = (0..64).map(|i| i * 7 % 5).collect();
    let weights = |batch_size: usize, accumulate: usize| {
        let rule = Rule::Sgd(Sgd { momentum: 0.9, ..Sgd::default() });
        let optimizer = Optimizer { rule, learning_rate: 0.05, accumulate, average: Some(0.5), ..Optimizer::default() };
        let options = Options { batch_size, optimizer, ..Options::default() };
        let mut executor = Executor::new(gpu.clone(), &model, options).unwrap();
        for (pixels, labels) in pixels.chunks(batch_size * 192).zip(labels.chunks(batch_size)) {
            let batch = Batch { pixels: pixels.to_vec(), labels: labels.to_vec(), len: batch_size };
            gpu.block_on(executor.train_step(&batch)).unwrap();
        }
        let average = gpu.block_on(executor.averaged_parameters()).unwrap().unwrap();
        [gpu.block_on(executor.parameters()).unwrap(), average]
    };
    let (parts, whole) = (weights(8, 4), weights(32, 1));
    let start = Executor::new(gpu.clone(), &model, Options { batch_size: 32, ..Options::default() });
    let start = gpu.block_on(start.unwrap().parameters()).unwrap();
    for (parts, whole) in parts.iter().flatten().zip(whole.iter().flatten()) {
        let start = start.iter().find(|tensor| tensor.name == whole.name).unwrap();
        let moved = whole.values.iter().zip(&start.values).fold(0.0_f32, |most, (w, s)| most.max((w - s).abs()));
        let apart = whole.values.iter().zip(&parts.values).fold(0.0_f32, |most, (w, p)| most.max((w - p).abs()));
        assert!(moved > 1e-3 && apart < 1e-4 * moved, "{}: moved by {moved}, {apart} apart", whole.name);
    }
}

/// What evaluation makes from the weights alone lasts as long as they do.
#[test]
fn evaluation_follows_the_weights() {
    let gpu = gpu();
    let batch = shapes(0, 32, 32);
    let loss = |executor: &mut Executor| {
        gpu.block_on(executor.eval_step(&batch)).unwrap();
        gpu.block_on(executor.metrics()).unwrap()[0].loss
    };
    let mut executor = tutorial(&gpu, Options::default());
    let first = loss(&mut executor);
    let initial = gpu.block_on(executor.parameters()).unwrap();
    gpu.block_on(executor.train_step(&batch)).unwrap();
    gpu.block_on(executor.metrics()).unwrap();
    let [second, again] = [0, 1].map(|_| loss(&mut executor));
    assert!(first != second && second == again, "{first}, {second}, {again}");
    let trained = gpu.block_on(executor.parameters()).unwrap();
    gpu.block_on(executor.set_parameters(&initial)).unwrap();
    assert_eq!(loss(&mut executor), first);
    let mut other = tutorial(&gpu, Options::default());
    gpu.block_on(other.set_parameters(&trained)).unwrap();
    assert_eq!(loss(&mut other), second);
}
