//! Layers together: rows, graphs, and models inside models.

use serde_json::{Value, json};

use super::super::network::KerasNetwork;
use super::{call, flatten, functional, image, input, layer, network, rescaling};

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

/// A rescaling of the pixels is one also behind layers that only move them.
#[test]
fn a_rescaling_may_stand_anywhere() {
    let dropout = layer("Dropout", json!({ "name": "drop", "rate": 0.5 }));
    let relu = layer("ReLU", json!({ "name": "relu" }));
    for (layers, assumes_rescaling) in [
        (json!([image(), rescaling("scale"), flatten()]), false),
        (json!([image(), flatten(), rescaling("late")]), false),
        (json!([image(), rescaling("scale"), rescaling("late"), flatten()]), false),
        (json!([image(), dropout, rescaling("late"), flatten()]), false),
        (json!([image(), relu, rescaling("late"), flatten()]), true),
    ] {
        let model = network("Sequential", &json!({ "layers": layers })).unwrap();
        let wanted = layers.as_array().unwrap().len() - 1 + usize::from(assumes_rescaling);
        assert_eq!((model.network.nodes().len(), model.assumes_rescaling), (wanted, assumes_rescaling), "{layers}");
    }
}

/// What a file of weights has of a normalization that was adapted: a mean for each channel, or one of everything.
#[test]
fn adapted_normalizations_get_their_statistics() {
    let adapted = layer("Normalization", json!({ "name": "norm", "axis": [-1], "mean": null, "variance": null }));
    let layers = json!({ "layers": [image(), adapted, flatten()] });
    for (shape, values, wanted) in
        [(vec![3], vec![1.0, 2.0, 3.0], json!([1.0, 2.0, 3.0])), (vec![], vec![4.0], json!(4.0))]
    {
        let mut model = network("Sequential", &layers).unwrap();
        assert_eq!((&model.adapted[..], model.assumes_rescaling), (&["norm".to_owned()][..], false));
        model.set_adapted(|_, _| Ok([(shape.clone(), values.clone()), (shape.clone(), values.clone())])).unwrap();
        let found = serde_json::to_value(&model.network.nodes()[0].layer).unwrap();
        assert_eq!(found, json!({ "type": "normalization", "mean": wanted, "variance": wanted }));
        model.network.infer().unwrap();
    }
    for (values, words) in [([1.0, 2.0].to_vec(), "has 2 numbers"), (vec![1.0, -1.0, 1.0], "`variance` can't be -1")] {
        let mut model = network("Sequential", &layers).unwrap();
        model.set_adapted(|_, _| Ok([(vec![3], vec![0.0; values.len()]), (vec![3], values.clone())])).unwrap();
        let error = model.network.infer().unwrap_err().to_string();
        assert!(error.contains("`norm`") && error.contains(words), "{error}");
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
