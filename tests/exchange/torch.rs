//! State dicts of PyTorch.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::sync::Arc;

use flate2::read::GzDecoder;
use serde::Deserialize;
use wgrad::data::Batch;
use wgrad::exchange::{ExchangeError, Imported, StateDictOptions, Weights};
use wgrad::exec::{Executor, Options};
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::model::layers::Normalization;
use wgrad::model::zoo::torch::{TORCH, TorchModel, normalization};
use wgrad::model::{Layer, NamedTensor, Network};

use crate::commands::{fails, succeeds};
use crate::pseudo_random;

/// What tests/fixtures/torch_state_dicts.py wrote.
#[derive(Deserialize)]
struct StateDict {
    library: String,
    model: String,
    tensors: BTreeMap<String, Vec<usize>>,
}

fn state_dicts() -> Vec<StateDict> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/torch_state_dicts.json.gz");
    serde_json::from_reader(GzDecoder::new(File::open(path).unwrap())).unwrap()
}

/// A state dict whose tensors have zeros, apart from the elements of the first row of each: those count up.
fn zeros(shapes: &BTreeMap<String, Vec<usize>>) -> Vec<NamedTensor> {
    let tensors = shapes.iter().filter(|(name, _)| !name.ends_with("num_batches_tracked"));
    let tensor = |(name, shape): (&String, &Vec<usize>)| {
        let mut values = vec![0.0; shape.iter().product()];
        let row = values.len() / shape.first().copied().unwrap_or(1);
        values[..row].iter_mut().enumerate().for_each(|(place, value)| *value = place as f32);
        NamedTensor { name: name.clone(), shape: shape.clone(), values }
    };
    tensors.map(tensor).collect()
}

fn shapes_of(model: &str) -> BTreeMap<String, Vec<usize>> {
    state_dicts().into_iter().find(|dict| dict.model == model).unwrap().tensors
}

fn import(tensors: Vec<NamedTensor>) -> Result<Weights, String> {
    Weights::from_state_dict(tensors, None, &StateDictOptions::default()).map_err(|error| error.to_string())
}

/// The names and shapes are those that the libraries gave; which network they belong to is found by them.
#[test]
fn each_network_of_the_libraries_is_known_by_its_names() {
    let dicts = state_dicts();
    for model in TORCH {
        assert!(dicts.iter().any(|dict| dict.model == model.library_name()), "{}", model.name);
    }
    for StateDict { library, model, tensors } in dicts {
        let name = format!("{library} {model}");
        if TorchModel::named(&model).is_none() {
            continue;
        }
        // The two have the same dense layers, which take seconds.
        if model == "vgg16" && library == "timm" || model == "vgg11" && library == "torchvision" {
            continue;
        }
        let total: usize =
            tensors.values().filter(|shape| !shape.is_empty()).flat_map(|s| [s.iter().product::<usize>()]).sum();
        let weights = import(zeros(&tensors)).unwrap_or_else(|error| panic!("{name}: {error}"));
        let network = weights.model.as_ref().unwrap();
        weights.check_fit(network).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(weights.tensors.iter().map(|tensor| tensor.values.len()).sum::<usize>(), total, "{name}");
        assert_eq!((network.input(), network.classes()), ([224, 224, 3], Ok(1000)), "{name}");
        assert!(matches!(&network.nodes()[0].layer, Layer::Normalization(_)), "{name}");
        for node in network.nodes() {
            if let Layer::BatchNormalization(layer) = &node.layer {
                assert_eq!((layer.momentum, layer.epsilon, layer.unbiased_variance), (0.9, 1e-5, true), "{name}");
            }
        }
        // The first row of the first convolution's kernel, which counts in the order of PyTorch: channel, row, column.
        let stem = network.nodes().iter().find(|node| matches!(node.layer, Layer::Conv2d(_))).unwrap();
        let kernel = weights.tensors.iter().find(|tensor| tensor.name == format!("{}/kernel", stem.name)).unwrap();
        let [h, w, i, o] = *kernel.shape else { panic!("{name}") };
        for (place, values) in kernel.values.chunks_exact(o).enumerate() {
            let (y, x, channel) = (place / i / w, place / i % w, place % i);
            assert_eq!(values[0], ((channel * h + y) * w + x) as f32, "{name}");
            assert!(values[1..].iter().all(|value| *value == 0.0), "{name}");
        }
    }
}

