//! ONNX files: tract answers as wgrad does, and no name makes a file invalid.

use std::collections::BTreeSet;
use std::fs;
use std::io::Cursor;
use std::sync::Arc;

use tract_onnx::pb::ModelProto;
use tract_onnx::pb::tensor_shape_proto::dimension::Value;
use tract_onnx::pb::type_proto;
use tract_onnx::prelude::{DatumExt, Framework, InferenceModelExt, Tensor, tvec};
use wgrad::data::Batch;
use wgrad::exchange::{Imported, Weights};
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::model::{Activation, NamedTensor, Network, Sequential};
use wgrad::ops::Padding;

use crate::archives::{keras_archive, keras_member};
use crate::{executor, networks, pseudo_random};

pub fn proto_of(onnx: &[u8]) -> ModelProto {
    tract_onnx::onnx().proto_model_for_read(&mut Cursor::new(onnx)).unwrap()
}

/// All names in a file, after making sure that they are as ONNX demands: C identifiers, of which each names one value,
/// constant or node; not even case tells two apart. Every value is defined before it is used.
fn names_of(proto: &ModelProto) -> BTreeSet<String> {
    let graph = proto.graph.as_ref().unwrap();
    let inputs = graph.input.iter().map(|value| value.name.clone());
    let mut values: BTreeSet<String> = inputs.collect();
    let (mut nodes, mut used) = (BTreeSet::new(), BTreeSet::new());
    for tensor in &graph.initializer {
        assert!(values.insert(tensor.name.clone()), "two values are called {}", tensor.name);
    }
    for node in &graph.node {
        assert!(node.input.iter().all(|input| values.contains(input)), "{node:?} uses what is not defined");
        assert!(nodes.insert(node.name.clone()), "two nodes are called {}", node.name);
        used.extend(node.input.iter().cloned());
        for output in &node.output {
            assert!(values.insert(output.clone()), "two values are called {output}");
        }
    }
    for output in &graph.output {
        assert!(graph.node.iter().any(|node| node.output.contains(&output.name)), "{} is not computed", output.name);
        used.insert(output.name.clone());
    }
    assert_eq!(used, values, "something is computed or stored for nothing");
    // The name of a node may be that of its only output.
    let all: BTreeSet<String> = &values | &nodes;
    let lower: BTreeSet<String> = all.iter().map(|name| name.to_lowercase()).collect();
    assert_eq!(lower.len(), all.len(), "only case tells two names apart: {all:?}");
    for name in &all {
        let first = name.chars().next().unwrap();
        let rest = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        assert!(rest && !first.is_ascii_digit(), "{name:?} is no identifier");
    }
    all
}

/// What tract answers to `images` `[n, h, w, c]`.
pub fn tract(onnx: &[u8], shape: [usize; 4], images: &[f32]) -> Vec<f32> {
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
            let images: Vec<f32> = pixels[..len * h * w * c].iter().map(|pixel| f32::from(*pixel)).collect();
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
        let proto = proto_of(&onnx);
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
        names_of(&proto_of(&onnx));
    }
}

/// A network with most kinds of nodes, whose layers with parameters are the first, third, fifth and sixth.
const LAYERS: usize = 6;

fn named_network(names: &[String; LAYERS], last: Activation) -> Weights {
    let tensor = |layer: usize, variable: &str, shape: &[usize]| {
        let values = (0..shape.iter().product::<usize>()).map(|i| ((i * 7 + layer * 3) % 13) as f32 / 8.0 - 0.75);
        NamedTensor { name: format!("{}/{variable}", names[layer]), shape: shape.to_vec(), values: values.collect() }
    };
    let mut model = Sequential::new([4, 4, 2])
        .conv2d_with(3, [2; 2], [1; 2], Padding::Same)
        .activation(Activation::Gelu)
        .named(&names[0])
        .max_pool2d(2)
        .named(&names[1])
        .conv2d(2, 1)
        .relu()
        .named(&names[2])
        .flatten()
        .named(&names[3])
        .dense(3)
        .activation(Activation::Gelu)
        .named(&names[4])
        .dense(3)
        .named(&names[5]);
    model = model.activation(last);
    let tensors = vec![
        tensor(0, "kernel", &[2, 2, 2, 3]),
        tensor(0, "bias", &[3]),
        tensor(2, "kernel", &[1, 1, 3, 2]),
        tensor(2, "bias", &[2]),
        tensor(4, "kernel", &[8, 3]),
        tensor(4, "bias", &[3]),
        tensor(5, "kernel", &[3, 3]),
        tensor(5, "bias", &[3]),
    ];
    Weights { tensors, model: Some(model.into()), class_names: Vec::new() }
}

