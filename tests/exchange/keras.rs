//! Models that Keras saved.

use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use flate2::read::GzDecoder;
use tempfile::TempDir;
use wgrad::data::Batch;
use wgrad::exchange::{Imported, Weights};
use wgrad::exec::{Executor, Options};
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::model::Network;

use crate::commands::{fails, succeeds, wgrad};
use crate::{KERAS, bits};

/// What Keras 2 saved, in a directory.
fn keras_2() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/keras2.tar.gz");
    tar::Archive::new(GzDecoder::new(File::open(path).unwrap())).unpack(folder.path()).unwrap();
    folder
}

/// The network of tests/fixtures/keras2_files.py; its rescaling is that of files without a version.
const NETWORK: &str = r#"
    input = [8, 7, 3]
    [[layers]]
    name = "conv2d"
    type = "conv2d"
    filters = 2
    kernel_size = 3
    strides = 2
    padding = "same"
    activation = "gelu"
    [[layers]]
    name = "second"
    type = "conv2d"
    filters = 3
    kernel_size = [2, 3]
    trainable = false
    [[layers]]
    name = "re_lu"
    type = "re_lu"
    [[layers]]
    name = "flatten"
    type = "flatten"
    [[layers]]
    name = "hidden"
    type = "dense"
    units = 4
    activation = "tanh"
    [[layers]]
    name = "dropout"
    type = "dropout"
    rate = 0.25
    [[layers]]
    name = "dense"
    type = "dense"
    units = 3
    [[layers]]
    name = "softmax"
    type = "activation"
    activation = "softmax"
"#;

#[test]
fn an_archive_of_keras_3_is_read() {
    let weights = Imported::read(Path::new(KERAS)).unwrap().weights;
    let model = weights.model.as_ref().unwrap();
    let wanted = r#"
        input = [9, 8, 3]
        [[layers]]
        name = "conv2d"
        type = "conv2d"
        filters = 2
        kernel_size = 3
        strides = 2
        padding = "same"
        activation = "gelu"
        [[layers]]
        name = "second"
        type = "conv2d"
        filters = 3
        kernel_size = [2, 3]
        trainable = false
        [[layers]]
        name = "re_lu"
        type = "re_lu"
        [[layers]]
        name = "max_pooling2d"
        type = "max_pooling2d"
        pool_size = [2, 1]
        strides = 1
        [[layers]]
        name = "dropout"
        type = "dropout"
        rate = 0.25
        [[layers]]
        name = "flatten"
        type = "flatten"
        [[layers]]
        name = "hidden"
        type = "dense"
        units = 4
        activation = "tanh"
        [[layers]]
        name = "dense"
        type = "dense"
        units = 5
        [[layers]]
        name = "softmax"
        type = "activation"
        activation = "softmax"
    "#;
    assert_eq!(model.to_toml().unwrap(), Network::from_toml(wanted, None).unwrap().to_toml().unwrap());
    // The script's formula; variable 4 is dropout's seed.
    for (place, name) in [
        (0, "conv2d/kernel"),
        (1, "conv2d/bias"),
        (2, "second/kernel"),
        (3, "second/bias"),
        (5, "hidden/kernel"),
        (6, "hidden/bias"),
        (7, "dense/kernel"),
        (8, "dense/bias"),
    ] {
        let tensor = weights.tensors.iter().find(|tensor| tensor.name == name).unwrap();
        assert!((tensor.values.iter().enumerate()).all(|(i, value)| *value == (i as f32 - 10.0 * place as f32) / 64.0));
    }
}

/// Every way in which Keras 2 saved a model: as HDF5 under either name, and as an archive whose layers are counted by
/// two or by one. The answers are those that the script's Keras gave to pixels from 0 to 255.
#[test]
fn models_of_keras_2_answer_as_in_keras() {
    let folder = keras_2();
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let wanted = Network::from_toml(NETWORK, None).unwrap().to_toml().unwrap();
    let answers = [[0.347_734_75, 0.281_588_4, 0.370_676_8], [0.342_095_2, 0.293_891_97, 0.364_012_87]];
    for file in ["2.12.keras", "2.13.keras", "2.15.keras", "2.15.h5"] {
        let Imported { weights, assumes_rescaling } = Imported::read(&folder.path().join(file)).unwrap();
        assert!(!assumes_rescaling, "{file}");
        let model = weights.model.as_ref().unwrap();
        assert_eq!(model.to_toml().unwrap(), wanted, "{file}");
        let options = Options { batch_size: 2, ..Options::default() };
        let mut executor = Executor::new(gpu.clone(), model, options).unwrap();
        gpu.block_on(executor.set_parameters(&weights.tensors)).unwrap();
        let pixels = (0..2 * 8 * 7 * 3).map(|i| (i * 31 % 256) as u8).collect();
        let logits = gpu.block_on(executor.logits(&Batch { pixels, labels: vec![0; 2], len: 2 })).unwrap();
        for (row, wanted) in logits.chunks(3).zip(answers) {
            let exp: Vec<f32> = row.iter().map(|logit| logit.exp()).collect();
            for (value, wanted) in exp.iter().zip(wanted) {
                let found = value / exp.iter().sum::<f32>();
                assert!((found - wanted).abs() < 1e-6, "{file}: {found} is not {wanted}");
            }
        }
    }
}

