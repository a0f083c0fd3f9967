//! Layers as Keras describes them in JSON. A closed list of classes and options is read as data.

use std::collections::BTreeMap;
use std::fmt::Debug;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use crate::model::layers::{
    self, AveragePooling2d, Conv2d, Dense, Dropout, Flatten, GlobalAveragePooling2d, GlobalMaxPooling2d, MaxPooling2d,
    Normalization, Rescaling, Reshape, ZeroPadding2d,
};
use crate::model::{Activation, Layer, is_layer_name};

/// Where Keras's own classes come from.
const MODULE: &str = "keras.layers";

/// The classes that wgrad has.
const CLASSES: &str = "Conv2D, MaxPooling2D, AveragePooling2D, GlobalAveragePooling2D, GlobalMaxPooling2D, ZeroPadding2D, \
    Reshape, Flatten, Dense, Dropout, \
    Activation, ReLU and Softmax, and Rescaling or Normalization as the first layer";

/// A layer of a Keras model.
#[derive(Debug, PartialEq)]
pub struct KerasLayer {
    /// The name of the layer.
    pub name: String,
    /// Shape of an image `[h, w, c]`, where the layer says what it takes.
    pub input: Option<[usize; 3]>,
    /// What the layer does.
    pub kind: Kind,
}

/// What a layer does.
#[derive(Debug, PartialEq)]
pub enum Kind {
    /// Nothing: an InputLayer.
    Input,
    /// Anything else.
    Layer {
        /// Whether training changes it.
        trainable: bool,
        /// The layer.
        layer: Layer,
    },
}

/// A layer as Keras writes it. Values stay text until they are asked for, because a tree of them takes many times as much
/// memory.
#[derive(Debug, Deserialize)]
pub struct Serialized<'a> {
    /// HDF5 files have none.
    module: Option<String>,
    class_name: String,
    #[serde(borrow)]
    config: BTreeMap<String, &'a RawValue>,
    registered_name: Option<String>,
}

impl KerasLayer {
    /// Reads a layer.
    ///
    /// # Errors
    /// The part that wgrad doesn't have, in words.
    pub fn read(layer: Serialized) -> Result<Self, String> {
        let Serialized { module, class_name: class, config, registered_name } = layer;
        let name: String = config.get("name").and_then(|name| parse(name)).unwrap_or_default();
        let module = module.unwrap_or_else(|| MODULE.into());
        let known = module == MODULE && registered_name.is_none();
        let mut options = Options(config);
        let layer = if known {
            options.read(&class)
        } else {
            Err(format!("it is of a class of `{module}`, but wgrad has only layers of Keras itself"))
        };
        let layer = layer.and_then(|layer| options.finish().map(|()| layer));
        layer.map_err(|reason| format!("layer `{name}` ({class}): {reason}"))
    }
}

fn parse<T: DeserializeOwned>(value: &RawValue) -> Option<T> {
    serde_json::from_str(value.get()).ok()
}

/// The start of a value, for a message.
fn start(value: &RawValue) -> String {
    value.get().chars().take(60).collect()
}

#[derive(Deserialize)]
struct Policy {
    config: PolicyConfig,
}

#[derive(Deserialize)]
struct PolicyConfig {
    name: String,
}

/// The options of a layer that were not read yet.
struct Options<'a>(BTreeMap<String, &'a RawValue>);

