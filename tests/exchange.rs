//! Networks as files of other programs: what is written is read back, and another program answers as wgrad does.

use std::fs;
use std::io::Cursor;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use tract_onnx::pb::ModelProto;
use tract_onnx::pb::tensor_shape_proto::dimension::Value;
use tract_onnx::pb::type_proto;
use tract_onnx::prelude::{DatumExt, Framework, InferenceModelExt, Tensor, tvec};
use wgrad::data::Batch;
use wgrad::exchange::Weights;
use wgrad::exec::{Executor, Options};
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::model::{Activation, NamedTensor, Sequential};
use wgrad::ops::Padding;

const ALL_LAYERS: &str = include_str!("../models/all_layers.toml");
const KERAS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/network.keras");

/// Every kind of layer, with the options whose order or rounding could go wrong.
fn networks() -> Vec<Sequential> {
    let image = || Sequential::new([9, 7, 3]);
    vec![
        Sequential::from_toml(ALL_LAYERS, Some(([32, 32, 3], 10))).unwrap(),
        Sequential::tutorial([32, 32, 3], 10),
        // An even kernel pads after, and the flattened image keeps its order.
        image().conv2d_with(5, [2, 4], [1, 1], Padding::Same).activation(Activation::Gelu).flatten().dense(4),
        image().conv2d_with(5, [3, 3], [2, 3], Padding::Same).max_pool2d_with([2, 1], [1, 2]).flatten().dense(4),
        image().conv2d_with(5, [5, 2], [3, 2], Padding::Valid).average_pool2d(2).global_average_pool2d(),
        image().average_pool2d(3).activation(Activation::Sigmoid).flatten().activation(Activation::Tanh),
        image().relu().flatten().dense(6).activation(Activation::Gelu).dense(3).activation(Activation::Softmax),
        image().max_pool2d(2).conv2d(4, 2).relu().dropout(0.5).flatten(),
        image().global_average_pool2d().flatten().dense(3).relu(),
    ]
}

fn pseudo_random(seed: u32, i: u32) -> u32 {
    let mut x = i.wrapping_mul(2_654_435_761) ^ seed.wrapping_mul(2_246_822_519);
    x ^= x >> 15;
    x = x.wrapping_mul(2_246_822_519);
    x ^ (x >> 13)
}

/// A network with initial kernels and biases that are not 0.
fn executor(gpu: &Arc<Gpu>, model: &Sequential) -> (Executor, Weights) {
    let options = Options { batch_size: 3, seed: 4, ..Options::default() };
    let mut executor = Executor::new(gpu.clone(), model, options).unwrap();
    let mut tensors = gpu.block_on(executor.parameters()).unwrap();
    for (t, tensor) in tensors.iter_mut().enumerate().filter(|(_, tensor)| tensor.name.ends_with("bias")) {
        for (i, value) in tensor.values.iter_mut().enumerate() {
            *value = (pseudo_random(t as u32, i as u32) % 1000) as f32 / 1000.0 - 0.5;
        }
    }
    // Large enough that images show in the answers.
    for tensor in tensors.iter_mut().filter(|tensor| tensor.name.ends_with("kernel")) {
        tensor.values.iter_mut().for_each(|value| *value *= 2.0);
    }
    executor.set_parameters(&tensors).unwrap();
    let class_names = (0..model.classes().unwrap()).map(|class| format!("class \"{class}\"")).collect();
    (executor, Weights { tensors, model: Some(model.clone()), class_names })
}

/// What tract answers to `images` `[n, h, w, c]`.
fn tract(onnx: &[u8], shape: [usize; 4], images: &[f32]) -> Vec<f32> {
    let images = Tensor::from_shape(&shape, images).unwrap();
    let model = tract_onnx::onnx().model_for_read(&mut Cursor::new(onnx)).unwrap();
    let model = model.with_input_fact(0, f32::fact(shape).into()).unwrap();
    let model = model.into_optimized().unwrap().into_runnable().unwrap();
    let outputs = model.run(tvec!(images.into())).unwrap();
    let output = outputs[0].to_array_view::<f32>().unwrap();
    assert_eq!(output.shape()[0], shape[0]);
    output.iter().copied().collect()
}

