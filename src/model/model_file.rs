//! Reads and writes a network as a TOML file.

use serde::{Deserialize, Serialize};
use toml::Table;

use super::infer::MOST_LAYERS;
use super::layer_entry::draft;
use super::network::{Draft, Node};
use super::{Layer, ModelError, NamedTensor, Network, Value};
use crate::text::one_line;

/// The content of the file: `input = [h, w, c]`, which may be left out if the data give it, and a `[[layers]]` for each
/// layer.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ModelFile {
    version: Option<u32>,
    // This is not an array, because the parser would ignore the rest of a list that is too long.
    input: Option<Vec<usize>>,
    #[serde(default)]
    layers: Vec<Table>,
}

/// Version of model files. Version 1 and files without a version are from before networks scaled their input: wgrad divided
/// pixels by 255 before the first layer.
const VERSION: u32 = 2;

/// Stands for a number of classes that is not known yet. No layer may have this number of units.
const UNKNOWN: usize = 0;

impl Network {
    /// Longest model file, in bytes.
    pub const MOST_BYTES: usize = 1 << 20;

    /// Reads a model file. `data` are the shape `[h, w, c]` of the images and the number of classes, which `units = "classes"`
    /// stands for. It is an error if neither the file nor `data` gives the shape of the images.
    ///
    /// ```
    /// let text = r#"
    ///     [[layers]]
    ///     type = "conv2d"
    ///     filters = 8
    ///     kernel_size = 3
    ///     activation = "relu"
    ///
    ///     [[layers]]
    ///     type = "flatten"
    ///
    ///     [[layers]]
    ///     type = "dense"
    ///     units = "classes"
    /// "#;
    /// let model = wgrad::model::Network::from_toml(text, Some(([28, 28, 1], 10)))?;
    /// assert_eq!(model.classes()?, 10);
    /// # Ok::<(), wgrad::model::ModelError>(())
    /// ```
    ///
    /// # Errors
    /// The file or a layer of it is wrong, or the network does not fit `data`.
    pub fn from_toml(text: &str, data: Option<([usize; 3], usize)>) -> Result<Self, ModelError> {
        let (input, classes) = data.unzip();
        let model = Self::read(text, input, classes)?;
        match data {
            Some((input, classes)) => model.check_data(input, classes)?,
            None => drop(model.classes()?),
        }
        Ok(model)
    }

    /// Reads a model file for trained parameters. `units = "classes"` is the length of that layer's bias in `tensors`, and
    /// the images have the shape `input` if the file does not give one.
    ///
    /// # Errors
    /// Those of [`Network::from_toml`], and a bias that is missing.
    pub fn from_toml_for(text: &str, input: [usize; 3], tensors: &[NamedTensor]) -> Result<Self, ModelError> {
        let mut model = Self::read(text, Some(input), Some(UNKNOWN))?;
        for place in 0..model.nodes().len() {
            let owner = model.nodes()[model.owner(place)].name.clone();
            let Node { name, layer, .. } = model.node_mut(place);
            if let Layer::Dense(dense) = layer
                && dense.units == UNKNOWN
            {
                let variable = if dense.use_bias { "bias" } else { "kernel" };
                let tensor = tensors.iter().find(|tensor| tensor.name == format!("{owner}/{variable}"));
                let missing = || ModelError::File(format!("layer `{name}`: the weights have no `{owner}/{variable}`"));
                dense.units = tensor.ok_or_else(missing)?.shape.last().copied().unwrap_or(UNKNOWN);
            }
        }
        model.classes()?;
        Ok(model)
    }

    /// Reads a model file without checking whether its layers fit together.
    fn read(text: &str, input: Option<[usize; 3]>, classes: Option<usize>) -> Result<Self, ModelError> {
        let file = parse(text)?;
        let own = file.input.map(<[usize; 3]>::try_from).transpose();
        let own = own.map_err(|sizes| ModelError::File(format!("`input` has {} sizes, not [h, w, c]", sizes.len())))?;
        let Some(input) = own.or(input) else {
            return Err(ModelError::File("`input = [h, w, c]` is missing".into()));
        };
        if input.contains(&0) {
            return Err(ModelError::File(format!("`input` is {input:?}; sizes start at 1")));
        }
        let mut model = Self::new(input);
        model.extend(drafts(file.layers, classes)?)?;
        if file.version.is_none_or(|version| version < VERSION) {
            model.scale_image();
        }
        Ok(model)
    }

    /// Reads a model file, and appends its layers to this network.
    ///
    /// # Errors
    /// Those of [`Network::from_toml`].
    pub fn append_toml(mut self, text: &str, classes: usize) -> Result<Self, ModelError> {
        self.extend(drafts(parse(text)?.layers, Some(classes))?)?;
        self.classes()?;
        Ok(self)
    }

    /// Writes the network as a model file that has every option, defaults too.
    ///
    /// # Errors
    /// No network is known to cause one.
    pub fn to_toml(&self) -> Result<String, ModelError> {
        #[derive(Serialize)]
        struct Line<'a> {
            name: &'a str,
            #[serde(flatten)]
            layer: &'a Layer,
            #[serde(skip_serializing_if = "Option::is_none")]
            inputs: Option<Vec<&'a str>>,
            #[serde(skip_serializing_if = "Option::is_none")]
            trainable: Option<bool>,
            #[serde(skip_serializing_if = "Option::is_none")]
            weights: Option<&'a str>,
        }
        #[derive(Serialize)]
        struct File<'a> {
            version: u32,
            input: [usize; 3],
            layers: Vec<Line<'a>>,
        }
        let mut before = Value::Image;
        let layers = self.nodes().iter().enumerate().map(|(place, node)| {
            let default = std::mem::replace(&mut before, Value::Layer(place));
            let inputs = || node.inputs.iter().map(|input| self.name_of(*input)).collect();
            Line {
                name: &node.name,
                layer: &node.layer,
                inputs: (node.inputs != [default]).then(inputs),
                trainable: (!node.trainable && node.weights.is_none()).then_some(false),
                weights: node.weights.map(|owner| self.name_of(Value::Layer(owner))),
            }
        });
        let file = File { version: VERSION, input: self.input(), layers: layers.collect() };
        toml::to_string(&file).map_err(|error| ModelError::File(error.to_string()))
    }
}

