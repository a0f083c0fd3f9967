//! Functional models of Keras: in, and back.

use std::fs::{self, File};
use std::sync::Arc;

use flate2::read::GzDecoder;
use tempfile::TempDir;
use wgrad::data::Batch;
use wgrad::exchange::Imported;
use wgrad::exec::{Executor, Options};
use wgrad::gpu::{AdapterChoice, Gpu};

use crate::{bits, executor, networks};

/// What tests/fixtures/keras_functional.py wrote, in a directory.
fn saved() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/keras_functional.tar.gz");
    tar::Archive::new(GzDecoder::new(File::open(path).unwrap())).unpack(folder.path()).unwrap();
    folder
}

/// The names of the layers, with a star where training changes nothing.
const LAYERS: &str = "rescaling conv2d* norm_1* depthwise_conv2d norm_2 re_lu separable_conv2d dropout twice twice_1 add \
    add_1 global_average_pooling2d conv2d_1 multiply group_normalization layer_normalization concatenate zero_padding2d norm \
    max_pooling2d reshape global_max_pooling2d flatten concatenate_1 dense batch_normalization re_lu_1 dense_1";

#[test]
fn a_functional_model_answers_as_in_keras_and_goes_back() {
    let folder = saved();
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let answers: Vec<Vec<f32>> =
        serde_json::from_slice(&fs::read(folder.path().join("answers.json")).unwrap()).unwrap();
    let read = |file: &str| Imported::read(&folder.path().join(file)).unwrap();
    let Imported { weights, assumes_rescaling } = read("network.keras");
    let model = weights.model.as_ref().unwrap();
    let layers = model.nodes().iter().map(|node| format!("{}{}", node.name, if node.trainable { "" } else { "*" }));
    assert_eq!((layers.collect::<Vec<_>>().join(" "), assumes_rescaling), (LAYERS.into(), false));

    let options = Options { batch_size: 2, ..Options::default() };
    let mut executor = Executor::new(gpu.clone(), model, options).unwrap();
    gpu.block_on(executor.set_parameters(&weights.tensors)).unwrap();
    let pixels = (0..2 * 7 * 6 * 3).map(|i| (i * 31 % 256) as u8).collect();
    let logits = gpu.block_on(executor.logits(&Batch { pixels, labels: vec![0; 2], len: 2 })).unwrap();
    for (logits, wanted) in logits.chunks(4).zip(&answers) {
        let sum: f32 = logits.iter().map(|logit| logit.exp()).sum();
        for (logit, wanted) in logits.iter().zip(wanted) {
            let found = logit.exp() / sum;
            assert!((found - wanted).abs() < 1e-5, "{found} is not {wanted}");
        }
    }

    // The other format has the same in it, and so has what wgrad writes.
    fs::write(folder.path().join("back.keras"), weights.to_keras().unwrap()).unwrap();
    for file in ["network.h5", "back.keras"] {
        let Imported { weights: other, assumes_rescaling } = read(file);
        assert!(!assumes_rescaling, "{file}");
        assert_eq!(other.model.as_ref().unwrap().to_toml().unwrap(), model.to_toml().unwrap(), "{file}");
        assert_eq!(bits(&other), bits(&weights), "{file}");
    }
}

/// Layers come back in Keras's order: each with the same options, weights and inputs.
#[test]
fn every_network_comes_back_from_keras_s_format() {
    let folder = tempfile::tempdir().unwrap();
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let path = folder.path().join("network.keras");
    for model in networks() {
        let (_, weights) = executor(&gpu, &model);
        let archive = weights.to_keras().unwrap();
        assert_eq!(archive, weights.to_keras().unwrap());
        fs::write(&path, archive).unwrap();
        let read = Imported::read(&path).unwrap().weights;
        assert_eq!(bits(&read), bits(&weights));
        let layers = |model: &wgrad::model::Network| {
            let names = |value: &wgrad::model::Value| match value {
                wgrad::model::Value::Image => "image".to_owned(),
                wgrad::model::Value::Layer(place) => model.nodes()[*place].name.clone(),
            };
            let lines = model.nodes().iter().map(|node| {
                let inputs: Vec<String> = node.inputs.iter().map(names).collect();
                format!("{} {:?} {inputs:?} {}", node.name, node.layer, node.trainable)
            });
            let mut lines: Vec<String> = lines.collect();
            lines.sort();
            lines
        };
        assert_eq!(layers(read.model.as_ref().unwrap()), layers(&model));
    }
}