fn softmax(logits: &[f32], classes: usize) -> Vec<f32> {
    let mut all = Vec::new();
    for row in logits.chunks(classes) {
        let most = row.iter().copied().fold(f32::MIN, f32::max);
        let parts: Vec<f64> = row.iter().map(|logit| f64::from(logit - most).exp()).collect();
        let sum: f64 = parts.iter().sum();
        all.extend(parts.iter().map(|part| (part / sum) as f32));
    }
    all
}

#[test]
fn tract_answers_as_wgrad_does() {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    for (i, model) in networks().iter().enumerate() {
        let (mut executor, weights) = executor(&gpu, model);
        let onnx = weights.to_onnx().unwrap();
        let ([h, w, c], classes) = (model.input(), model.classes().unwrap());
        for len in [1, 3] {
            // Noise of three brightnesses.
            let pixel = |j: usize| pseudo_random(i as u32, j as u32) % 128 + 60 * (j / (h * w * c)) as u32;
            let pixels: Vec<u8> = (0..3 * h * w * c).map(|j| pixel(j) as u8).collect();
            let images: Vec<f32> = pixels[..len * h * w * c].iter().map(|pixel| f32::from(*pixel) / 255.0).collect();
            let batch = Batch { pixels, labels: vec![0; 3], len };
            let logits = gpu.block_on(executor.logits(&batch)).unwrap();
            assert_eq!(logits.len(), len * classes);
            let wanted =
                if model.final_activation() == Activation::Softmax { softmax(&logits, classes) } else { logits };
            let found = tract(&onnx, [len, h, w, c], &images);
            assert_eq!(found.len(), wanted.len());
            let largest = wanted.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
            let error = wanted.iter().zip(&found).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs())) / largest;
            println!("network {i}, batch {len}: largest {largest:.3}, error {error:.1e}");
            // Else a wrong layer would not show.
            let first = wanted[..classes].iter().cycle();
            let differ = wanted.iter().zip(first).any(|(value, first)| (value - first).abs() > 1e-3 * largest);
            assert!(len == 1 || differ, "network {i}: all images look alike");
            assert!(error <= 1e-5, "network {i}, batch {len}: {error:e} of {largest}");
        }
    }
}

#[test]
fn an_onnx_file_says_what_it_is() {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    for (model, output) in networks().iter().zip(["probabilities", "logits"]) {
        let (_, weights) = executor(&gpu, model);
        let onnx = weights.to_onnx().unwrap();
        assert_eq!(onnx, weights.to_onnx().unwrap());
        let proto: ModelProto = tract_onnx::onnx().proto_model_for_read(&mut Cursor::new(onnx)).unwrap();
        assert_eq!((proto.ir_version, proto.opset_import[0].version, proto.opset_import.len()), (8, 17, 1));
        assert_eq!((&*proto.producer_name, &*proto.producer_version), ("wgrad", env!("CARGO_PKG_VERSION")));
        let names: Vec<String> = serde_json::from_str(&proto.metadata_props[0].value).unwrap();
        assert_eq!((&*proto.metadata_props[0].key, names), ("class_names", weights.class_names));
        let graph = proto.graph.unwrap();
        for (value, name, sizes) in [(&graph.input[0], "images", &[32, 32, 3][..]), (&graph.output[0], output, &[10])] {
            assert_eq!(value.name, name);
            let type_proto::Value::TensorType(tensor) = value.r#type.clone().unwrap().value.unwrap();
            let dims: Vec<Value> = tensor.shape.unwrap().dim.into_iter().map(|dim| dim.value.unwrap()).collect();
            assert_eq!(dims[0], Value::DimParam("N".into()));
            let known: Vec<Value> = sizes.iter().map(|size| Value::DimValue(*size)).collect();
            assert_eq!(dims[1..], known);
        }
        // One definition of each value, before its first use.
        let mut defined: Vec<_> = graph.initializer.iter().map(|tensor| tensor.name.clone()).collect();
        defined.push("images".into());
        for node in &graph.node {
            assert!(node.input.iter().all(|input| defined.contains(input)), "{}", node.name);
            assert!(!defined.contains(&node.output[0]), "{}", node.name);
            defined.push(node.output[0].clone());
        }
    }
}

