//! Models of Keras whose layers and inner models are called several times.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::sync::Arc;

use flate2::read::GzDecoder;
use serde::Deserialize;
use wgrad::data::Batch;
use wgrad::exchange::Imported;
use wgrad::exec::{Executor, Options};
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::model::NamedTensor;
use wgrad::optim::{Optimizer, Rule, Sgd};

use crate::bits;
use crate::onnx::{proto_of, tract};

/// What tests/fixtures/keras_shared.py found.
#[derive(Deserialize)]
struct Figures {
    logits: Vec<Vec<f32>>,
    losses: Vec<f64>,
    rate: f64,
    gradients: BTreeMap<String, Vec<f32>>,
    statistics: BTreeMap<String, Vec<f32>>,
}

const LAYERS: &str = "true_divide subtract conv norm leaky_re_lu mix depthwise_conv2d norm_1 re_lu separable_conv2d \
    global_average_pooling2d dense conv_1=conv norm_2=norm";

fn batch() -> Batch {
    let pixels = (0..2 * 7 * 6 * 3).map(|i| (i * 31 % 256) as u8).collect();
    Batch { pixels, labels: vec![1, 3], len: 2 }
}

/// The largest difference, relative to the largest value.
fn error(found: &[f32], wanted: &[f32]) -> f32 {
    assert_eq!(found.len(), wanted.len());
    let largest = wanted.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    found.iter().zip(wanted).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs())) / largest
}

fn assert_near(found: &[NamedTensor], wanted: &BTreeMap<String, Vec<f32>>) {
    let largest = wanted.values().flatten().fold(0.0_f32, |most, value| most.max(value.abs()));
    for (name, wanted) in wanted {
        // A bias before a normalization has no gradient but rounding.
        if wanted.iter().all(|value| value.abs() < 1e-4 * largest) {
            continue;
        }
        let tensor = found.iter().find(|tensor| tensor.name == *name).unwrap_or_else(|| panic!("{name} is missing"));
        let error = error(&tensor.values, wanted);
        assert!(error < 1e-4, "{name}: {error:e}");
    }
}

#[test]
fn layers_that_are_called_again_answer_and_learn_as_in_keras() {
    let folder = tempfile::tempdir().unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/keras_shared.tar.gz");
    tar::Archive::new(GzDecoder::new(File::open(path).unwrap())).unpack(folder.path()).unwrap();
    let figures: Figures = serde_json::from_slice(&fs::read(folder.path().join("figures.json")).unwrap()).unwrap();
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let file = |name: &str| folder.path().join(name);
    let Imported { weights, assumes_rescaling } = Imported::read(&file("network.keras")).unwrap();
    let model = weights.model.as_ref().unwrap();
    let names = model.nodes().iter().map(|node| match node.weights {
        Some(owner) => format!("{}={}", node.name, model.nodes()[owner].name),
        None => node.name.clone(),
    });
    let names = names.collect::<Vec<_>>().join(" ");
    assert!(names.starts_with(LAYERS) && !assumes_rescaling, "{names}");
    let shared = model.nodes().iter().filter(|node| node.weights.is_some()).count();
    assert_eq!(shared, 6, "{names}");

    let wanted = figures.logits.concat();
    let optimizer = Optimizer { rule: Rule::Sgd(Sgd::default()), learning_rate: figures.rate, ..Optimizer::default() };
    for fusion in [true, false] {
        let mut options = Options { batch_size: 2, optimizer: optimizer.clone(), ..Options::default() };
        options.build.fusion = fusion;
        let mut executor = Executor::new(gpu.clone(), model, options).unwrap();
        gpu.block_on(executor.set_parameters(&weights.tensors)).unwrap();
        let logits = gpu.block_on(executor.logits(&batch())).unwrap();
        assert!(error(&logits, &wanted) < 1e-5, "{logits:?}");
        let mut losses = Vec::new();
        for step in 0..2 {
            gpu.block_on(executor.train_step(&batch())).unwrap();
            losses.extend(gpu.block_on(executor.metrics()).unwrap().iter().map(|step| step.loss));
            if step == 0 {
                let gradients = gpu.block_on(executor.gradients()).unwrap();
                assert_eq!(gradients.len(), figures.gradients.len());
                assert_near(&gradients, &figures.gradients);
            }
        }
        for (loss, wanted) in losses.iter().zip(&figures.losses) {
            assert!((loss - wanted).abs() < 1e-4 * wanted, "{losses:?}");
        }
        // Uses that don't need each other, as those of `norm_1`, move averages in an order that Keras chooses otherwise.
        let mut statistics = figures.statistics.clone();
        statistics.retain(|name, _| name.starts_with("norm/"));
        assert!(statistics.len() == 2);
        assert_near(&gpu.block_on(executor.parameters()).unwrap(), &statistics);
    }

    // Out, and back.
    fs::write(file("back.keras"), weights.to_keras().unwrap()).unwrap();
    let back = Imported::read(&file("back.keras")).unwrap().weights;
    assert_eq!(bits(&back), bits(&weights));
    let shared_names =
        |model: &wgrad::model::Network| model.nodes().iter().filter(|node| node.weights.is_some()).count();
    assert_eq!(shared_names(back.model.as_ref().unwrap()), shared);
    let images: Vec<f32> = batch().pixels.iter().map(|pixel| f32::from(*pixel)).collect();
    for weights in [&weights, &back, &weights.clone().fold_normalization().unwrap()] {
        let onnx = weights.to_onnx().unwrap();
        assert!(error(&tract(&onnx, [2, 7, 6, 3], &images), &wanted) < 1e-5);
        let kernels = proto_of(&onnx).graph.unwrap().initializer;
        assert_eq!(kernels.iter().filter(|tensor| tensor.name.starts_with("conv_kernel")).count(), 1);
    }
}
