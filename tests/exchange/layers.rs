//! Layers of Keras's larger networks: wgrad answers and learns as Keras does, and Keras's format has them.

use std::fs::{self, File};
use std::sync::Arc;

use flate2::read::GzDecoder;
use serde::Deserialize;
use wgrad::data::Batch;
use wgrad::exchange::Imported;
use wgrad::exec::{Executor, Options};
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::optim::{Form, Optimizer, Rule, Sgd};

use crate::bits;

/// What tests/fixtures/keras_layers.py wrote.
#[derive(Deserialize)]
struct Figures {
    /// Logits of four images.
    answers: Vec<Vec<f32>>,
    /// Of three steps of SGD, then of an evaluation.
    losses: Vec<f64>,
}

#[test]
fn layers_answer_and_learn_as_in_keras() {
    let folder = tempfile::tempdir().unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/keras_layers.tar.gz");
    tar::Archive::new(GzDecoder::new(File::open(path).unwrap())).unpack(folder.path()).unwrap();
    let figures = fs::read(folder.path().join("figures.json")).unwrap();
    let Figures { answers, losses } = serde_json::from_slice(&figures).unwrap();
    let read = |file: &str| Imported::read(&folder.path().join(file)).unwrap();
    let Imported { weights, assumes_rescaling } = read("network.keras");
    assert!(!assumes_rescaling);
    let model = weights.model.as_ref().unwrap();

    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let rule = Rule::Sgd(Sgd { momentum: 0.0, nesterov: false, form: Form::Keras });
    let optimizer = Optimizer { rule, learning_rate: 0.1, ..Optimizer::default() };
    let options = Options { batch_size: 4, optimizer, ..Options::default() };
    let mut executor = Executor::new(gpu.clone(), model, options).unwrap();
    gpu.block_on(executor.set_parameters(&weights.tensors)).unwrap();
    let pixels = (0..4 * 9 * 8 * 3).map(|i| (i * 31 % 256) as u8).collect();
    let batch = Batch { pixels, labels: vec![0, 2, 1, 3], len: 4 };
    let logits = gpu.block_on(executor.logits(&batch)).unwrap();
    let largest = answers.iter().flatten().fold(0.0_f32, |most, logit| most.max(logit.abs()));
    for (logit, wanted) in logits.iter().zip(answers.iter().flatten()) {
        assert!((logit - wanted).abs() < 2e-5 * largest, "{logit} is not {wanted}");
    }
    for _ in 0..3 {
        gpu.block_on(executor.train_step(&batch)).unwrap();
    }
    gpu.block_on(executor.eval_step(&batch)).unwrap();
    let metrics = gpu.block_on(executor.metrics()).unwrap();
    assert_eq!(metrics.len(), losses.len());
    for (step, wanted) in metrics.iter().zip(&losses) {
        assert!((step.loss - wanted).abs() < 2e-5 * wanted, "{} is not {wanted}", step.loss);
    }

    fs::write(folder.path().join("back.keras"), weights.to_keras().unwrap()).unwrap();
    let Imported { weights: other, .. } = read("back.keras");
    assert_eq!(other.model.as_ref().unwrap().to_toml().unwrap(), model.to_toml().unwrap());
    assert_eq!(bits(&other), bits(&weights));
}