/// Weights with every kind of float, which survive only as bits.
fn odd_weights() -> Weights {
    let odd = [0x7fc0_1234, 0xff80_0000, 0x8000_0000, 1, 0x3f80_0000, 0x7f7f_ffff].map(f32::from_bits);
    let model = Sequential::new([2, 1, 1]).flatten().dense(3).named("a.b").dense(2).relu();
    let tensor = |name: &str, shape: &[usize]| {
        let values = odd.iter().copied().cycle().take(shape.iter().product()).collect();
        NamedTensor { name: name.into(), shape: shape.to_vec(), values }
    };
    let tensors = vec![
        tensor("a.b/kernel", &[2, 3]),
        tensor("a.b/bias", &[3]),
        tensor("dense/kernel", &[3, 2]),
        tensor("dense/bias", &[2]),
    ];
    Weights { tensors, model: Some(model), class_names: vec!["cat".into(), "d\u{f6}g".into()] }
}

/// Names, shapes and bits, in order of the names.
fn bits(weights: &Weights) -> Vec<(String, Vec<usize>, Vec<u32>)> {
    let parts = |tensor: &NamedTensor| {
        let values = tensor.values.iter().map(|value| value.to_bits()).collect();
        (tensor.name.clone(), tensor.shape.clone(), values)
    };
    let mut all: Vec<_> = weights.tensors.iter().map(parts).collect();
    all.sort();
    all
}

#[test]
fn weights_come_back_bit_for_bit() {
    let weights = odd_weights();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights");
    for (bytes, whole) in [(weights.to_bytes().unwrap(), true), (weights.to_npz().unwrap(), false)] {
        fs::write(&path, bytes).unwrap();
        let read = Weights::import(&path).unwrap();
        assert_eq!(bits(&read), bits(&weights));
        if whole {
            // Layers get their names when the network is written.
            assert_eq!(read.model.unwrap().to_toml().unwrap(), weights.model.as_ref().unwrap().to_toml().unwrap());
            assert_eq!(read.class_names, weights.class_names);
        }
    }
    assert_eq!(weights.to_npz().unwrap(), weights.to_npz().unwrap());
}

#[test]
fn a_keras_archive_is_read() {
    let weights = Weights::import(Path::new(KERAS)).unwrap();
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
        type = "activation"
        activation = "relu"
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
    assert_eq!(model.to_toml().unwrap(), Sequential::from_toml(wanted, None).unwrap().to_toml().unwrap());
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

#[test]
fn weights_of_another_network_are_refused() {
    let mut weights = odd_weights();
    let model = weights.model.take().unwrap();
    assert!(weights.to_onnx().unwrap_err().to_string().contains("--model"));
    let misfit = |weights: &Weights| weights.check_fit(&model).unwrap_err().to_string();
    weights.check_fit(&model).unwrap();
    weights.tensors[1].shape = vec![1, 3];
    assert!(misfit(&weights).contains("wants `a.b/bias` as [3], but that is [1, 3]"), "{}", misfit(&weights));
    let bias = weights.tensors.remove(1);
    assert!(misfit(&weights).contains("wants `a.b/bias` as [3], which is missing"), "{}", misfit(&weights));
    weights.tensors.push(NamedTensor { shape: vec![3], ..bias.clone() });
    weights.tensors.push(NamedTensor { name: "more".into(), ..bias });
    assert!(misfit(&weights).contains("1 tensors belong to none"), "{}", misfit(&weights));
}

fn wgrad(folder: &Path, arguments: &str) -> Output {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("wgrad"));
    command.args(arguments.split_whitespace()).current_dir(folder).output().unwrap()
}

