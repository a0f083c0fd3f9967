//! Networks as files of other programs: what is written is read back, and another program answers as wgrad does.

#[path = "../archives/mod.rs"]
mod archives;
mod commands;
mod folding;
mod functional;
mod keras;
mod kinds;
mod layers;
mod onnx;
mod shared;
mod torch;

use std::fs;
use std::sync::Arc;

use wgrad::exchange::{ExchangeError, Imported, Weights};
use wgrad::exec::{Executor, Options};
use wgrad::gpu::Gpu;
use wgrad::model::layers::{Normalization, PerChannel, Rescaling};
use wgrad::model::{Activation, NamedTensor, Network, Sequential};
use wgrad::ops::Padding;

const ALL_LAYERS: &str = include_str!("../../models/all_layers.toml");
/// A graph with every kind of layer that is not in a row there.
const GRAPH: &str = include_str!("graph.toml");
/// Kinds of layers that are in neither.
const MORE_LAYERS: &str = include_str!("more_layers.toml");
/// A model that Keras 3 saved.
const KERAS: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/network.keras");

/// Every kind of layer, with the options whose order or rounding could go wrong.
fn networks() -> Vec<Network> {
    let image = || Sequential::new([9, 7, 3]).rescaling(1.0 / 255.0);
    let [mean, variance] = [[100.0, 120.0, 90.0], [3600.0, 2500.0, 4900.0]].map(|list| PerChannel::Each(list.into()));
    let normalization = Normalization { mean, variance };
    let rescaling = Rescaling { scale: PerChannel::One(1.0 / 127.5), offset: PerChannel::One(-1.0) };
    let rows = [
        Sequential::tutorial([32, 32, 3], 10),
        // An even kernel pads after, and the flattened image keeps its order.
        image().conv2d_with(5, [2, 4], [1, 1], Padding::Same).activation(Activation::Gelu).flatten().dense(4),
        image().conv2d_with(5, [3, 3], [2, 3], Padding::Same).max_pool2d_with([2, 1], [1, 2]).flatten().dense(4),
        image().conv2d_with(5, [5, 2], [3, 2], Padding::Valid).average_pool2d(2).global_average_pool2d(),
        image().average_pool2d(3).activation(Activation::Sigmoid).flatten().activation(Activation::Tanh),
        image().relu().flatten().dense(6).activation(Activation::Gelu).dense(3).activation(Activation::Softmax),
        image().max_pool2d(2).conv2d(4, 2).relu().dropout(0.5).flatten(),
        image().global_average_pool2d().flatten().dense(3).relu(),
        // Each channel has a scale and an offset of its own.
        Sequential::new([9, 7, 3]).layer(normalization).conv2d(4, 2).flatten(),
        Sequential::new([9, 7, 3]).layer(rescaling).conv2d(4, 2).flatten(),
    ];
    let all_layers = Network::from_toml(ALL_LAYERS, Some(([32, 32, 3], 10))).unwrap();
    let [graph, more_layers] = [GRAPH, MORE_LAYERS].map(|text| Network::from_toml(text, None).unwrap());
    [all_layers].into_iter().chain(rows.map(Network::from)).chain([graph, more_layers]).collect()
}

fn pseudo_random(seed: u32, i: u32) -> u32 {
    let mut x = i.wrapping_mul(2_654_435_761) ^ seed.wrapping_mul(2_246_822_519);
    x ^= x >> 15;
    x = x.wrapping_mul(2_246_822_519);
    x ^ (x >> 13)
}

/// A network whose variables are not those that it begins with.
fn executor(gpu: &Arc<Gpu>, model: &Network) -> (Executor, Weights) {
    let options = Options { batch_size: 3, seed: 4, ..Options::default() };
    let mut executor = Executor::new(gpu.clone(), model, options).unwrap();
    let mut tensors = gpu.block_on(executor.parameters()).unwrap();
    for (t, tensor) in tensors.iter_mut().enumerate().filter(|(_, tensor)| !tensor.name.ends_with("kernel")) {
        // Variances and their factors are positive.
        let positive = ["gamma", "moving_variance"].iter().any(|variable| tensor.name.ends_with(variable));
        for (i, value) in tensor.values.iter_mut().enumerate() {
            *value = (pseudo_random(t as u32, i as u32) % 1000) as f32 / 1000.0 + if positive { 0.5 } else { -0.5 };
        }
    }
    // Large enough that images show in the answers.
    for tensor in tensors.iter_mut().filter(|tensor| tensor.name.ends_with("kernel")) {
        tensor.values.iter_mut().for_each(|value| *value *= 2.0);
    }
    gpu.block_on(executor.set_parameters(&tensors)).unwrap();
    let class_names = (0..model.classes().unwrap()).map(|class| format!("class \"{class}\"")).collect();
    (executor, Weights { tensors, model: Some(model.clone()), class_names })
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
    Weights { tensors, model: Some(model.into()), class_names: vec!["cat".into(), "d\u{f6}g".into()] }
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
        let read = Imported::read(&path).unwrap().weights;
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
fn weights_of_another_network_are_refused() {
    let mut weights = odd_weights();
    let model = weights.model.take().unwrap();
    assert!(matches!(weights.to_onnx(), Err(ExchangeError::NoModel)));
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