fn parse(text: &str) -> Result<ModelFile, ModelError> {
    if text.len() > Network::MOST_BYTES {
        return Err(ModelError::File(format!("the file has more than {} bytes", Network::MOST_BYTES)));
    }
    let file: ModelFile = toml::from_str(text).map_err(|error| ModelError::File(one_line(&error.to_string())))?;
    if let Some(version) = file.version.filter(|version| !(1..=VERSION).contains(version)) {
        let words = format!("the file has version {version}, but this wgrad reads versions 1 to {VERSION}");
        return Err(ModelError::File(words));
    }
    if file.layers.len() > MOST_LAYERS {
        return Err(ModelError::Depth(MOST_LAYERS));
    }
    Ok(file)
}

fn drafts(layers: Vec<Table>, classes: Option<usize>) -> Result<Vec<Draft>, ModelError> {
    layers.into_iter().enumerate().map(|(place, table)| draft(place, table, classes)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Sequential;

    const TUTORIAL: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/models/tutorial.toml"));

    #[test]
    fn the_tutorial_is_the_builder_s() {
        let model = Network::from_toml(TUTORIAL, Some(([32, 32, 3], 10))).unwrap();
        assert_eq!(model.summary().unwrap(), Sequential::tutorial([32, 32, 3], 10).summary().unwrap());
        let again = Network::from_toml(&model.to_toml().unwrap(), None).unwrap();
        assert_eq!(again.summary().unwrap(), model.summary().unwrap());
        assert_eq!(again.to_toml().unwrap(), model.to_toml().unwrap());
    }

    #[test]
    fn weights_tell_the_classes() {
        let bias = |classes: usize| {
            [NamedTensor { name: "dense_1/bias".into(), shape: vec![classes], values: vec![0.0; classes] }]
        };
        for classes in [2, 100] {
            let model = Network::from_toml_for(TUTORIAL, [24, 32, 1], &bias(classes)).unwrap();
            assert_eq!((model.input(), model.classes().unwrap()), ([24, 32, 1], classes));
        }
        let text = format!("input = [36, 32, 3]\n{TUTORIAL}");
        assert_eq!(Network::from_toml_for(&text, [24, 32, 1], &bias(2)).unwrap().input(), [36, 32, 3]);
        let error = Network::from_toml_for(TUTORIAL, [32, 32, 3], &[]).unwrap_err().to_string();
        assert!(error.contains("`dense_1/bias`"), "{error}");
    }

    #[test]
    fn what_is_wrong_is_said() {
        let with = |layer: &str| format!("input = [8, 8, 1]\n[[layers]]\n{layer}\n[[layers]]\ntype = \"flatten\"");
        for (layer, words) in [
            ("type = \"conv3d\"", ["layer 1 (conv3d)", "conv2d"]),
            ("type = \"conv2d\"\nfilters = 2\nkernal_size = 3", ["kernal_size", "kernel_size"]),
            ("type = \"conv2d\"\nfilters = 2", ["layer 1 (conv2d)", "kernel_size"]),
            ("type = \"conv2d\"\nfilters = -2\nkernel_size = 3", ["layer 1 (conv2d)", "-2"]),
            ("type = \"conv2d\"\nfilters = 2\nkernel_size = [1, 2, 3]", ["layer 1 (conv2d)", "[y, x]"]),
            ("name = \"c\"\ntype = \"conv2d\"\nfilters = 2\nkernel_size = 9", ["layer `c`", "[8, 8, 1]"]),
            ("type = \"activation\"\nactivation = \"rellu\"", ["rellu", "relu"]),
            (
                "type = \"global_average_pooling2d\"\n[[layers]]\ntype = \"max_pooling2d\"\npool_size = 2",
                ["layer `max_pooling2d` needs images", "[1]"],
            ),
            ("name = 3\ntype = \"flatten\"", ["layer 1 (flatten)", "`name`"]),
            ("filters = 3", ["without a type", "type"]),
        ] {
            let error = Network::from_toml(&with(layer), None).unwrap_err().to_string();
            assert!(words.iter().all(|word| error.contains(word)), "{layer}: {error}");
            assert_eq!(error.lines().count(), 1);
        }
        for (data, words) in [(([9, 8, 1], 64), "images of 9 x 8 x 1"), (([8, 8, 1], 10), "10 classes")] {
            let error = Network::from_toml(&with("type = \"flatten\""), Some(data)).unwrap_err().to_string();
            assert!(error.contains(words), "{error}");
        }
        for text in [
            "input = [8, 8, 1",
            "",
            "inputs = [8, 8, 1]",
            "input = [0, 8, 1]",
            "input = [8, 8]",
            "input = [8, 8, 1, 1]",
        ] {
            assert!(matches!(Network::from_toml(text, None), Err(ModelError::File(_))), "{text}");
        }
    }
}
