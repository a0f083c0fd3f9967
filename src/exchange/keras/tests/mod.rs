//! Descriptions as Keras writes them, with parts of them replaced.

mod layers;
mod networks;

use serde_json::{Value, json};

use super::model::{Entry, KerasModel};
use super::network::KerasNetwork;

fn model(class: &str, config: &Value) -> Result<KerasModel, String> {
    KerasModel::from_json(json!({ "class_name": class, "config": config }).to_string().as_bytes())
}

fn network(class: &str, config: &Value) -> Result<KerasNetwork, String> {
    KerasNetwork::new(&model(class, config)?)
}

/// The one layer of a row.
fn read(layer: &Value) -> Result<Entry, String> {
    model("Sequential", &json!([layer])).map(|mut model| model.entries.remove(0))
}

/// A layer called `x` as Keras 3.15 writes it, with some options replaced.
fn layer(class: &str, options: Value) -> Value {
    let dtype = json!({ "module": "keras", "class_name": "DTypePolicy", "config": { "name": "float32" } });
    let mut config = json!({ "name": "x", "trainable": true, "dtype": dtype });
    let convolution = json!({
        "kernel_size": [3, 2], "strides": [2, 1], "padding": "same", "data_format": "channels_last",
        "dilation_rate": [1, 1], "groups": 1, "activation": "gelu", "use_bias": true,
        "kernel_initializer": { "class_name": "GlorotUniform" }, "bias_initializer": {},
        "kernel_regularizer": null, "activity_regularizer": null, "kernel_constraint": null,
    });
    let normalization = json!({
        "axis": -1, "epsilon": 1e-3, "center": true, "scale": false, "gamma_initializer": {}, "beta_regularizer": null,
    });
    let mut extend = |options: &Value| config.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
    match class {
        "Conv2D" | "Conv2DTranspose" => {
            extend(&convolution);
            extend(&json!({ "filters": 8 }));
        }
        "DepthwiseConv2D" => {
            extend(&convolution);
            extend(&json!({ "depth_multiplier": 2, "depthwise_initializer": {} }));
        }
        "SeparableConv2D" => {
            extend(&convolution);
            extend(&json!({ "filters": 8, "depth_multiplier": 2, "pointwise_initializer": {} }));
        }
        "Dense" => extend(&json!({ "units": 5, "activation": "linear", "use_bias": false, "bias_initializer": {} })),
        "BatchNormalization" => {
            extend(&normalization);
            extend(&json!({ "momentum": 0.9, "moving_mean_initializer": {}, "synchronized": false, "renorm": false }));
        }
        "LayerNormalization" => extend(&normalization),
        "GroupNormalization" => {
            extend(&normalization);
            extend(&json!({ "groups": 4 }));
        }
        "MaxPooling2D" => extend(&json!({
            "pool_size": [2, 2], "padding": "valid", "strides": [2, 2], "data_format": "channels_last",
        })),
        "ReLU" => extend(&json!({ "max_value": null, "negative_slope": 0.0, "threshold": 0.0 })),
        "Dropout" | "SpatialDropout2D" => extend(&json!({ "rate": 0.25, "seed": 7, "noise_shape": null })),
        _ => {}
    }
    extend(&options);
    json!({ "module": "keras.layers", "class_name": class, "config": config, "registered_name": null })
}

fn input(shape: Value) -> Value {
    let config = json!({ "name": "input_1", "batch_input_shape": shape, "dtype": "float32", "sparse": false });
    json!({ "class_name": "InputLayer", "config": config })
}

fn image() -> Value {
    input(json!([null, 4, 4, 3]))
}

fn rescaling(name: &str) -> Value {
    layer("Rescaling", json!({ "name": name, "scale": 1.0 / 255.0, "offset": 0.0 }))
}

fn flatten() -> Value {
    layer("Flatten", json!({ "name": "flatten" }))
}

/// A layer of a functional model that reads others.
fn call(mut layer: Value, name: &str, inputs: &[&str], kwargs: Value) -> Value {
    let tensor = |name: &&str| json!({ "class_name": "__keras_tensor__", "config": { "keras_history": [name, 0, 0] } });
    let tensors: Vec<Value> = inputs.iter().map(tensor).collect();
    let args = if tensors.len() == 1 { tensors } else { vec![tensors.into()] };
    layer["name"] = json!(name);
    if let Some(config) = layer["config"].as_object_mut() {
        config.insert("name".into(), json!(name));
    }
    layer["inbound_nodes"] = if inputs.is_empty() { json!([]) } else { json!([{ "args": args, "kwargs": kwargs }]) };
    layer
}

fn functional(layers: &[Value], output: &str) -> Value {
    json!({ "name": "m", "trainable": true, "layers": layers, "input_layers": ["in", 0, 0], "output_layers": [[output, 0, 0]] })
}
