//! Layers together: rows, graphs, and models inside models.

use serde_json::{Value, json};

use super::super::network::KerasNetwork;
use super::{call, flatten, functional, image, input, layer, network, rescaling};
use crate::graph::Role;
use crate::model::Network;

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

/// `x + 3` and its like become rescalings, also of the pixels.
#[test]
fn operations_with_numbers_are_rescalings() {
    let tensor = || json!({ "class_name": "__keras_tensor__", "config": { "keras_history": ["in", 0, 0] } });
    let read = |class: &str, args: Value| {
        let operation = json!({
            "module": "keras.src.ops.numpy", "class_name": class, "registered_name": class, "name": "op",
            "config": { "name": "op" }, "inbound_nodes": [{ "args": args, "kwargs": {} }],
        });
        let layers = [call(image(), "in", &[], json!({})), operation, call(flatten(), "rows", &["op"], json!({}))];
        network("Functional", &functional(&layers, "rows"))
    };
    for (class, args, [scale, offset]) in [
        ("Add", json!([tensor(), 3]), [1.0, 3.0]),
        ("Add", json!([3.0, tensor()]), [1.0, 3.0]),
        ("Multiply", json!([tensor(), 0.5]), [0.5, 0.0]),
        ("Multiply", json!([0.5, tensor()]), [0.5, 0.0]),
        ("Subtract", json!([tensor(), 2]), [1.0, -2.0]),
        ("Subtract", json!([2, tensor()]), [-1.0, 2.0]),
        ("TrueDivide", json!([tensor(), 4]), [0.25, 0.0]),
        ("Divide", json!([tensor(), -4]), [-0.25, 0.0]),
        ("Negative", json!([tensor()]), [-1.0, 0.0]),
    ] {
        let KerasNetwork { network, assumes_rescaling, .. } = read(class, args).unwrap();
        let wanted = json!({ "type": "rescaling", "scale": scale, "offset": offset });
        assert_eq!(serde_json::to_value(&network.nodes()[0].layer).unwrap(), wanted, "{class}");
        assert_eq!((&*network.nodes()[0].name, assumes_rescaling), ("op", false));
    }
    for (class, args, words) in [
        ("TrueDivide", json!([4, tensor()]), "number 4"),
        ("TrueDivide", json!([tensor(), 0]), "number 0"),
        ("Power", json!([tensor(), 2]), "`x / 2`"),
        ("Subtract", json!([tensor(), tensor()]), "`x * y`"),
        ("Add", json!([3]), "takes one input, but has none"),
        ("Add", json!([tensor(), 1e39]), "`offset` can't be"),
    ] {
        let error = read(class, args).err().unwrap();
        assert!(error.contains(words), "{class}: {error}");
    }
    let mut relu = call(layer("ReLU", json!({})), "op", &["in"], json!({}));
    relu["inbound_nodes"][0]["args"] = json!([tensor(), 2.5]);
    let layers = [call(image(), "in", &[], json!({})), relu, call(flatten(), "rows", &["op"], json!({}))];
    let error = network("Functional", &functional(&layers, "rows")).err().unwrap();
    assert!(error.contains("layer `op` (ReLU): it reads 2.5"), "{error}");
}

