//! What costs time is done once: the weights are read from the device once in each state, and the test images are passed
//! once at the end. Counted by what the device is given.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use wgrad::data::{Batch, Dataset, Split, shapes};
use wgrad::exec::{Executor, Options};
use wgrad::gpu::{AdapterChoice, Gpu, GpuEvent};
use wgrad::model::Sequential;
use wgrad::train::{
    CheckpointInterval, Checkpoints, EarlyStopping, EpochWeights, HistoryRow, KeptWeights, Monitor, Observer,
    OutputDir, RunRecord, TestResult, TrainError, Trainer, evaluate_and_predict,
};

mod command;

use command::*;

const BATCH_SIZE: usize = 16;

/// Submissions to a device.
#[derive(Clone, Default)]
struct Submissions(Arc<AtomicU64>);

impl Submissions {
    fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

fn model() -> Sequential {
    Sequential::new([32, 32, 3]).rescaling(1.0 / 255.0).max_pool2d(4).flatten().dense(10)
}

fn executor() -> (Executor, Submissions) {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let submissions = Submissions::default();
    let counter = submissions.clone();
    gpu.set_probe(move |event| {
        if matches!(event, GpuEvent::Submitted(_)) {
            counter.0.fetch_add(1, Ordering::Relaxed);
        }
    });
    (Executor::new(gpu, &model(), Options { batch_size: BATCH_SIZE, ..Options::default() }).unwrap(), submissions)
}

/// Notes how many submissions there were at the end of each epoch, before or after it has read the weights.
struct Witness(Submissions, bool, Vec<u64>);

impl Observer for Witness {
    fn on_epoch_end(&mut self, _: &HistoryRow, executor: &mut Executor) -> Result<ControlFlow<()>, TrainError> {
        if self.1 {
            let gpu = executor.gpu().clone();
            gpu.block_on(executor.parameters())?;
        }
        self.2.push(self.0.count());
        Ok(ControlFlow::Continue(()))
    }
}

#[test]
fn all_who_want_the_weights_share_one_copy() {
    let folder = tempfile::tempdir().unwrap();
    let out = OutputDir::create(folder.path(), 1).unwrap();
    let (mut executor, submissions) = executor();
    let (dataset, stop) = (shapes::generate(64, 32), AtomicBool::new(false));
    let [mut first, mut last] = [false, true].map(|reads| Witness(submissions.clone(), reads, Vec::new()));
    let mut early_stopping = EarlyStopping::new(Monitor::ValLoss, 3);
    let mut epoch_weights =
        EpochWeights::new(KeptWeights::Both, Monitor::ValLoss, &out, &model(), &dataset.class_names);
    Trainer::new(&mut executor, &dataset, 0, &stop)
        .checkpoints(Checkpoints::new(&out, CheckpointInterval::Steps(1000), RunRecord::default()))
        .observe(&mut first)
        .observe(&mut early_stopping)
        .observe(&mut epoch_weights)
        .observe(&mut last)
        .fit(3)
        .unwrap();
    let reads: Vec<u64> = last.2.iter().zip(&first.2).map(|(last, first)| last - first).collect();
    assert_eq!(reads, [1, 1, 1]);
    // The checkpoint at the end reads both moments, and not the weights once more.
    assert_eq!(submissions.count() - last.2[2], 2);
    let gpu = executor.gpu().clone();
    let weights = gpu.block_on(executor.parameters()).unwrap();
    assert_eq!(submissions.count() - last.2[2], 2);

    // What is shared is what the device has: it changes with a step, and with what is set.
    let batch = batches(&dataset.train).swap_remove(0);
    gpu.block_on(executor.train_step(&batch)).unwrap();
    let stepped = gpu.block_on(executor.parameters()).unwrap();
    assert!(stepped != weights);
    gpu.block_on(executor.set_parameters(&weights)).unwrap();
    assert!(gpu.block_on(executor.parameters()).unwrap() == weights);
    let state = gpu.block_on(executor.training_state()).unwrap();
    assert!(state.parameters == weights);
    gpu.block_on(executor.train_step(&batch)).unwrap();
    gpu.block_on(executor.restore(&state)).unwrap();
    assert!(gpu.block_on(executor.parameters()).unwrap() == weights);
}

fn batches(split: &Split) -> Vec<Batch> {
    let places: Vec<usize> = (0..split.len()).collect();
    let batch = |places: &[usize]| {
        let mut pixels: Vec<u8> = places.iter().flat_map(|place| split.image(*place).unwrap().to_vec()).collect();
        let mut labels: Vec<u32> = places.iter().map(|place| u32::from(split.labels()[*place])).collect();
        pixels.resize(BATCH_SIZE * split.image_len(), 0);
        labels.resize(BATCH_SIZE, 0);
        Batch { pixels, labels, len: places.len() }
    };
    places.chunks(BATCH_SIZE).map(batch).collect()
}

/// Predictions come out of the pass that evaluates, whose steps wait for nothing, and are those of single steps.
#[test]
fn one_pass_evaluates_and_predicts() {
    let (mut executor, submissions) = executor();
    // More steps than the ring has slots, and a short last one.
    let split = shapes::generate(0, 40 * BATCH_SIZE - 5).test;
    let gpu = executor.gpu().clone();
    let before = submissions.count();
    let stop = AtomicBool::new(false);
    let (evaluation, predictions) = evaluate_and_predict(&mut executor, &split, &stop).unwrap().unwrap();
    // A submission for each step at most, and one for the metrics that were left.
    assert_eq!(evaluation.steps, 40);
    assert!(submissions.count() - before <= 41, "{} submissions", submissions.count() - before);
    let mut single = Vec::new();
    for batch in batches(&split) {
        single.extend(gpu.block_on(executor.logits(&batch)).unwrap());
    }
    let bits = |values: &[f32]| values.iter().map(|value| value.to_bits()).collect::<Vec<_>>();
    let all: Vec<f32> = (0..split.len()).flat_map(|i| predictions.logits(i).to_vec()).collect();
    assert!(bits(&all) == bits(&single));
}

#[test]
fn the_last_epoch_s_pass_is_the_final_one_while_the_weights_stay() {
    let (mut executor, submissions) = executor();
    let stop = AtomicBool::new(false);
    let dataset = shapes::generate(64, 32);
    let fit = |executor: &mut Executor, dataset: &Dataset, predicts: bool| {
        let mut result: Option<TestResult> = None;
        Trainer::new(executor, dataset, 0, &stop).test_result(&mut result, predicts).fit(2).unwrap();
        result
    };
    let result = fit(&mut executor, &dataset, true).unwrap();
    let before = submissions.count();
    assert!(result.is_of(&executor));
    let again = TestResult::of(&mut executor, &dataset.test, true, &stop).unwrap().unwrap();
    assert!(submissions.count() > before);
    assert_eq!((again.evaluation.loss, again.predictions), (result.evaluation.loss, result.predictions.clone()));
    let gpu = executor.gpu().clone();
    let weights = gpu.block_on(executor.parameters()).unwrap();
    gpu.block_on(executor.set_parameters(&weights)).unwrap();
    assert!(!result.is_of(&executor));
    assert!(fit(&mut executor, &dataset, false).unwrap().predictions.is_none());
    // Where epochs are evaluated on other images, nothing is known of the test images yet.
    let held_out = dataset.hold_out(0.25, 0).unwrap();
    assert!(fit(&mut executor, &held_out, true).is_none());
}

/// Passes over test or validation images, as the profile of a run counts them: one for each epoch, and one more where
/// the last of these was not of the final weights.
#[test]
fn a_run_evaluates_as_often_as_it_must() {
    // The first epochs are better than those in which training ends, so it goes back to their weights.
    for (arguments, more) in [("--epochs 2", 0), ("--epochs 9 --early-stopping 1 --learning-rate 30", 1)] {
        let out = tempfile::tempdir().unwrap();
        let path = out.path().join("model.toml");
        std::fs::write(&path, model().to_toml().unwrap()).unwrap();
        let mut command = train(out.path(), &format!("--limit 64 --profile {arguments}"));
        succeeds(command.arg("--model").arg(&path));
        let history = json(&out.path().join("history.json"));
        let epochs = history["epochs"].as_array().unwrap().len();
        assert!(epochs < 9 && history["evaluation"]["loss"].is_number());
        let profile = json(&out.path().join("profile.json"));
        let phases = profile["phases"].as_array().unwrap();
        let evaluation = phases.iter().find(|phase| phase["phase"] == "evaluation").unwrap();
        assert_eq!(evaluation["count"], epochs + more, "{arguments}");
    }
}
