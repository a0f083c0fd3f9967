//! Normalizations folded into the layers before them: tract answers the same.

use std::sync::Arc;

use wgrad::exchange::{ExchangeError, Weights};
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::model::{Layer, Network};

use crate::onnx::{proto_of, tract};
use crate::{executor, pseudo_random};

/// Normalizations behind every kind of product, with and without gamma, beta and bias; and two that stay.
const NETWORK: &str = r#"
    version = 2
    input = [7, 6, 3]
    layers = [
        { type = "rescaling", scale = 0.01 },
        { type = "conv2d", filters = 5, kernel_size = 3, use_bias = false },
        { type = "batch_normalization" },
        { type = "depthwise_conv2d", kernel_size = 2, depth_multiplier = 2 },
        { type = "batch_normalization", scale = false },
        { type = "activation", activation = "relu" },
        { type = "batch_normalization", name = "behind_relu" },
        { type = "separable_conv2d", filters = 6, kernel_size = 2, use_bias = false },
        { type = "batch_normalization", center = false, epsilon = 0.1 },
        { type = "conv2d", filters = 6, kernel_size = 1, name = "read_twice" },
        { type = "batch_normalization", name = "of_two" },
        { type = "add", inputs = ["of_two", "read_twice"] },
        { type = "flatten" },
        { type = "dense", units = 4 },
        { type = "batch_normalization" },
    ]"#;

fn normalizations(model: &Network) -> Vec<&str> {
    let nodes = model.nodes().iter();
    nodes.filter(|node| matches!(node.layer, Layer::BatchNormalization(_))).map(|node| node.name.as_str()).collect()
}

#[test]
fn a_folded_network_answers_as_before() {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let model = Network::from_toml(NETWORK, None).unwrap();
    let (_, weights) = executor(&gpu, &model);
    let folded = weights.clone().fold_normalization().unwrap();
    let network = folded.model.as_ref().unwrap();
    assert_eq!(normalizations(&model).len(), 6);
    assert_eq!(normalizations(network), ["behind_relu", "of_two"]);
    folded.check_fit(network).unwrap();
    let images: Vec<f32> = (0..4 * 7 * 6 * 3).map(|j| (pseudo_random(5, j) % 256) as f32).collect();
    let [wanted, found] = [&weights, &folded].map(|weights| tract(&weights.to_onnx().unwrap(), [4, 7, 6, 3], &images));
    let largest = wanted.iter().fold(0.0_f32, |most, value| most.max(value.abs()));
    let error = wanted.iter().zip(&found).fold(0.0_f32, |most, (a, b)| most.max((a - b).abs())) / largest;
    assert!(wanted[..4] != wanted[4..8] && error <= 1e-5, "{error:e} of {largest}: {wanted:?} {found:?}");
    let graph = proto_of(&folded.to_onnx().unwrap()).graph.unwrap();
    assert_eq!(graph.node.iter().filter(|node| node.op_type == "BatchNormalization").count(), 2);
    // Nothing is left to fold.
    assert_eq!(folded.clone().fold_normalization().unwrap(), folded);
}

#[test]
fn what_float32_cannot_hold_is_not_folded() {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let model = Network::from_toml(NETWORK, None).unwrap();
    let (_, mut weights) = executor(&gpu, &model);
    let gamma = weights.tensors.iter_mut().find(|tensor| tensor.name == "batch_normalization/gamma").unwrap();
    gamma.values[1] = 3e38;
    let kernel = weights.tensors.iter_mut().find(|tensor| tensor.name == "conv2d/kernel").unwrap();
    kernel.values.fill(1e3);
    let folded = weights.fold_normalization().unwrap();
    let network = folded.model.as_ref().unwrap();
    assert_eq!(normalizations(network), ["batch_normalization", "behind_relu", "of_two"]);
    folded.check_fit(network).unwrap();
    let nothing = Weights { model: None, ..folded };
    assert!(matches!(nothing.fold_normalization(), Err(ExchangeError::NoModel)));
}