fn succeeds(folder: &Path, arguments: &str) -> String {
    let output = wgrad(folder, arguments);
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

fn fails(folder: &Path, arguments: &str, parts: &[&str]) {
    let output = wgrad(folder, arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(matches!(output.status.code(), Some(1 | 3)), "{arguments}: {stderr}");
    assert!(stderr.starts_with("error: ") && stderr.lines().count() == 1, "{arguments}: {stderr}");
    assert!(parts.iter().all(|part| stderr.contains(part)), "{arguments}: {parts:?}: {stderr}");
}

#[test]
fn commands_carry_a_network_through_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let (_, mut weights) = executor(&gpu, &Sequential::tutorial([32, 32, 3], 10));
    fs::write(folder.join("a.safetensors"), weights.to_bytes().unwrap()).unwrap();

    let evaluate = |file: &str| {
        let file = format!("eval --weights {file} --dataset shapes --limit 40 --logits logits.npz --batch-size 32");
        succeeds(folder, &file);
        fs::read(folder.join("logits.npz")).unwrap()
    };
    let logits = evaluate("a.safetensors");
    succeeds(folder, "export --weights a.safetensors --format onnx --out sub/a.onnx");
    assert_eq!(fs::read(folder.join("sub/a.onnx")).unwrap(), weights.to_onnx().unwrap());
    succeeds(folder, "export --weights a.safetensors --format keras-npz --out a.npz");
    // The tutorial's network is known without a model file.
    let table = succeeds(folder, "import a.npz --out b.safetensors");
    assert!(table.contains("122,570"), "{table}");
    assert!(logits == evaluate("b.safetensors"), "npz changed the answers");
    succeeds(folder, "export --weights b.safetensors --format safetensors --out a.safetensors");
    weights.class_names.clear();
    assert_eq!(fs::read(folder.join("a.safetensors")).unwrap(), weights.to_bytes().unwrap());

    let archive = Weights::import(&folder.join("logits.npz")).unwrap_err().to_string();
    assert!(archive.contains("`images` as `|u1`"), "{archive}");
    succeeds(folder, &format!("import {KERAS} --out k.safetensors"));
    let [written, read] = [&folder.join("k.safetensors"), Path::new(KERAS)].map(|path| Weights::import(path).unwrap());
    assert_eq!((bits(&written), written.model), (bits(&read), read.model));
}

#[test]
fn commands_say_what_is_wrong_and_leave_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("a.safetensors"), odd_weights().to_bytes().unwrap()).unwrap();
    fs::write(folder.join("a.npz"), odd_weights().to_npz().unwrap()).unwrap();
    fs::write(folder.join("model.toml"), "[[layers]]\ntype = \"flatten\"\n[[layers]]\ntype = \"dense\"\nunits = 2")
        .unwrap();
    fs::write(folder.join("old"), "old").unwrap();
    fs::create_dir(folder.join("dir")).unwrap();
    let export = "export --format onnx --out old --weights";
    for (arguments, parts) in [
        (format!("{export} none.safetensors"), ["cannot read none.safetensors", "name"]),
        (format!("{export} old"), ["old is of no format", ".npz"]),
        (format!("{export} a.npz"), ["don't say which network", "--model"]),
        (format!("{export} a.safetensors --model model.toml"), ["`dense/kernel` as [3072, 2]", "--model"]),
        (format!("{export} a.safetensors --model none.toml"), ["cannot read none.toml", "model file"]),
        ("export --format onnx --out dir --weights a.safetensors".into(), ["dir is a directory", "name a file"]),
        ("export --format onnx --out old/b --weights a.safetensors".into(), ["cannot write old", "permissions"]),
        ("import a.npz --out old".into(), ["don't say which network", "--model"]),
        ("eval --dataset shapes --limit 0 --weights a.safetensors".into(), ["--limit is 0", "give 1 to 2000"]),
    ] {
        fails(folder, &arguments, &parts);
    }
    assert_eq!(fs::read_to_string(folder.join("old")).unwrap(), "old");
    assert_eq!(fs::read_dir(folder).unwrap().count(), 5);
    let output = wgrad(folder, "export --weights a.safetensors --out b --format keras");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("keras-npz"));
}