/// No name of a layer makes two values of one name, or changes what the network answers: words of the exporter, found
/// in its own files, names that it would make of them, and names that are no identifiers.
#[test]
fn no_name_of_a_layer_makes_an_invalid_file() {
    let plain = ["a", "b", "c", "d", "e", "f"].map(String::from);
    let images: Vec<f32> = (0..2 * 4 * 4 * 2).map(|i| ((i * 5) % 11) as f32 / 11.0).collect();
    for last in [Activation::Linear, Activation::Softmax] {
        let wanted = tract(&named_network(&plain, last).to_onnx().unwrap(), [2, 4, 4, 2], &images);
        let check = |names: &[String; LAYERS]| {
            let onnx = named_network(names, last).to_onnx().unwrap();
            assert_eq!(tract(&onnx, [2, 4, 4, 2], &images), wanted, "{names:?}");
            let proto = proto_of(&onnx);
            let graph = proto.graph.as_ref().unwrap();
            let output = if last == Activation::Softmax { "probabilities" } else { "logits" };
            assert_eq!((&*graph.input[0].name, &*graph.output[0].name), ("images", output), "{names:?}");
            let layers: BTreeSet<_> = graph.node.iter().map(|node| node.doc_string.as_str()).collect();
            assert_eq!(layers, names.iter().map(String::as_str).collect(), "each layer's own name is told");
            names_of(&proto)
        };
        // The exporter's words, and what it makes of them where they are names of layers.
        let mut words = check(&plain);
        for word in words.clone() {
            if !plain.contains(&word) {
                let mut names = plain.clone();
                names[2] = word;
                words.extend(check(&names));
            }
        }
        let more = [
            "logits",
            "probabilities",
            "images",
            "Images",
            "N",
            "sequential",
            "x y",
            "x.y",
            "x_y",
            "X_Y",
            "x-y",
            "_",
            "__",
            "0",
            "1",
            "-1",
            "00",
            "for",
            "\u{e9}",
            "e\u{301}",
            "\u{1f431}",
            "\u{1f436}",
            "\u{202e}a",
            " ",
            "  ",
            "\"",
            "'",
            "\\",
            "a_1",
            "a_1_1",
            "A",
            "A_1",
            "a_2",
            "constant_one",
            "constant one",
        ];
        words.extend(more.map(String::from));
        words.extend(["x".repeat(255), "\u{e9}".repeat(127), "\u{e8}".repeat(127)]);
        let words: Vec<String> = words.into_iter().collect();
        for place in 0..words.len() {
            // Neighbours in order are alike; others come from everywhere.
            for stride in [1, 29] {
                let names = std::array::from_fn(|i| words[(place + i * stride) % words.len()].clone());
                if BTreeSet::from(names.clone()).len() == LAYERS {
                    check(&names);
                }
            }
        }
    }
}

/// Every way in which a name comes: a model file, layers on top, and a Keras archive.
#[test]
fn names_come_in_by_every_way() {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    for name in ["images", "logits", "probabilities", "flatten", "constant", "conv2d_kernel", "dense_relu", "h\u{e9}"] {
        let layer = |name: &str, rest: &str| format!("[[layers]]\nname = \"{name}\"\n{rest}\n");
        let [hidden, top] = ["type = \"dense\"\nunits = 4\nactivation = \"gelu\"", "type = \"dense\"\nunits = 2"];
        let file = format!("input = [2, 2, 1]\n{}{}", layer("first", "type = \"flatten\""), layer(name, hidden));
        let model = Network::from_toml(&file, None).unwrap();
        let appended = model.clone().append_toml(&layer(&format!("{name}_1"), top), 2).unwrap();
        for model in [model, appended] {
            let (_, weights) = executor(&gpu, &model);
            names_of(&proto_of(&weights.to_onnx().unwrap()));
        }
        let config = String::from_utf8(keras_member("config.json")).unwrap();
        let mut renamed = config.replace("\"name\": \"flatten\"", "\"name\": \"rows\"");
        for (layer, name) in [("second", format!("{name}_2")), ("hidden", name.into())] {
            renamed = renamed.replace(&format!("\"name\": \"{layer}\""), &format!("\"name\": \"{name}\""));
        }
        assert_ne!(renamed, config);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("network.keras");
        fs::write(&path, keras_archive(Some(renamed.as_bytes()), None)).unwrap();
        let weights = Imported::read(&path).unwrap().weights;
        assert!(weights.model.as_ref().unwrap().nodes().iter().any(|node| node.name == name));
        names_of(&proto_of(&weights.to_onnx().unwrap()));
    }
}

/// Without a layer that makes a row of an image there is nothing to call logits.
#[test]
fn a_network_that_answers_with_images_is_refused() {
    for model in [Sequential::new([4, 4, 2]), Sequential::new([4, 4, 2]).dropout(0.5).max_pool2d(2)] {
        let weights = Weights { model: Some(model.into()), ..Weights::default() };
        let error = weights.to_onnx().unwrap_err().to_string();
        assert!(error.contains("[4, 4, 2]") || error.contains("[2, 2, 2]"), "{error}");
    }
}
