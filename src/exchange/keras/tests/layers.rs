//! The options of single layers.

use serde_json::json;

use super::super::model::Kind;
use super::{flatten, image, input, layer, network, read};
use crate::model::Layer;

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
        (layer("Dropout", json!({})), json!({ "type": "dropout", "rate": 0.25 })),
        (
            layer("Dropout", json!({ "noise_shape": [null, 1, 1, 1] })),
            json!({ "type": "dropout", "rate": 0.25, "noise_shape": [1, 1, 1] }),
        ),
        (
            layer("Dropout", json!({ "noise_shape": [null, 1, 1, 8] })),
            json!({ "type": "dropout", "rate": 0.25, "noise_shape": [1, 1, 8] }),
        ),
        (
            layer("Conv2D", json!({ "groups": 4, "dilation_rate": [2, 1], "activation": "mish" })),
            json!({ "type": "conv2d", "filters": 8, "kernel_size": [3, 2], "strides": [2, 1], "padding": "same",
                "dilation_rate": [2, 1], "groups": 4, "activation": "mish" }),
        ),
        (
            layer("Conv2DTranspose", json!({ "output_padding": [1, 0] })),
            json!({ "type": "conv2d_transpose", "filters": 8, "kernel_size": [3, 2], "strides": [2, 1],
                "padding": "same", "output_padding": [1, 0], "activation": "gelu" }),
        ),
        (
            layer("Cropping2D", json!({ "cropping": [[0, 1], [2, 3]] })),
            json!({ "type": "cropping2d", "cropping": [[0, 1], [2, 3]] }),
        ),
        (
            layer("UpSampling2D", json!({ "size": [2, 3], "interpolation": "bilinear" })),
            json!({ "type": "up_sampling2d", "size": [2, 3], "interpolation": "bilinear" }),
        ),
        (layer("SpatialDropout2D", json!({})), json!({ "type": "spatial_dropout2d", "rate": 0.25 })),
        (layer("PReLU", json!({ "shared_axes": [1, 2] })), json!({ "type": "p_re_lu", "shared_axes": [1, 2] })),
        (layer("ELU", json!({ "alpha": 0.5 })), json!({ "type": "elu", "alpha": 0.5 })),
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
        assert_eq!((found.layer, found.trainable, found.axis, found.adapted), (wanted, true, -1, false));
    }
    // Layers of single applications.
    for (application, class, options, wanted) in [
        (
            "convnext",
            "StochasticDepth",
            json!({ "drop_path_rate": 0.1 }),
            json!({ "type": "dropout", "rate": 0.1, "noise_shape": [1, 1, 1] }),
        ),
        (
            "convnext",
            "LayerScale",
            json!({ "init_values": 1e-6, "projection_dim": 96 }),
            json!({ "type": "layer_scale" }),
        ),
        ("inception_resnet_v2", "CustomScaleLayer", json!({ "scale": 0.17 }), json!({ "type": "add" })),
    ] {
        let mut layer = layer(class, options);
        layer["module"] = json!(format!("keras.src.applications.{application}"));
        layer["registered_name"] = json!(class);
        let Kind::Layer(found) = read(&layer).unwrap().kind else { panic!("{layer}") };
        let wanted: Layer = serde_json::from_value(wanted).unwrap();
        let scale = (class == "CustomScaleLayer").then_some(0.17);
        assert_eq!((found.layer, found.trainable, found.scale), (wanted, true, scale));
    }
    for axis in [json!([3]), json!(3), json!(null)] {
        let options = json!({ "axis": axis, "mean": null, "variance": null, "invert": false });
        let Kind::Layer(found) = read(&layer("Normalization", options)).unwrap().kind else { panic!("{axis}") };
        assert_eq!((found.axis, found.adapted), (if axis.is_null() { -1 } else { 3 }, true));
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
        ("DepthwiseConv2D", json!({ "groups": 2 }), ["layer `x` (DepthwiseConv2D)", "`groups` is 2"]),
        ("Conv2DTranspose", json!({ "dilation_rate": [2, 2] }), ["`dilation_rate` is [2,2]", "not [1, 1]"]),
        (
            "UpSampling2D",
            json!({ "size": [2, 2], "interpolation": "bicubic" }),
            ["`interpolation` is \"bicubic\"", "`bilinear`"],
        ),
        ("PReLU", json!({ "alpha_regularizer": {} }), ["no `alpha_regularizer`", "(PReLU)"]),
        ("Conv2D", json!({ "data_format": "channels_first" }), ["`data_format`", "channels_last"]),
        ("Conv2D", json!({ "activation": "squareplus" }), ["`activation` is \"squareplus\"", "`gelu`"]),
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
        ("Dropout", json!({ "noise_shape": [1, 8] }), ["`noise_shape` is [1,8]", "[null, 1, 1, 1]"]),
        ("Dropout", json!({ "noise_shape": [null, 8, 1] }), ["`noise_shape` is [null,8,1]", "[null, 1, 1, 1]"]),
        ("Normalization", json!({ "mean": 1, "variance": null }), ["(Normalization)", "`variance` is null"]),
        ("Normalization", json!({ "mean": null, "variance": [1] }), ["(Normalization)", "`mean` is null"]),
        ("Normalization", json!({ "axis": [1, 2] }), ["(Normalization)", "`axis` is [1,2]"]),
        ("Normalization", json!({ "invert": true }), ["(Normalization)", "`invert` is true"]),
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