/// A layer that is called twice uses its variables twice, also if it stands in a model that is called twice, whose calls Keras
/// counts from 0 or from 1.
#[test]
fn layers_and_models_may_be_called_again() {
    let tensor = |name: &str, call: usize| json!({ "class_name": "__keras_tensor__", "config": { "keras_history": [name, call, 0] } });
    let calls = |inputs: &[(&str, usize)]| -> Value {
        inputs.iter().map(|(name, call)| json!({ "args": [tensor(name, *call)], "kwargs": {} })).collect()
    };
    let conv = |trainable: bool| {
        layer("Conv2D", json!({ "filters": 3, "strides": [1, 1], "activation": "linear", "trainable": trainable }))
    };
    let none = json!({});
    for (first, trainable) in [(0, true), (1, false)] {
        let inner = functional(
            &[
                call(input(json!([null, null, null, 3])), "in", &[], none.clone()),
                call(conv(trainable), "conv", &["in"], none.clone()),
                call(layer("ReLU", json!({})), "relu", &["conv"], none.clone()),
            ],
            "relu",
        );
        let inner =
            json!({ "module": "keras", "class_name": "Functional", "config": inner, "registered_name": "Functional" });
        let mut outer = call(conv(true), "conv", &["in"], none.clone());
        outer["inbound_nodes"] = calls(&[("in", 0), ("conv", 0)]);
        let mut twice = call(inner, "inner", &["conv"], none.clone());
        twice["inbound_nodes"] = calls(&[("conv", 1), ("inner", first)]);
        let mut add = call(layer("Add", json!({})), "add", &["in"], none.clone());
        let parts = [tensor("conv", 0), tensor("inner", first), tensor("inner", first + 1)];
        add["inbound_nodes"] = json!([{ "args": [parts], "kwargs": {} }]);
        let layers = [
            call(image(), "in", &[], none.clone()),
            add,
            outer,
            twice,
            call(rescaling("scale"), "scale", &["add"], none.clone()),
            call(flatten(), "rows", &["scale"], none.clone()),
        ];
        let read = network("Functional", &functional(&layers, "rows")).unwrap();
        let lines = read.network.nodes().iter().map(|node| {
            let owner = node.weights.map_or(String::new(), |owner| format!("={}", read.network.nodes()[owner].name));
            format!("{}{}{owner}", node.name, if node.trainable { "" } else { "*" })
        });
        let star = if trainable { "" } else { "*" };
        let wanted = format!("rescaling conv conv_1=conv conv_2{star} relu conv_3{star}=conv_2 relu_1 add scale rows");
        assert_eq!(lines.collect::<Vec<_>>().join(" "), wanted);
        let kernels = read.network.infer().unwrap().into_iter().flat_map(|inferred| inferred.variables.concat());
        let names: Vec<String> = kernels.map(|variable| variable.name).collect();
        assert_eq!(names, ["conv/kernel", "conv/bias", "conv_2/kernel", "conv_2/bias"]);
        assert_eq!(read.places["conv_2"].path, [("functional", 0), ("conv2d", 0)]);
        let again = Network::from_toml(&read.network.to_toml().unwrap(), None).unwrap();
        assert_eq!(again, read.network);
    }
    // Its inputs must have the same size.
    let twice = |first: Value, others: &[Value]| {
        let mut first = call(first, "twice", &["in"], none.clone());
        first["inbound_nodes"] = calls(&[("in", 0), ("last", 0)]);
        let mut layers = vec![call(image(), "in", &[], none.clone()), first];
        layers.extend(others.iter().cloned());
        let mut rows = call(flatten(), "rows", &["twice"], none.clone());
        rows["inbound_nodes"] = calls(&[("twice", 1)]);
        layers.push(rows);
        network("Functional", &functional(&layers, "rows"))
    };
    let wider = layer("Conv2D", json!({ "filters": 5, "strides": [1, 1] }));
    let error = twice(conv(true), &[call(wider, "last", &["twice"], none.clone())]).err().unwrap();
    assert!(
        error.contains("layer `twice_1` can't use the weights of `twice`: its inputs have another size"),
        "{error}"
    );
    let relu = || call(layer("ReLU", json!({})), "last", &["twice"], none.clone());
    let read = twice(layer("BatchNormalization", json!({ "momentum": 0.5 })), &[relu()]).unwrap();
    let variables = read.network.infer().unwrap()[1].variables.concat();
    let momenta: Vec<_> = variables.iter().map(|variable| (&*variable.name, variable.role)).collect();
    assert!(momenta.contains(&("twice/moving_mean", Role::Averaged { momentum: 0.25 })), "{momenta:?}");
}