impl Options<'_> {
    fn read(&mut self, class: &str) -> Result<KerasLayer, String> {
        let name: String = self.take("name")?;
        if !is_layer_name(&name) {
            return Err("its name is empty, has a `/` or more than 255 bytes".into());
        }
        // Keras 2's word is `batch_input_shape`, which stands also in the first layer.
        let shape = self.0.remove("batch_input_shape").or_else(|| self.0.remove("batch_shape"));
        let input = shape.map(|shape| {
            let sizes: Option<[Option<usize>; 4]> = parse(shape);
            let [_, h, w, c] = sizes
                .ok_or_else(|| format!("its input is {}, not images [batch, height, width, channels]", start(shape)))?;
            h.zip(w)
                .zip(c)
                .map(|((h, w), c)| [h, w, c])
                .ok_or_else(|| format!("its input is {}, which leaves a size of the images open", start(shape)))
        });
        let input = input.transpose()?;
        if class == "InputLayer" {
            self.only("dtype", "float32".to_owned())?;
            self.only("sparse", false)?;
            self.only("ragged", false)?;
            self.only("optional", false)?;
            if input.is_none() {
                return Err("`batch_shape` is missing".into());
            }
            return Ok(KerasLayer { name, input, kind: Kind::Input });
        }
        let trainable = self.take("trainable")?;
        if let Some(dtype) = self.0.remove("dtype") {
            let policy = parse(dtype).map(|Policy { config }| config.name).or_else(|| parse(dtype));
            if policy.as_deref() != Some("float32") {
                return Err(format!("`dtype` is {}, not float32", policy.unwrap_or_else(|| start(dtype))));
            }
        }
        let kind = Kind::Layer { trainable, layer: self.layer(class)? };
        Ok(KerasLayer { name, input, kind })
    }

    fn layer(&mut self, class: &str) -> Result<Layer, String> {
        Ok(match class {
            "Conv2D" => {
                self.image()?;
                self.parameters()?;
                self.only("dilation_rate", [1, 1])?;
                self.only("groups", 1)?;
                let (filters, kernel_size) = (self.take("filters")?, self.take("kernel_size")?);
                let (strides, padding) = (self.take("strides")?, self.take("padding")?);
                let activation = self.take("activation")?;
                Conv2d { kernel_size, strides, padding, activation, ..Conv2d::new(filters, 1) }.into()
            }
            "MaxPooling2D" | "AveragePooling2D" => {
                self.image()?;
                let (pool_size, strides) = (self.take("pool_size")?, self.take("strides")?);
                let padding = self.take("padding")?;
                if class == "MaxPooling2D" {
                    MaxPooling2d { pool_size, strides, padding }.into()
                } else {
                    AveragePooling2d { pool_size, strides, padding }.into()
                }
            }
            "GlobalAveragePooling2D" => {
                self.image()?;
                GlobalAveragePooling2d { keepdims: self.flag("keepdims")? }.into()
            }
            "GlobalMaxPooling2D" => {
                self.image()?;
                GlobalMaxPooling2d { keepdims: self.flag("keepdims")? }.into()
            }
            "ZeroPadding2D" => {
                self.image()?;
                ZeroPadding2d { padding: self.take("padding")? }.into()
            }
            "Reshape" => Reshape { target_shape: self.take("target_shape")? }.into(),
            "Flatten" => {
                self.image()?;
                Flatten {}.into()
            }
            "Dense" => {
                self.parameters()?;
                Dense { activation: self.take("activation")?, ..Dense::new(self.take("units")?) }.into()
            }
            "Dropout" => {
                self.0.remove("seed");
                Dropout { rate: self.take("rate")? }.into()
            }
            "Activation" => layers::Activation { activation: self.take("activation")? }.into(),
            "ReLU" => {
                self.only("negative_slope", 0.0)?;
                self.only("threshold", 0.0)?;
                layers::Activation::new(Activation::Relu).into()
            }
            "Softmax" => {
                self.only("axis", -1)?;
                layers::Activation::new(Activation::Softmax).into()
            }
            "Rescaling" => Rescaling { scale: self.take("scale")?, offset: self.take("offset")? }.into(),
            "Normalization" => {
                self.only("axis", vec![-1])?;
                self.only("invert", false)?;
                Normalization { mean: self.take("mean")?, variance: self.take("variance")? }.into()
            }
            _ => return Err(format!("wgrad doesn't have it, only {CLASSES}")),
        })
    }

    /// An option that old versions of Keras don't write.
    fn flag(&mut self, option: &str) -> Result<bool, String> {
        if self.0.contains_key(option) { self.take(option) } else { Ok(false) }
    }

    fn image(&mut self) -> Result<(), String> {
        self.only("data_format", "channels_last".to_owned())
    }

    fn parameters(&mut self) -> Result<(), String> {
        // Initializers say what the weights were before training.
        self.0.remove("kernel_initializer");
        self.0.remove("bias_initializer");
        self.only("use_bias", true)
    }

    fn take<T: DeserializeOwned>(&mut self, option: &str) -> Result<T, String> {
        let value = self.0.remove(option).ok_or_else(|| format!("`{option}` is missing"))?;
        serde_json::from_str(value.get()).map_err(|error| format!("`{option}` is {}: {error}", start(value)))
    }

    /// Removes an option that wgrad doesn't have. `wanted` is the value with which the option changes nothing.
    fn only<T: DeserializeOwned + PartialEq + Debug>(&mut self, option: &str, wanted: T) -> Result<(), String> {
        match self.0.remove(option) {
            Some(value) if parse(value).as_ref() != Some(&wanted) => {
                Err(format!("`{option}` is {}, not {wanted:?}", start(value)))
            }
            _ => Ok(()),
        }
    }

    /// Fails if an option is left that has a value.
    fn finish(self) -> Result<(), String> {
        match self.0.iter().find(|(_, value)| value.get() != "null") {
            Some((option, value)) => Err(format!("wgrad has no `{option}`, but it is {}", start(value))),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::model::layers::PerChannel;

    fn read(layer: &Value) -> Result<KerasLayer, String> {
        KerasLayer::read(serde_json::from_str(&layer.to_string()).unwrap())
    }

    /// A layer as Keras 3.15 writes it, with some options replaced.
    fn layer(class: &str, options: Value) -> Value {
        let dtype = json!({ "module": "keras", "class_name": "DTypePolicy", "config": { "name": "float32" } });
        let mut config = json!({ "name": "x", "trainable": true, "dtype": dtype });
        let more = match class {
            "Conv2D" => json!({
                "filters": 8, "kernel_size": [3, 2], "strides": [2, 1], "padding": "same",
                "data_format": "channels_last", "dilation_rate": [1, 1], "groups": 1, "activation": "gelu",
                "use_bias": true, "kernel_initializer": { "class_name": "GlorotUniform" }, "bias_initializer": {},
                "kernel_regularizer": null, "activity_regularizer": null, "kernel_constraint": null,
            }),
            "MaxPooling2D" => json!({
                "pool_size": [2, 2], "padding": "valid", "strides": [2, 2], "data_format": "channels_last"
            }),
            "ReLU" => json!({ "max_value": null, "negative_slope": 0.0, "threshold": 0.0 }),
            "Dropout" => json!({ "rate": 0.25, "seed": 7, "noise_shape": null }),
            _ => json!({}),
        };
        for (key, value) in more.as_object().unwrap().iter().chain(options.as_object().unwrap()) {
            config[key] = value.clone();
        }
        json!({ "module": "keras.layers", "class_name": class, "config": config, "registered_name": null })
    }

    #[test]
    fn options_are_keras_s() {
        let convolution = r#"{ "type": "conv2d", "filters": 8, "kernel_size": [3, 2], "strides": [2, 1],
            "padding": "same", "activation": "gelu" }"#;
        let wanted = Kind::Layer { trainable: true, layer: serde_json::from_str(convolution).unwrap() };
        assert_eq!(read(&layer("Conv2D", json!({}))).unwrap(), layer_x(None, wanted));
        let frozen = read(&layer("ReLU", json!({ "trainable": false, "dtype": "float32" }))).unwrap();
        let relu = layers::Activation::new(Activation::Relu).into();
        assert_eq!(frozen, layer_x(None, Kind::Layer { trainable: false, layer: relu }));
        for word in ["batch_shape", "batch_input_shape"] {
            let input = json!({ "name": "x", word: [null, 9, 8, 1], "dtype": "float32", "sparse": false });
            let input = json!({ "module": "keras.layers", "class_name": "InputLayer", "config": input });
            assert_eq!(read(&input).unwrap(), layer_x(Some([9, 8, 1]), Kind::Input));
        }
    }

    fn layer_x(input: Option<[usize; 3]>, kind: Kind) -> KerasLayer {
        KerasLayer { name: "x".into(), input, kind }
    }

    /// HDF5 files have no module, and the first layer may say its input; mixed precision has a policy of another class.
    #[test]
    fn layers_of_keras_2_are_read() {
        let policy = json!({ "class_name": "Policy", "config": { "name": "float32" } });
        let options = json!({ "batch_input_shape": [null, 9, 8, 1], "dtype": policy });
        let mut first = layer("Dropout", options);
        for key in ["module", "registered_name"] {
            first.as_object_mut().unwrap().remove(key);
        }
        let dropout = Kind::Layer { trainable: true, layer: Dropout { rate: 0.25 }.into() };
        assert_eq!(read(&first).unwrap(), layer_x(Some([9, 8, 1]), dropout));
    }

    #[test]
    fn scales_of_the_input_are_read() {
        let read = |class: &str, options: Value| read(&layer(class, options)).unwrap();
        let wanted = |layer: Layer| layer_x(None, Kind::Layer { trainable: true, layer });
        let one = PerChannel::One;
        let rescaling = read("Rescaling", json!({ "scale": 1.0 / 127.5, "offset": -1 }));
        assert_eq!(rescaling, wanted(Rescaling { scale: one(1.0 / 127.5), offset: one(-1.0) }.into()));
        let options = json!({ "axis": [-1], "mean": [1.5, 2.0], "variance": [4.0, 0.25], "invert": false });
        let [mean, variance] = [[1.5, 2.0], [4.0, 0.25]].map(|numbers| PerChannel::Each(numbers.into()));
        assert_eq!(read("Normalization", options), wanted(Normalization { mean, variance }.into()));
    }

    #[test]
    fn what_wgrad_lacks_is_refused_by_name() {
        for (class, options, words) in [
            ("Conv2D", json!({ "groups": 2 }), ["layer `x` (Conv2D)", "`groups` is 2"]),
            ("Conv2D", json!({ "dilation_rate": [2, 2] }), ["`dilation_rate` is [2,2]", "not [1, 1]"]),
            ("Conv2D", json!({ "use_bias": false }), ["`use_bias` is false", "not true"]),
            ("Conv2D", json!({ "data_format": "channels_first" }), ["`data_format`", "channels_last"]),
            ("Conv2D", json!({ "activation": "elu" }), ["`activation` is \"elu\"", "`gelu`"]),
            ("Conv2D", json!({ "activation": { "class_name": "PReLU" } }), ["`activation`", "PReLU"]),
            ("Conv2D", json!({ "padding": "causal" }), ["`padding`", "causal"]),
            ("Conv2D", json!({ "kernel_size": [3] }), ["`kernel_size` is [3]", "(Conv2D)"]),
            ("Conv2D", json!({ "filters": -8 }), ["`filters` is -8", "(Conv2D)"]),
            ("Conv2D", json!({ "filters": null }), ["`filters` is null", "(Conv2D)"]),
            ("Conv2D", json!({ "kernel_regularizer": { "class_name": "L2" } }), ["no `kernel_regularizer`", "L2"]),
            ("Conv2D", json!({ "brand_new": 1 }), ["no `brand_new`", "(Conv2D)"]),
            ("Conv2D", json!({ "dtype": "mixed_float16" }), ["`dtype` is mixed_float16", "float32"]),
            ("Conv2D", json!({ "name": "a/b" }), ["layer `a/b`", "name"]),
            ("MaxPooling2D", json!({ "padding": "causal" }), ["`padding` is \"causal\"", "`same`"]),
            ("ReLU", json!({ "max_value": 6.0 }), ["no `max_value`", "6.0"]),
            ("ReLU", json!({ "negative_slope": 0.1 }), ["`negative_slope` is 0.1", "not 0"]),
            ("Dropout", json!({ "noise_shape": [1, 8] }), ["no `noise_shape`", "[1,8]"]),
            ("Conv2D", json!({ "batch_input_shape": [null, 72] }), ["`x` (Conv2D)", "[null,72]"]),
            ("Conv2D", json!({ "batch_input_shape": [null, null, 8, 3] }), ["`x` (Conv2D)", "open"]),
            ("Normalization", json!({ "mean": null, "variance": null }), ["(Normalization)", "`mean` is null"]),
            ("Normalization", json!({ "axis": [1], "mean": 1, "variance": 1 }), ["(Normalization)", "`axis` is [1]"]),
            ("Rescaling", json!({ "scale": "x", "offset": 0 }), ["(Rescaling)", "`scale` is \"x\""]),
            ("Lambda", json!({ "function": "x" }), ["(Lambda)", "Conv2D, MaxPooling2D"]),
            ("BatchNormalization", json!({}), ["(BatchNormalization)", "Conv2D, MaxPooling2D"]),
        ] {
            let error = read(&layer(class, options)).unwrap_err();
            assert!(words.iter().all(|word| error.contains(word)), "{words:?}: {error}");
        }
        for (key, value) in [("module", "builtins"), ("registered_name", "pkg>Dense")] {
            let mut custom = layer("Conv2D", json!({}));
            custom[key] = json!(value);
            assert!(read(&custom).is_err());
        }
    }
}
