//! Networks as Keras's config.json describes them.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::keras_layer::{KerasLayer, Kind, Serialized};
use crate::model::{Layer, Network, Sequential};

/// Longest description: a layer takes a dozen times as much memory as its text.
const MOST_CONFIG: usize = 4 << 20;

/// A network that Keras described.
pub struct KerasModel {
    /// The network.
    pub network: Network,
    /// Whether it didn't say how its pixels are scaled, so that it got a rescaling by 1/255.
    pub assumes_rescaling: bool,
}

#[derive(Deserialize)]
struct Model<'a> {
    class_name: String,
    #[serde(borrow)]
    config: &'a RawValue,
}

#[derive(Deserialize)]
struct Config<'a> {
    #[serde(borrow)]
    layers: Vec<Serialized<'a>>,
}

impl KerasModel {
    /// Reads a description.
    ///
    /// # Errors
    /// The part that wgrad lacks and its layer, in words.
    pub fn from_json(config: &[u8]) -> Result<Self, String> {
        if config.len() > MOST_CONFIG {
            return Err(format!("the description of its network has more than {MOST_CONFIG} bytes"));
        }
        let wrong = |error: serde_json::Error| format!("the description of its network: {error}");
        let Model { class_name: class, config } = serde_json::from_slice(config).map_err(wrong)?;
        if class != "Sequential" {
            return Err(format!(
                "its network is of class {class}, but wgrad has Sequential only; if its layers stand in a row, \
                 save keras.Sequential(model.layers) instead"
            ));
        }
        // Before Keras 2.2.3, the configuration was the list of the layers itself.
        let layers = match config.get().starts_with('[') {
            true => serde_json::from_str(config.get()),
            false => serde_json::from_str(config.get()).map(|config: Config| config.layers),
        };
        let mut layers = layers.map_err(wrong)?.into_iter().map(KerasLayer::read).peekable();
        // In Keras 2, any first layer may have the shape of its input.
        let first = layers.peek().and_then(|layer| layer.as_ref().ok()).and_then(|layer| layer.input);
        let input = match first {
            Some(input) => input,
            None => {
                layers.next().transpose()?;
                return Err("its first layer doesn't say the shape of the images; give the model a keras.Input".into());
            }
        };
        let (mut network, mut frozen) = (Sequential::new(input), Vec::new());
        for (place, layer) in layers.enumerate() {
            let KerasLayer { name, kind, .. } = layer?;
            match kind {
                Kind::Input if place == 0 => {}
                Kind::Input => return Err("it has two InputLayers; wgrad has one".into()),
                Kind::Layer { layer: Layer::Rescaling(_) | Layer::Normalization(_), .. }
                    if !network.nodes().is_empty() =>
                {
                    return Err(format!(
                        "layer `{name}`: wgrad can scale only the images, so it must be the first layer"
                    ));
                }
                Kind::Layer { trainable, layer } => {
                    network = network.layer(layer).named(&name);
                    if !trainable {
                        frozen.push(name);
                    }
                }
            }
        }
        let mut network = Network::from(network);
        let assumes_rescaling = network.scale_image();
        network.classes().map_err(|error| error.to_string())?;
        let network = network.freeze(&frozen).map_err(|error| error.to_string())?;
        Ok(Self { network, assumes_rescaling })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(class: &str, config: &Value) -> Result<KerasModel, String> {
        KerasModel::from_json(json!({ "class_name": class, "config": config }).to_string().as_bytes())
    }

    fn layer(class: &str, name: &str, options: Value) -> Value {
        let mut config = json!({ "name": name, "trainable": true, "dtype": "float32" });
        config.as_object_mut().unwrap().extend(options.as_object().unwrap().clone());
        json!({ "class_name": class, "config": config })
    }

    fn input() -> Value {
        let config = json!({ "name": "input_1", "batch_input_shape": [null, 4, 4, 3], "dtype": "float32" });
        json!({ "class_name": "InputLayer", "config": config })
    }

    fn rescaling(name: &str) -> Value {
        layer("Rescaling", name, json!({ "scale": 1.0 / 255.0, "offset": 0.0 }))
    }

    fn flatten() -> Value {
        layer("Flatten", "flatten", json!({}))
    }

    /// Keras 2 with and without an InputLayer, and the list that stood in the place of options once.
    #[test]
    fn the_input_may_be_said_by_the_first_layer() {
        let first = layer("Flatten", "flatten", json!({ "batch_input_shape": [null, 4, 4, 3] }));
        for layers in [json!([input(), flatten()]), json!([first.clone()]), json!([input(), first])] {
            for config in [layers.clone(), json!({ "name": "sequential", "layers": layers })] {
                let model = read("Sequential", &config).unwrap();
                assert_eq!((model.network.input(), model.network.classes().unwrap()), ([4, 4, 3], 48));
                assert!(model.assumes_rescaling);
            }
        }
        for layers in [json!([flatten()]), json!([])] {
            let error = read("Sequential", &json!({ "layers": layers })).err().unwrap();
            assert!(error.contains("give the model a keras.Input"), "{error}");
        }
        let error = read("Sequential", &json!({ "layers": [input(), flatten(), input()] })).err().unwrap();
        assert!(error.contains("two InputLayers"), "{error}");
    }

    #[test]
    fn a_rescaling_may_be_first() {
        let model = read("Sequential", &json!({ "layers": [input(), rescaling("scale"), flatten()] })).unwrap();
        assert_eq!((model.network.nodes().len(), model.assumes_rescaling), (2, false));
        for layers in [
            json!([input(), flatten(), rescaling("late")]),
            json!([input(), rescaling("scale"), rescaling("late"), flatten()]),
            json!([input(), layer("Dropout", "dropout", json!({ "rate": 0.5 })), rescaling("late"), flatten()]),
        ] {
            let error = read("Sequential", &json!({ "layers": layers })).err().unwrap();
            assert!(error.contains("layer `late`") && error.contains("first layer"), "{error}");
        }
    }

    #[test]
    fn other_models_are_refused_with_a_way() {
        let error = read("Functional", &json!({ "layers": [] })).err().unwrap();
        assert!(error.contains("class Functional") && error.contains("keras.Sequential(model.layers)"), "{error}");
    }
}