/// Files with weights alone need a model file, and tell whose weights are missing or of another shape.
#[test]
fn weights_of_keras_without_a_model_need_a_model_file() {
    let folder = keras_2();
    let folder = folder.path();
    std::fs::write(folder.join("model.toml"), NETWORK).unwrap();
    // The script gives two layers names, which only the `.h5` file has.
    let numbered = NETWORK.replace("second", "conv2d_1").replace("\"dense\"\n    type", "\"dense_1\"\n    type");
    std::fs::write(folder.join("numbered.toml"), numbered.replace("hidden", "dense")).unwrap();
    for (file, model) in [("2.15_weights.h5", "model.toml"), ("2.15.weights.h5", "numbered.toml")] {
        succeeds(folder, &format!("import {file} --model {model} --out weights.safetensors"));
        let [imported, whole] = ["weights.safetensors", "2.15.keras"]
            .map(|file| Imported::read(&folder.join(file)).unwrap().weights.tensors)
            .map(|mut tensors| {
                // Layers have other names there.
                tensors.iter_mut().for_each(|tensor| tensor.name.clear());
                bits(&Weights { tensors, ..Weights::default() })
            });
        assert_eq!(imported, whole, "{file}");
        fails(folder, &format!("import {file} --out a"), &["don't say which network", "--model"]);
    }
    fails(folder, "import 2.15.weights.h5 --model model.toml --out a", &["`second/kernel`", "is missing", "--model"]);
}

/// The network may be that of another file of Keras, whose own weights don't count.
#[test]
fn weights_of_keras_fit_the_network_of_a_keras_file() {
    let folder = keras_2();
    let folder = folder.path();
    let whole = Imported::read(&folder.join("2.15.keras")).unwrap().weights;
    for file in ["2.15_weights.h5", "2.15.weights.h5", "2.15.h5"] {
        for network in ["2.15.keras", "2.15.h5"] {
            succeeds(folder, &format!("import {file} --model {network} --out weights.safetensors"));
            let weights = Weights::read(&folder.join("weights.safetensors")).unwrap();
            assert_eq!(bits(&weights), bits(&whole), "{file} of {network}");
            assert_eq!(weights.model, whole.model, "{file} of {network}");
        }
    }
    std::fs::copy(KERAS, folder.join("network.keras")).unwrap();
    for (arguments, parts) in [
        ("2.15.weights.h5 --model network.keras", ["2.15.weights.h5 can't be imported from Keras", "`dense/kernel`"]),
        ("2.15.keras --model network.keras", ["2.15.keras is a Keras archive, not the HDF5 file", ".weights.h5"]),
        ("weights.safetensors --model 2.15.keras", ["weights.safetensors is a safetensors file", ".weights.h5"]),
        ("2.15.weights.h5 --model 2.15_weights.h5", ["2.15_weights.h5 can't be imported", "it has no network"]),
    ] {
        fails(folder, &format!("import {arguments} --out a"), &parts);
    }
}

/// The note is one line on standard error, and the layer is in what is written.
#[test]
fn a_network_that_does_not_scale_its_pixels_gets_a_rescaling_with_a_word() {
    let folder = keras_2();
    std::fs::copy(KERAS, folder.path().join("network.keras")).unwrap();
    for (file, lines) in [("2.15.keras", 0), ("network.keras", 1)] {
        for arguments in [
            format!("import {file} --out a.safetensors"),
            format!("export --weights {file} --format onnx --out a.onnx"),
        ] {
            let output = wgrad(folder.path(), &arguments);
            let stderr = String::from_utf8(output.stderr).unwrap();
            assert!(output.status.success(), "{stderr}");
            assert_eq!(stderr.lines().count(), lines, "{stderr}");
            assert_eq!(stderr.matches("puts Rescaling(1/255) before its first layer").count(), lines, "{stderr}");
        }
        let read = Imported::read(&folder.path().join("a.safetensors")).unwrap();
        assert_eq!(read.weights.model.unwrap().nodes()[0].name, "rescaling", "{file}");
    }
}
