//! Images that the device holds give the bits that sent ones give, and so do several steps in one submission.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use wgrad::data::{Batch, Dataset, Selection, Split};
use wgrad::exec::{Executor, Options};
use wgrad::gpu::{AdapterChoice, Gpu, RuntimeChecks};
use wgrad::model::{BuildOptions, NamedTensor, Sequential};
use wgrad::ops::Augmentation;
use wgrad::train::{Evaluation, History, Trainer, Validation, evaluate_and_predict};

const CLASSES: u16 = 3;

/// Images of 5 x 7 pixels, whose bytes are no whole words.
fn split(images: usize, channels: usize, seed: u32) -> Split {
    let bytes = images * 35 * channels;
    let pixels = (0..bytes as u32).map(|i| ((i + seed).wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    Split::new([5, 7, channels], pixels, (0..images as u16).map(|image| image % CLASSES).collect())
}

/// What two epochs leave: parameters, losses, and the evaluation with its logits' classes.
#[derive(Debug, PartialEq)]
struct Left {
    parameters: Vec<NamedTensor>,
    losses: Vec<[f64; 2]>,
    figures: [f64; 2],
    predictions: String,
}

fn left(gpu: &Arc<Gpu>, dataset: &Dataset, held: bool, steps_per_submit: usize, checks: RuntimeChecks) -> Left {
    let [h, w, c] = dataset.image_shape;
    let model = Sequential::new([h, w, c]).conv2d(4, 3).relu().flatten().dense(CLASSES.into());
    let augmentation = Augmentation { flip: true, crop: 1, cutout: 2 };
    // Room for some more than there are.
    let held_images = if held { dataset.train.len() + dataset.test.len() + 6 } else { 0 };
    let build = BuildOptions { augmentation, held_images, ..BuildOptions::default() };
    let mut executor =
        Executor::new(gpu.clone(), &model, Options { batch_size: 4, checks, build, ..Options::default() }).unwrap();
    let (stop, mut history) = (AtomicBool::new(false), History::new("test", Validation::TestImages));
    let trainer = Trainer::new(&mut executor, dataset, 5, &stop);
    trainer.steps_per_submit(Some(steps_per_submit)).observe(&mut history).fit(2).unwrap();
    assert_eq!([&dataset.train, &dataset.test].map(|split| executor.first_held(split).is_some()), [held; 2]);
    let (figures, predictions) = evaluate_and_predict(&mut executor, &dataset.test, &stop).unwrap().unwrap();
    let Evaluation { loss, accuracy, .. } = figures;
    Left {
        parameters: gpu.block_on(executor.parameters()).unwrap(),
        losses: history.epochs.iter().map(|row| [row.loss, row.val_loss]).collect(),
        figures: [loss, accuracy],
        predictions: format!("{predictions:?}"),
    }
}

#[test]
fn held_images_and_steps_submitted_together_change_no_bit() {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    for (channels, checks) in [(3, RuntimeChecks::Off), (1, RuntimeChecks::On)] {
        // The last minibatch of a pass is short, and the test images do not begin at a whole word by themselves.
        let (train, test) = (split(39, channels, 1), split(6, channels, 2));
        let dataset = Dataset::new("test", "generated", ["a", "b", "c"], train, test);
        let sent = left(&gpu, &dataset, false, 1, checks);
        assert!(sent.losses[1][0] < sent.losses[0][0], "{sent:?}");
        let others = [(true, 8), (false, 8), (true, 1), (true, 3)];
        for (held, steps) in others.into_iter().take(if channels == 1 { 1 } else { 4 }) {
            let other = left(&gpu, &dataset, held, steps, checks);
            assert!(other == sent, "{held}, {steps}: {other:?} is not {sent:?}");
        }
    }
}

#[test]
fn an_image_that_is_not_held_is_an_error() {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let model = Sequential::new([5, 7, 1]).flatten().dense(CLASSES.into());
    let (images, other) = (Arc::new(split(8, 1, 1)), Arc::new(split(8, 1, 1)));
    let selection = |place| Selection { places: vec![0, place], labels: vec![0, 1], len: 2 };
    for held_images in [0, 8] {
        let build = BuildOptions { held_images, ..BuildOptions::default() };
        let options = Options { batch_size: 2, build, ..Options::default() };
        let mut executor = Executor::new(gpu.clone(), &model, options).unwrap();
        // Without room, and for more than there is room, nothing is held.
        gpu.block_on(executor.hold(&[&images, &other])).unwrap();
        let held = [&images, &other].map(|split| executor.first_held(split));
        assert_eq!(held, [(held_images > 0).then_some(0), None]);
        let error = gpu.block_on(executor.train_step(&selection(8))).unwrap_err().to_string();
        assert!(error.contains(&format!("holds {held_images} images")), "{error}");
        assert_eq!(gpu.block_on(executor.train_step(&selection(7))).is_ok(), held_images > 0);
    }
}

/// Steps that wait to be submitted together were taken before, so they don't change what is set after them.
#[test]
fn steps_that_wait_do_not_change_what_is_set() {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let model = Sequential::new([5, 7, 1]).flatten().dense(CLASSES.into());
    let options = Options { batch_size: 2, ..Options::default() };
    let mut executor = Executor::new(gpu.clone(), &model, options).unwrap();
    executor.set_steps_per_submit(8);
    let first = gpu.block_on(executor.training_state()).unwrap();
    let batch = Batch { pixels: (0..70).collect(), labels: vec![0, 1], len: 2 };
    for restores in [false, true] {
        gpu.block_on(executor.train_step(&batch)).unwrap();
        if restores {
            gpu.block_on(executor.restore(&first)).unwrap();
        } else {
            gpu.block_on(executor.set_parameters(&first.parameters)).unwrap();
        }
        assert!(gpu.block_on(executor.parameters()).unwrap() == first.parameters, "{restores}");
        assert_eq!(gpu.block_on(executor.metrics()).unwrap().len(), 1);
    }
    assert!(gpu.block_on(executor.training_state()).unwrap() == first);
}
