//! Weights that lie in several buffers or images, and dispatches that are cut into pieces: the same bits as in one.

use std::sync::Arc;

use wgrad::data::Batch;
use wgrad::exec::{Executor, Options, TrainingState};
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::graph::{Arena, Home};
use wgrad::model::Sequential;
use wgrad::optim::{Optimizer, RmsProp, Rule};

const BATCH: usize = 4;
const STEPS: usize = 6;

/// Bytes of weights in one buffer: all together, some tensors, and a tensor each.
const ALL: Option<u64> = None;
const SOME: Option<u64> = Some(32 << 10);
const EACH: Option<u64> = Some(1);

fn model() -> Sequential {
    Sequential::new([14, 14, 3])
        .rescaling(1.0 / 255.0)
        .conv2d(12, 3)
        .relu()
        .max_pool2d(2)
        .conv2d(20, 3)
        .relu()
        .flatten()
        .dense(18)
        .relu()
        .dense(5)
}

fn batch(step: usize) -> Batch {
    let pixels =
        (0..(BATCH * 14 * 14 * 3) as u32).map(|i| ((i + 977 * step as u32).wrapping_mul(2_654_435_761) >> 24) as u8);
    let labels = (0..BATCH).map(|i| ((i + step) * 7 % 5) as u32);
    Batch { pixels: pixels.collect(), labels: labels.collect(), len: BATCH }
}

fn executor(gpu: &Arc<Gpu>, optimizer: &Optimizer, most_bytes: Option<u64>) -> Executor {
    let options = Options { batch_size: BATCH, optimizer: optimizer.clone(), most_bytes, ..Options::default() };
    Executor::new(gpu.clone(), &model(), options).unwrap()
}

fn train(gpu: &Gpu, executor: &mut Executor, steps: std::ops::Range<usize>) -> TrainingState {
    for step in steps {
        gpu.block_on(executor.train_step(&batch(step))).unwrap();
    }
    gpu.block_on(executor.training_state()).unwrap()
}

fn floats(state: &TrainingState) -> Vec<f32> {
    state.parameters.iter().chain(&state.optimizer).flat_map(|tensor| tensor.values.iter().copied()).collect()
}

/// On a software adapter the bits are equal, while a GPU's compiler may add parts of gradients in another order.
fn compare(gpu: &Gpu, found: &[f32], expected: &[f32]) {
    assert_eq!(found.len(), expected.len());
    if gpu.is_software() {
        assert!(found.iter().zip(expected).all(|(found, expected)| found.to_bits() == expected.to_bits()));
    }
    close(found, expected);
}

fn close(found: &[f32], expected: &[f32]) {
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() <= 1e-4 * expected.abs().max(1e-2), "{found}, expected {expected}");
    }
}

#[test]
fn training_does_not_depend_on_the_chunks() {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let rmsprop = Rule::RmsProp(RmsProp { momentum: 0.9, centered: true, ..RmsProp::default() });
    let clipped = Optimizer { clip_norm: Some(0.5), weight_decay: 1e-2, ..Optimizer::default() };
    let averaged = Optimizer { rule: rmsprop, accumulate: 2, average: Some(0.6), ..Optimizer::default() };
    for (optimizer, limits) in [(Optimizer::default(), [ALL, SOME]), (averaged, [ALL, EACH]), (clipped, [ALL, EACH])] {
        let [one, several] = limits.map(|most_bytes| {
            let mut executor = executor(&gpu, &optimizer, most_bytes);
            let state = train(&gpu, &mut executor, 0..STEPS);
            let gradients = gpu.block_on(executor.gradients()).unwrap();
            let gradients: Vec<f32> = gradients.into_iter().flat_map(|tensor| tensor.values).collect();
            let norm = gpu.block_on(executor.gradient_norm()).unwrap();
            let sum: f64 = gradients.iter().map(|g| f64::from(*g).powi(2)).sum();
            assert!((norm - sum.sqrt()).abs() < 1e-5 * norm, "{norm}, expected {}", sum.sqrt());
            (executor.graph().chunks().len(), floats(&state), gradients)
        });
        assert_eq!([one.0, several.0], [1, if limits[1] == EACH { 4 } else { 2 }]);
        assert!(one.2.iter().any(|gradient| *gradient != 0.0));
        // The norm adds up other groups of floats, so that its rounding differs.
        if optimizer.clip_norm.is_some() {
            close(&several.1, &one.1);
        } else {
            compare(&gpu, &several.1, &one.1);
            compare(&gpu, &several.2, &one.2);
        }
    }
}

