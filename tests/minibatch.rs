//! What a user of the library may hand to an executor: batches that do not fit are errors, and change nothing.

use std::sync::Arc;

use wgrad::data::Batch;
use wgrad::exec::{ExecError, Executor, Options};
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::minibatch::MinibatchError;
use wgrad::model::Sequential;

fn executor(gpu: &Arc<Gpu>) -> Executor {
    let model = Sequential::new([6, 6, 3]).rescaling(1.0 / 255.0).conv2d(4, 3).relu().flatten().dense(5);
    Executor::new(gpu.clone(), &model, Options { batch_size: 4, ..Options::default() }).unwrap()
}

fn batch() -> Batch {
    Batch { pixels: (0..4 * 108).map(|i| (i * 7) as u8).collect(), labels: vec![0, 4, 2, 1], len: 4 }
}

#[test]
fn a_batch_that_does_not_fit_is_an_error_and_changes_nothing() {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let right = batch();
    let wrong = [
        (Batch { labels: vec![0, 5, 2, 1], ..batch() }, "label 5"),
        (Batch { labels: vec![0, 1, 2, u32::MAX], ..batch() }, "label 4294967295"),
        (Batch { labels: vec![0; 3], ..batch() }, "3 labels instead of 4"),
        (Batch { labels: vec![0; 5], ..batch() }, "5 labels instead of 4"),
        (Batch { labels: Vec::new(), ..batch() }, "0 labels"),
        (Batch { pixels: vec![0; 431], ..batch() }, "431 bytes of pixels instead of 432"),
        (Batch { pixels: vec![0; 5000], ..batch() }, "5000 bytes of pixels"),
        (Batch { len: 0, ..batch() }, "0 images"),
        (Batch { len: 5, ..batch() }, "5 images"),
        (Batch { len: usize::MAX, ..batch() }, "images that count; give it 1 to 4"),
    ];
    let [mut disturbed, mut undisturbed] = [executor(&gpu), executor(&gpu)];
    for _ in 0..3 {
        for (batch, message) in &wrong {
            for error in [
                gpu.block_on(disturbed.train_step(batch)).unwrap_err(),
                gpu.block_on(disturbed.eval_step(batch)).unwrap_err(),
                gpu.block_on(disturbed.logits(batch)).unwrap_err(),
            ] {
                assert!(matches!(error, ExecError::Minibatch(_)) && error.to_string().contains(message), "{error}");
            }
        }
        for executor in [&mut disturbed, &mut undisturbed] {
            gpu.block_on(executor.train_step(&right)).unwrap();
        }
    }
    let [disturbed, undisturbed] = [&mut disturbed, &mut undisturbed].map(|executor| {
        let metrics = gpu.block_on(executor.metrics()).unwrap();
        (metrics, gpu.block_on(executor.training_state()).unwrap())
    });
    assert_eq!(disturbed.0.len(), 3);
    assert!(disturbed == undisturbed, "a batch that was refused changed the training");
}

/// Rows that do not count may hold anything.
#[test]
fn labels_of_images_that_do_not_count_are_not_looked_at() {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let mut executor = executor(&gpu);
    let short = Batch { labels: vec![0, 4, 99, u32::MAX], len: 2, ..batch() };
    gpu.block_on(executor.train_step(&short)).unwrap();
    let metrics = gpu.block_on(executor.metrics()).unwrap();
    assert!(metrics[0].loss.is_finite() && metrics[0].length == 2, "{metrics:?}");
    let error = gpu.block_on(executor.train_step(&Batch { len: 3, ..short })).unwrap_err();
    assert!(
        matches!(error, ExecError::Minibatch(MinibatchError::Label { image: 2, label: 99, classes: 5 })),
        "{error}"
    );
}
