//! Descriptions as Keras writes them, with parts of them replaced.

use serde_json::{Value, json};

use super::model::{Entry, KerasModel, Kind};
use super::network::KerasNetwork;
use crate::model::Layer;

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
        "Conv2D" => {
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
        "Dropout" => extend(&json!({ "rate": 0.25, "seed": 7, "noise_shape": null })),
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

/// Options of Keras become those of model files, and its defaults are wgrad's.
#[test]
fn options_are_keras_s() {
    let options = json!({ "activation": "linear", "use_bias": false });
    for (layer, wanted) in [
        (
            layer("Conv2D", json!({})),
            json!({ "type": "conv2d", "filters": 8, "kernel_size": [3, 2], "strides": [2, 1], "padding": "same",
                "activation": "gelu" }),
        ),
        (
            layer("DepthwiseConv2D", options),
            json!({ "type": "depthwise_conv2d", "depth_multiplier": 2, "kernel_size": [3, 2], "strides": [2, 1],
                "padding": "same", "use_bias": false }),
        ),
        (
            layer(
                "SeparableConv2D",
                json!({ "pointwise_regularizer": { "class_name": "L2", "config": { "l2": 0.5 } } }),
            ),
            json!({ "type": "separable_conv2d", "filters": 8, "depth_multiplier": 2, "kernel_size": [3, 2],
                "strides": [2, 1], "padding": "same", "activation": "gelu", "pointwise_regularizer": { "l2": 0.5 } }),
        ),
        (layer("Dense", json!({})), json!({ "type": "dense", "units": 5, "use_bias": false })),
        (
            layer("BatchNormalization", json!({ "axis": [-1] })),
            json!({ "type": "batch_normalization", "momentum": 0.9, "epsilon": 1e-3, "scale": false }),
        ),
        (layer("LayerNormalization", json!({})), json!({ "type": "layer_normalization", "scale": false })),
        (layer("GroupNormalization", json!({})), json!({ "type": "group_normalization", "groups": 4, "scale": false })),
        (layer("ReLU", json!({})), json!({ "type": "re_lu" })),
        (layer("ReLU", json!({ "max_value": 6 })), json!({ "type": "re_lu", "max_value": 6.0 })),
        (layer("LeakyReLU", json!({ "negative_slope": 0.2 })), json!({ "type": "leaky_re_lu", "negative_slope": 0.2 })),
        (layer("Softmax", json!({ "axis": -1 })), json!({ "type": "activation", "activation": "softmax" })),
        (
            layer("ZeroPadding2D", json!({ "padding": [[0, 1], [2, 3]] })),
            json!({ "type": "zero_padding2d", "padding": [[0, 1], [2, 3]] }),
        ),
        (
            layer("GlobalMaxPooling2D", json!({ "keepdims": true })),
            json!({ "type": "global_max_pooling2d", "keepdims": true }),
        ),
        (
            layer("Rescaling", json!({ "scale": 0.5, "offset": -1 })),
            json!({ "type": "rescaling", "scale": 0.5, "offset": -1.0 }),
        ),
        (
            layer(
                "Normalization",
                json!({ "axis": [-1], "mean": [1.5, 2.0], "variance": [4.0, 0.25], "invert": false }),
            ),
            json!({ "type": "normalization", "mean": [1.5, 2.0], "variance": [4.0, 0.25] }),
        ),
    ] {
        let Kind::Layer(found) = read(&layer).unwrap().kind else { panic!("{layer}") };
        let wanted: Layer = serde_json::from_value(wanted).unwrap();
        assert_eq!((found.layer, found.trainable, found.axis), (wanted, true, -1));
    }
    let Kind::Layer(frozen) = read(&layer("ReLU", json!({ "trainable": false, "dtype": "float32" }))).unwrap().kind
    else {
        panic!("it is a layer")
    };
    assert!(!frozen.trainable);
}

#[test]
fn what_wgrad_lacks_is_refused_by_name() {
    for (class, options, words) in [
        ("Conv2D", json!({ "groups": 2 }), ["layer `x` (Conv2D)", "`groups` is 2"]),
        ("Conv2D", json!({ "dilation_rate": [2, 2] }), ["`dilation_rate` is [2,2]", "not [1, 1]"]),
        ("Conv2D", json!({ "data_format": "channels_first" }), ["`data_format`", "channels_last"]),
        ("Conv2D", json!({ "activation": "elu" }), ["`activation` is \"elu\"", "`gelu`"]),
        ("Conv2D", json!({ "activation": { "class_name": "PReLU" } }), ["`activation`", "PReLU"]),
        ("Conv2D", json!({ "padding": "causal" }), ["`padding`", "causal"]),
        ("Conv2D", json!({ "kernel_size": [3] }), ["`kernel_size` is [3]", "(Conv2D)"]),
        ("Conv2D", json!({ "filters": -8 }), ["`filters` is -8", "(Conv2D)"]),
        ("Conv2D", json!({ "filters": null }), ["`filters` is null", "(Conv2D)"]),
        ("Conv2D", json!({ "brand_new": 1 }), ["no `brand_new`", "(Conv2D)"]),
        ("Conv2D", json!({ "dtype": "mixed_float16" }), ["`dtype` is mixed_float16", "float32"]),
        ("Conv2D", json!({ "name": "a/b" }), ["layer `a/b`", "name"]),
        ("BatchNormalization", json!({ "renorm": true }), ["(BatchNormalization)", "`renorm` is true"]),
        ("LayerNormalization", json!({ "axis": [1, 2] }), ["(LayerNormalization)", "`axis` is [1,2]"]),
        ("MaxPooling2D", json!({ "padding": "causal" }), ["`padding` is \"causal\"", "`same`"]),
        (
            "Conv2D",
            json!({ "kernel_regularizer": { "class_name": "Mine", "config": {} } }),
            ["`kernel_regularizer`", "Mine"],
        ),
        ("Dropout", json!({ "noise_shape": [1, 8] }), ["no `noise_shape`", "[1,8]"]),
        ("Normalization", json!({ "mean": null, "variance": null }), ["(Normalization)", "`mean` is null"]),
        ("Rescaling", json!({ "scale": "x", "offset": 0 }), ["(Rescaling)", "`scale` is \"x\""]),
        ("Lambda", json!({ "function": "x" }), ["(Lambda)", "Conv2D, DepthwiseConv2D"]),
    ] {
        let error = read(&layer(class, options)).err().unwrap();
        assert!(words.iter().all(|word| error.contains(word)), "{words:?}: {error}");
    }
    for (key, value) in [("module", "builtins"), ("registered_name", "pkg>Dense")] {
        let mut custom = layer("Conv2D", json!({}));
        custom[key] = json!(value);
        assert!(read(&custom).is_err());
    }
    for (layers, words) in [
        (json!([input(json!([null, 72])), flatten()]), ["(InputLayer)", "[null,72], not images"]),
        (json!([input(json!([null, null, 8, 3])), flatten()]), ["(InputLayer)", "open"]),
        (json!([image(), flatten(), image()]), ["two InputLayers", "one"]),
        (json!([image(), layer("BatchNormalization", json!({ "axis": 1 })), flatten()]), ["layer `x`", "`axis` is 1"]),
        (json!([flatten()]), ["shape of the images", "give the model a keras.Input"]),
        (json!([]), ["shape of the images", "give the model a keras.Input"]),
    ] {
        let error = network("Sequential", &layers).err().unwrap();
        assert!(words.iter().all(|word| error.contains(word)), "{words:?}: {error}");
    }
    let error = network("Pipeline", &json!({ "layers": [] })).err().unwrap();
    assert!(error.contains("class Pipeline") && error.contains("keras.Model(model.inputs, model.outputs)"), "{error}");
}

/// Keras 2 with and without an InputLayer, and the list that stood in the place of options once.
#[test]
fn the_input_may_be_said_by_the_first_layer() {
    let first = layer("Flatten", json!({ "name": "flatten", "batch_input_shape": [null, 4, 4, 3] }));
    for layers in [json!([image(), flatten()]), json!([first.clone()]), json!([image(), first])] {
        for config in [layers.clone(), json!({ "name": "sequential", "layers": layers })] {
            let model = network("Sequential", &config).unwrap();
            assert_eq!((model.network.input(), model.network.classes().unwrap()), ([4, 4, 3], 48));
            assert!(model.assumes_rescaling);
        }
    }
}

#[test]
fn a_rescaling_may_be_first() {
    let model = network("Sequential", &json!({ "layers": [image(), rescaling("scale"), flatten()] })).unwrap();
    assert_eq!((model.network.nodes().len(), model.assumes_rescaling), (2, false));
    for layers in [
        json!([image(), flatten(), rescaling("late")]),
        json!([image(), rescaling("scale"), rescaling("late"), flatten()]),
        json!([image(), layer("Dropout", json!({ "rate": 0.5 })), rescaling("late"), flatten()]),
    ] {
        let error = network("Sequential", &json!({ "layers": layers })).err().unwrap();
        assert!(error.contains("layer `late`") && error.contains("first layer"), "{error}");
    }
}

/// A block with a shortcut, in any order, a model in a model, and a layer without weights that is called twice.
#[test]
fn functional_models_become_one_graph() {
    let conv = |trainable: bool| {
        layer("Conv2D", json!({ "filters": 3, "strides": [1, 1], "activation": "linear", "trainable": trainable }))
    };
    let none = json!({});
    let relu = layer("ReLU", json!({}));
    let inner = functional(
        &[
            call(input(json!([null, null, null, 3])), "in", &[], none.clone()),
            call(conv(true), "conv", &["in"], none.clone()),
            call(layer("Dropout", json!({})), "dropout", &["conv"], none.clone()),
            call(layer("BatchNormalization", json!({ "trainable": false })), "norm", &["dropout"], none.clone()),
        ],
        "norm",
    );
    let inner =
        json!({ "module": "keras", "class_name": "Functional", "config": inner, "registered_name": "Functional" });
    let mut twice = call(relu, "relu", &["add"], none.clone());
    let second = json!({ "class_name": "__keras_tensor__", "config": { "keras_history": ["relu", 0, 0] } });
    twice["inbound_nodes"].as_array_mut().unwrap().push(json!({ "args": [second], "kwargs": {} }));
    let mut layers = vec![
        call(image(), "in", &[], none.clone()),
        call(conv(false), "conv", &["in"], none.clone()),
        call(inner.clone(), "inner", &["conv"], json!({ "training": false })),
        call(layer("Add", json!({})), "add", &["inner", "conv"], none.clone()),
        twice,
        call(flatten(), "rows", &["relu"], none.clone()),
    ];
    let names = |network: &KerasNetwork| {
        let nodes = network
            .network
            .nodes()
            .iter()
            .map(|node| format!("{}{}", node.name, if node.trainable { "" } else { "*" }));
        nodes.collect::<Vec<_>>().join(" ")
    };
    let read = network("Functional", &functional(&layers, "rows")).unwrap();
    // The dropout of the model that is called in inference is gone; the second call of `relu` leads nowhere.
    assert_eq!(names(&read), "rescaling conv* conv_1 norm* add relu rows");
    let place = &read.places["conv_1"];
    assert_eq!(
        (&place.path[..], &*place.group, &*place.own),
        (&[("functional", 0), ("conv2d", 0)][..], "inner", "conv")
    );
    layers.reverse();
    let reversed = network("Functional", &functional(&layers, "rows")).unwrap();
    assert_eq!(names(&reversed), names(&read));

    let refused = |place: usize, layer: Value, words: &str| {
        let mut layers = layers.clone();
        layers.reverse();
        layers[place] = layer;
        let error = network("Functional", &functional(&layers, "rows")).err().unwrap();
        assert!(error.contains(words), "{words}: {error}");
    };
    let mut shared = call(conv(true), "conv", &["in"], none.clone());
    shared["inbound_nodes"].as_array_mut().unwrap().push(json!({ "args": [second_input()], "kwargs": {} }));
    refused(1, shared, "layer `conv` (Conv2D): it is called more than once");
    refused(
        1,
        call(conv(true), "conv", &["relu"], none.clone()),
        "layer `conv` (Conv2D): it reads `relu`, but not all",
    );
    refused(1, call(conv(true), "conv", &["nobody"], none.clone()), "it reads `nobody`");
    refused(1, call(layer("Dense", json!({ "units": 7 })), "conv", &["in"], none.clone()), "different shapes");
    refused(
        3,
        call(layer("BatchNormalization", json!({})), "add", &["inner"], json!({ "training": false })),
        "training=False",
    );
    refused(2, call(inner, "inner", &["conv", "in"], none.clone()), "one input");
    refused(5, call(flatten(), "rows_2", &["relu"], none), "its output `rows` is not among its layers");
    let deep = (0..20).fold(
        json!([flatten()]),
        |inner, _| json!([{ "class_name": "Sequential", "config": { "name": "x", "layers": inner } }]),
    );
    assert!(network("Sequential", &deep).err().unwrap().contains("stand inside one another"));
}

fn second_input() -> Value {
    json!({ "class_name": "__keras_tensor__", "config": { "keras_history": ["in", 0, 0] } })
}