/// Every kind of layer that a state dict can be read for, with the names of modules.
const NETWORK: &str = r#"
version = 2
input = [6, 5, 3]
[[layers]]
type = "conv2d"
name = "features.0"
filters = 5
kernel_size = [3, 1]
use_bias = false
[[layers]]
type = "batch_normalization"
name = "features.1"
epsilon = 1e-5
[[layers]]
type = "activation"
activation = "relu"
[[layers]]
type = "depthwise_conv2d"
name = "features.3"
kernel_size = [2, 3]
depth_multiplier = 2
[[layers]]
type = "layer_normalization"
name = "norm"
epsilon = 1e-5
[[layers]]
type = "flatten"
[[layers]]
type = "dropout"
rate = 0.5
[[layers]]
type = "dense"
name = "head.fc1"
units = 6
activation = "relu"
[[layers]]
type = "dense"
name = "head.fc2"
units = "classes"
use_bias = false
"#;

/// The tensors of [`NETWORK`] as PyTorch has them.
const TENSORS: [(&str, &[usize]); 11] = [
    ("features.0.weight", &[5, 3, 3, 1]),
    ("features.1.weight", &[5]),
    ("features.1.bias", &[5]),
    ("features.1.running_mean", &[5]),
    ("features.1.running_var", &[5]),
    ("features.3.weight", &[10, 1, 2, 3]),
    ("features.3.bias", &[10]),
    ("norm.weight", &[10]),
    ("norm.bias", &[10]),
    ("head.fc1.weight", &[6, 10 * 3 * 3]),
    ("head.fc1.bias", &[6]),
];

fn tensors() -> Vec<NamedTensor> {
    let all = TENSORS.iter().copied().chain([("head.fc2.weight", &[4, 6][..])]);
    let tensor = |(seed, (name, shape)): (usize, (&str, &[usize]))| {
        let low = if name.ends_with("running_var") { 0.5 } else { -0.5 };
        let value = |i| (pseudo_random(seed as u32, i) % 1000) as f32 / 1000.0 + low;
        let values = (0..shape.iter().product::<usize>() as u32).map(value).collect();
        NamedTensor { name: name.into(), shape: shape.to_vec(), values }
    };
    all.enumerate().map(tensor).collect()
}

/// What PyTorch computes with the tensors: a sum for each output, over channels, rows and columns in that order.
fn forward(tensors: &[NamedTensor], image: &[u8]) -> Vec<f64> {
    let all = |name: &str| -> Vec<f64> {
        let tensor = tensors.iter().find(|tensor| tensor.name == name).unwrap();
        tensor.values.iter().map(|value| f64::from(*value)).collect()
    };
    let pixel = |c: usize, y: usize, x: usize| f64::from(image[(y * 5 + x) * 3 + c]);
    let kernel = all("features.0.weight");
    let [gamma, beta, mean, variance] =
        ["weight", "bias", "running_mean", "running_var"].map(|name| all(&format!("features.1.{name}")));
    // [5, 4, 5]
    let convolved = |f: usize, y: usize, x: usize| -> f64 {
        let sum: f64 = (0..9).map(|k| kernel[f * 9 + k] * pixel(k / 3, y + k % 3, x)).sum();
        (gamma[f] * (sum - mean[f]) / (variance[f] + 1e-5).sqrt() + beta[f]).max(0.0)
    };
    let (kernel, bias) = (all("features.3.weight"), all("features.3.bias"));
    // [10, 3, 3]
    let depthwise = |f: usize, y: usize, x: usize| -> f64 {
        bias[f] + (0..6).map(|k| kernel[f * 6 + k] * convolved(f / 2, y + k / 3, x + k % 3)).sum::<f64>()
    };
    let (gamma, beta) = (all("norm.weight"), all("norm.bias"));
    let mut row = vec![0.0; 90];
    for place in 0..9 {
        let values: Vec<f64> = (0..10).map(|f| depthwise(f, place / 3, place % 3)).collect();
        let mean = values.iter().sum::<f64>() / 10.0;
        let variance = values.iter().map(|value| (value - mean).powi(2)).sum::<f64>() / 10.0;
        for (f, value) in values.into_iter().enumerate() {
            row[f * 9 + place] = gamma[f] * (value - mean) / (variance + 1e-5).sqrt() + beta[f];
        }
    }
    let dense = |row: &[f64], weights: Vec<f64>| -> Vec<f64> {
        weights.chunks(row.len()).map(|weights| weights.iter().zip(row).map(|(w, x)| w * x).sum()).collect()
    };
    let hidden = dense(&row, all("head.fc1.weight"));
    let hidden: Vec<f64> = hidden.iter().zip(all("head.fc1.bias")).map(|(x, bias)| (x + bias).max(0.0)).collect();
    dense(&hidden, all("head.fc2.weight"))
}

fn network() -> Network {
    let outputs = Weights::outputs_of_state_dict(&tensors());
    Network::from_toml_for(NETWORK, [32, 32, 3], &outputs).unwrap()
}