#[test]
fn training_does_not_depend_on_the_pieces_of_dispatches() {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let optimizer = Optimizer::default();
    let [whole, pieces] = [u64::MAX, 20_000].map(|most_flops| {
        let options = Options { batch_size: BATCH, optimizer: optimizer.clone(), most_flops, ..Options::default() };
        let mut executor = Executor::new(gpu.clone(), &model(), options).unwrap();
        let flops = |executor: &Executor| -> Vec<(String, [u32; 3])> {
            // Pieces are not joined to others.
            let dispatches = executor.train_plan().dispatches().iter().flat_map(|dispatch| dispatch.members());
            dispatches.map(|dispatch| (dispatch.name().to_owned(), dispatch.kernel().grid)).collect()
        };
        let dispatches = flops(&executor);
        (dispatches, floats(&train(&gpu, &mut executor, 0..STEPS)))
    });
    let of = |name: &str| {
        let pieces = pieces.0.iter().filter(|(piece, _)| piece.split(", piece").next() == Some(name));
        pieces.map(|(_, [x, y, z])| x * y * z).collect::<Vec<u32>>()
    };
    assert!(of("conv2d_1").len() > 1 && of("update").len() > 1, "{:?}", pieces.0);
    for (name, [x, y, z]) in &whole.0 {
        assert_eq!(of(name).iter().sum::<u32>(), x * y * z, "{name}");
    }
    compare(&gpu, &pieces.1, &whole.1);
}

/// What is saved does not depend on the chunks either.
#[test]
fn training_goes_on_with_other_chunks() {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let optimizer = Optimizer::default();
    let expected = train(&gpu, &mut executor(&gpu, &optimizer, ALL), 0..STEPS);
    let half = train(&gpu, &mut executor(&gpu, &optimizer, EACH), 0..STEPS / 2);
    let mut other = executor(&gpu, &optimizer, SOME);
    gpu.block_on(other.restore(&half)).unwrap();
    let found = train(&gpu, &mut other, STEPS / 2..STEPS);
    compare(&gpu, &floats(&found), &floats(&expected));
}

/// No dispatch binds more of an arena than the limit, unless one tensor of weights is larger.
#[test]
fn a_dispatch_binds_no_more_than_a_chunk() {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let executor = executor(&gpu, &Optimizer::default(), SOME);
    let graph = executor.graph();
    let mut ranges = Vec::new();
    for (id, tensor) in graph.tensors() {
        let Home::Arena(arena, place) = tensor.home else { continue };
        let chunk = graph.chunks()[place.chunk];
        assert!(chunk.len_in(arena) as u64 * 4 <= SOME.unwrap(), "{arena:?}: {chunk:?}");
        assert!(place.first % 64 == 0 && place.first + tensor.shape.padded_elements() <= chunk.len_in(arena));
        let weights = graph.variables().iter().any(|variable| variable.weights() == id);
        if arena == Arena::Weights && weights {
            ranges.push((place.chunk, place.first, place.first + tensor.shape.padded_elements()));
        }
    }
    ranges.sort_unstable();
    assert_eq!(ranges.len(), 4);
    assert!(ranges.windows(2).all(|pair| pair[0].0 < pair[1].0 || pair[0].2 <= pair[1].1), "{ranges:?}");
}

/// The weights are larger than one binding of WebGPU, and no adapter's larger limits are used.
#[test]
fn a_network_of_200_megabytes_trains_within_the_limits_of_webgpu() {
    let choice = AdapterChoice { default_limits: true, ..AdapterChoice::default() };
    let gpu = Arc::new(Gpu::open_blocking(&choice).unwrap());
    let model = Sequential::new([14, 14, 3])
        .rescaling(1.0 / 255.0)
        .conv2d(128, 3)
        .relu()
        .max_pool2d(2)
        .flatten()
        .dense(7000)
        .relu()
        .dense(3000)
        .relu()
        .dense(5);
    let optimizer = Optimizer { learning_rate: 1e-5, ..Optimizer::default() };
    let mut executor =
        Executor::new(gpu.clone(), &model, Options { batch_size: BATCH, optimizer, ..Options::default() }).unwrap();
    let bytes: usize = executor.graph().variables().iter().map(|variable| variable.len() * 4).sum();
    assert!(bytes > 200_000_000 && executor.graph().chunks().len() > 1, "{bytes}");
    for _ in 0..3 {
        gpu.block_on(executor.train_step(&batch(0))).unwrap();
    }
    let losses: Vec<f64> = gpu.block_on(executor.metrics()).unwrap().iter().map(|step| step.loss).collect();
    assert!(losses[1] < losses[0] && losses[2] < losses[1], "{losses:?}");
}