#[test]
fn a_state_dict_answers_as_in_pytorch() {
    let images: Vec<u8> = (0..2 * 90).map(|i| pseudo_random(77, i) as u8).collect();
    let Weights { tensors: variables, model, .. } = Weights::from_state_dict_of(tensors(), network()).unwrap();
    let model = model.unwrap();
    assert_eq!(model.classes(), Ok(4));
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let options = Options { batch_size: 2, ..Options::default() };
    let mut executor = Executor::new(gpu.clone(), &model, options).unwrap();
    gpu.block_on(executor.set_parameters(&variables)).unwrap();
    let batch = Batch { pixels: images.clone(), labels: vec![0; 2], len: 2 };
    let found = gpu.block_on(executor.logits(&batch)).unwrap();
    let wanted: Vec<f64> = images.chunks_exact(90).flat_map(|image| forward(&tensors(), image)).collect();
    let largest = wanted.iter().fold(0.0, |largest: f64, value| largest.max(value.abs()));
    assert_eq!(found.len(), wanted.len());
    for (found, wanted) in found.iter().zip(&wanted) {
        assert!((f64::from(*found) - wanted).abs() < 1e-5 * largest, "{found}, not {wanted}");
    }
}

#[test]
fn tensors_that_do_not_fit_are_named() {
    let read = |tensors| Weights::from_state_dict_of(tensors, network()).unwrap_err().to_string();
    let changed = |change: fn(&mut Vec<NamedTensor>)| {
        let mut all = tensors();
        change(&mut all);
        read(all)
    };
    for (error, words) in [
        (changed(|all| drop(all.remove(3))), "`features.1.running_mean` is missing, which the network has as [5]"),
        (
            changed(|all| all[0].shape = vec![3, 5, 3, 1]),
            "`features.0.weight` is [3, 5, 3, 1], but the network has [5, 3, 3, 1]",
        ),
        (changed(|all| all[9].shape = vec![90, 6]), "`head.fc1.weight` is [90, 6], but the network has [6, 90] there"),
        (changed(|all| all[4].name = "features.1.running_std".into()), "`features.1.running_var` is missing"),
        (
            changed(|all| {
                all.extend(["more.a", "more.b"].map(|name| NamedTensor { name: name.into(), ..all[0].clone() }))
            }),
            "the network has no `more.a`, and 1 others",
        ),
    ] {
        assert!(error.starts_with("the state dict can't be imported: ") && error.contains(words), "{error}");
    }
    // A row of a flattened map has an order, which only dense layers are turned to.
    let text =
        "input = [2, 2, 3]\nversion = 2\n[[layers]]\ntype = \"flatten\"\n[[layers]]\ntype = \"batch_normalization\"";
    let error = Weights::from_state_dict_of(tensors(), Network::from_toml(text, None).unwrap()).unwrap_err();
    assert!(matches!(&error, ExchangeError::StateDict(words) if words.contains("behind `flatten`")), "{error}");
    let text = "input = [2, 2, 3]\nversion = 2\n[[layers]]\ntype = \"separable_conv2d\"\nfilters = 2\nkernel_size = 1";
    let text = format!("{text}\n[[layers]]\ntype = \"flatten\"");
    let error = Weights::from_state_dict_of(tensors(), Network::from_toml(&text, None).unwrap()).unwrap_err();
    assert!(error.to_string().contains("separable_conv2d"), "{error}");
}

#[test]
fn classes_and_channels_are_those_of_the_tensors() {
    let mut shapes = shapes_of("mobilenet_v2");
    shapes.insert("classifier.1.weight".into(), vec![3, 1280]);
    shapes.insert("classifier.1.bias".into(), vec![3]);
    let model = |tensors, options: &StateDictOptions| {
        Weights::from_state_dict(tensors, TorchModel::named("mobilenet_v2"), options)
            .map(|weights| weights.model.unwrap())
    };
    let options = StateDictOptions { image_size: Some([96, 64]), ..StateDictOptions::default() };
    let network = model(zeros(&shapes), &options).unwrap();
    assert_eq!((network.input(), network.classes()), ([96, 64, 3], Ok(3)));
    // DataParallel puts a word before every name.
    let mut wrapped = zeros(&shapes);
    wrapped.iter_mut().for_each(|tensor| tensor.name.insert_str(0, "module."));
    assert_eq!(model(wrapped, &options).unwrap(), network);

    shapes.insert("features.0.0.weight".into(), vec![32, 1, 3, 3]);
    let error = model(zeros(&shapes), &options).unwrap_err().to_string();
    assert!(error.contains("images of 1 channels") && error.contains("mean and deviation"), "{error}");
    let pixels = normalization(&[0.5], &[0.25]);
    let grey = model(zeros(&shapes), &StateDictOptions { pixels: Some(pixels.clone()), ..options }).unwrap();
    assert_eq!(grey.input(), [96, 64, 1]);
    assert_eq!(grey.nodes()[0].layer, Layer::Normalization(Normalization { ..pixels }));
}

/// A safetensors file of a state dict whose elements are zeros, of one type.
fn file(shapes: &BTreeMap<String, Vec<usize>>, dtype: &str, bytes: usize) -> Vec<u8> {
    let mut header = serde_json::Map::new();
    let mut end = 0;
    for (name, shape) in shapes {
        let (dtype, bytes) = if shape.is_empty() { ("I64", 8) } else { (dtype, bytes) };
        let start = end;
        end += shape.iter().product::<usize>() * bytes;
        let tensor = serde_json::json!({ "dtype": dtype, "shape": shape, "data_offsets": [start, end] });
        header.insert(name.clone(), tensor);
    }
    let header = serde_json::Value::Object(header).to_string();
    let mut file = (header.len() as u64).to_le_bytes().to_vec();
    file.extend(header.bytes());
    file.resize(file.len() + end, 0);
    file
}

#[test]
fn the_command_takes_state_dicts_and_says_what_is_wrong_with_them() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let shapes = shapes_of("mobilenet_v2");
    fs::write(folder.join("m.safetensors"), file(&shapes, "F16", 2)).unwrap();
    // Without a name, with it, and with that of wgrad's own list.
    let table = succeeds(folder, "import m.safetensors --image-size 96x64 --out a");
    assert!(table.contains("3,538,984"), "{table}");
    succeeds(folder, "import m.safetensors --image-size 96x64 --model mobilenet_v2 --out b");
    succeeds(folder, "import m.safetensors --image-size 96x64 --model torch_mobilenet_v2 --out c");
    let bytes = ["a", "b", "c"].map(|file| fs::read(folder.join(file)).unwrap());
    assert!(bytes[0] == bytes[1] && bytes[1] == bytes[2]);
    assert_eq!(Imported::read(&folder.join("a")).unwrap().weights.model.unwrap().input(), [96, 64, 3]);
    succeeds(folder, "import m.safetensors --mean 0.5,0.5,0.5 --std 0.5,0.5,0.5 --out b");
    let scaled = Imported::read(&folder.join("b")).unwrap().weights.model.unwrap();
    assert_eq!(scaled.nodes()[0].layer, Layer::Normalization(normalization(&[0.5; 3], &[0.5; 3])));
    succeeds(folder, "export --weights m.safetensors --format onnx --out m.onnx");

    let with = |name: &str, shape: &[usize]| {
        let mut shapes = shapes.clone();
        shapes.insert(name.into(), shape.to_vec());
        file(&shapes, "F32", 4)
    };
    let mut less = shapes.clone();
    less.remove("features.1.conv.2.running_var");
    fs::write(folder.join("less"), file(&less, "F32", 4)).unwrap();
    fs::write(folder.join("more"), with("aux.weight", &[2, 2])).unwrap();
    fs::write(folder.join("wide"), with("features.1.conv.1.weight", &[16, 64, 1, 1])).unwrap();
    fs::write(folder.join("own"), file(&BTreeMap::from([("fc.weight".into(), vec![2, 3])]), "F32", 4)).unwrap();
    fs::write(folder.join("m.pth"), b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19.").unwrap();
    for (arguments, parts) in [
        ("import less --out x", ["mobilenet_v2 is closest", "`features.1.conv.2.running_var` is missing"]),
        ("import less --model mobilenet_v2 --out x", ["less: ", "`features.1.conv.2.running_var` is missing"]),
        ("import more --out x", ["mobilenet_v2 is closest", "has no `aux.weight`"]),
        ("import more --model mobilenet_v2 --out x", ["more: ", "mobilenet_v2 has no `aux.weight`"]),
        ("import wide --out x", ["`features.1.conv.1.weight` is [16, 64, 1, 1]", "[16, 32, 1, 1]"]),
        ("import m.safetensors --model resnet50 --out x", ["`bn1.bias` is missing", "resnet50 has as [64]"]),
        ("import own --out x", ["names are those of none of resnet18", "--model"]),
        ("import m.safetensors --model resnet51 --out x", ["cannot read resnet51", "model file"]),
        ("import m.safetensors --image-size 4 --model vgg11 --out x", ["m.safetensors", "larger than its input"]),
        (
            "eval --dataset shapes --weights m.safetensors",
            ["state dict of PyTorch", "wgrad import m.safetensors --out"],
        ),
        ("predict x.png --weights m.safetensors", ["state dict of PyTorch", "wgrad import m.safetensors --out"]),
        ("import m.pth --out x", ["a pickle can run any program", "s.save_file("]),
    ] {
        fails(folder, arguments, &parts);
    }
    assert!(!Path::new(&folder.join("x")).exists());
}
