//! A network whose layers follow each other in a row.

use std::collections::HashSet;

use super::lowering::{MOST_ELEMENTS, append, fits};
use super::{Activation, Layer, ModelError};
use crate::graph::{Graph, Target, Variable};
use crate::kernel::{MicroKernel, Storage};
use crate::minibatch::Minibatch;
use crate::ops::Padding;
use crate::shape::Shape;

/// The most layers that a network may have.
pub(super) const MOST_LAYERS: usize = 1000;

/// The most elements that an image may have; as bytes they take 64 MiB.
const MOST_IMAGE: usize = 1 << 26;

/// A line of the summary table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerSummary {
    /// Unique name, counted as in Keras: `conv2d`, `conv2d_1`.
    pub name: String,
    /// Keras's class of the layer.
    pub kind: &'static str,
    /// Shape of the output of one image.
    pub output_shape: Shape,
    /// Number of parameters.
    pub parameters: usize,
    /// Whether training changes the parameters.
    pub trainable: bool,
}

/// A layer of a network.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Entry {
    /// The name that the user gave it.
    pub name: Option<String>,
    /// Whether training changes its parameters.
    pub trainable: bool,
    pub layer: Layer,
}

/// A network whose layers follow each other in a row. Its methods append a layer, as in Keras's `Sequential`:
///
/// ```
/// let model = wgrad::model::Sequential::new([32, 32, 3])
///     .conv2d(32, 3).relu()
///     .max_pool2d(2)
///     .flatten()
///     .dense(10);
/// assert_eq!(model.summary()?.last().unwrap().parameters, 72_010);
/// # Ok::<(), wgrad::model::ModelError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Sequential {
    pub(super) input: [usize; 3],
    pub(super) entries: Vec<Entry>,
}

impl Sequential {
    /// An empty network for images `[h, w, c]`.
    pub fn new(input: [usize; 3]) -> Self {
        Self { input, entries: Vec::new() }
    }

    /// The network of TensorFlow's tutorial "Convolutional Neural Network (CNN)": 122,570 parameters for
    /// `[32, 32, 3]` and 10 classes.
    pub fn tutorial(input: [usize; 3], classes: usize) -> Self {
        Self::new(input)
            .conv2d(32, 3)
            .relu()
            .max_pool2d(2)
            .conv2d(64, 3)
            .relu()
            .max_pool2d(2)
            .conv2d(64, 3)
            .relu()
            .flatten()
            .dense(64)
            .relu()
            .dense(classes)
    }

    /// Appends any layer.
    pub fn layer(mut self, layer: Layer) -> Self {
        self.entries.push(Entry { name: None, trainable: true, layer });
        self
    }

    /// Appends a convolution by a square kernel, stride 1, without padding, with bias.
    pub fn conv2d(self, filters: usize, kernel: usize) -> Self {
        self.conv2d_with(filters, [kernel; 2], [1; 2], Padding::Valid)
    }

    /// Appends a convolution with every option.
    pub fn conv2d_with(self, filters: usize, kernel: [usize; 2], stride: [usize; 2], padding: Padding) -> Self {
        let activation = Activation::Linear;
        self.layer(Layer::Conv2d { filters, kernel_size: kernel, strides: stride, padding, activation })
    }

    /// Appends max pooling by a square window, whose stride is its width.
    pub fn max_pool2d(self, window: usize) -> Self {
        self.layer(Layer::MaxPooling2d { pool_size: [window; 2], strides: None })
    }

    /// Appends max pooling with every option.
    pub fn max_pool2d_with(self, window: [usize; 2], stride: [usize; 2]) -> Self {
        self.layer(Layer::MaxPooling2d { pool_size: window, strides: Some(stride) })
    }

    /// Appends average pooling by a square window, whose stride is its width.
    pub fn average_pool2d(self, window: usize) -> Self {
        self.layer(Layer::AveragePooling2d { pool_size: [window; 2], strides: None })
    }

    /// Appends the mean of each channel.
    pub fn global_average_pool2d(self) -> Self {
        self.layer(Layer::GlobalAveragePooling2d {})
    }

    /// Appends dropout, which sets the share `rate` of the elements to 0 in training.
    pub fn dropout(self, rate: f64) -> Self {
        self.layer(Layer::Dropout { rate })
    }

    /// Appends a layer that makes a row of each image.
    pub fn flatten(self) -> Self {
        self.layer(Layer::Flatten {})
    }

    /// Appends a fully connected layer with bias.
    pub fn dense(self, units: usize) -> Self {
        self.layer(Layer::Dense { units, activation: Activation::Linear })
    }

    /// Appends a relu, as [`Sequential::activation`] does.
    pub fn relu(self) -> Self {
        self.activation(Activation::Relu)
    }

    /// Appends an activation. A convolution or dense layer without an activation right before it takes it as its own; else
    /// it becomes a layer.
    pub fn activation(mut self, new: Activation) -> Self {
        match self.entries.last_mut().map(|entry| &mut entry.layer) {
            Some(Layer::Conv2d { activation, .. } | Layer::Dense { activation, .. })
                if *activation == Activation::Linear =>
            {
                *activation = new;
                self
            }
            _ => self.layer(Layer::Activation { activation: new }),
        }
    }

    /// Names the last layer.
    pub fn named(mut self, name: &str) -> Self {
        if let Some(entry) = self.entries.last_mut() {
            entry.name = Some(name.into());
        }
        self
    }

    /// Appends the layers of `other`, which take the output of this network.
    pub fn append(mut self, other: Self) -> Self {
        self.entries.extend(other.entries);
        self
    }

    /// Makes training leave the parameters of the named layers as they are.
    ///
    /// # Errors
    /// No layer has one of the names.
    pub fn freeze(mut self, layers: &[String]) -> Result<Self, ModelError> {
        let names = self.names();
        for layer in layers {
            let Some(place) = names.iter().position(|name| name == layer) else {
                let with_parameters = names.iter().zip(&self.entries).filter(|(_, entry)| entry.layer.has_parameters());
                let names: Vec<_> = with_parameters.map(|(name, _)| name.as_str()).collect();
                return Err(ModelError::NoLayer { layer: layer.clone(), layers: names.join(", ") });
            };
            self.entries[place].trainable = false;
        }
        Ok(self)
    }

    /// Shape `[h, w, c]` of an image.
    pub fn input(&self) -> [usize; 3] {
        self.input
    }

    /// The layers, with their names.
    pub fn layers(&self) -> impl Iterator<Item = (String, &Layer)> {
        self.names().into_iter().zip(self.entries.iter().map(|entry| &entry.layer))
    }

    /// Number of classes that the network distinguishes: 2 if it has one output, else the number of its outputs.
    ///
    /// # Errors
    /// A layer that does not fit its input, or an output that is not a row.
    pub fn classes(&self) -> Result<usize, ModelError> {
        Ok(self.answer()?.classes())
    }

    /// Makes sure that the network takes images of the shape `input` `[h, w, c]` and distinguishes `classes` classes.
    ///
    /// # Errors
    /// [`ModelError::Data`] if it does not, and the errors of a network that cannot be built.
    pub fn check_data(&self, input: [usize; 3], classes: usize) -> Result<(), ModelError> {
        if self.input != input {
            let [wanted, found] = [self.input, input].map(|[h, w, c]| format!("images of {h} x {w} x {c}"));
            return Err(ModelError::Data { wanted, found });
        }
        let own = self.classes()?;
        if own != classes {
            let [wanted, found] = [own, classes].map(|count| format!("{count} classes"));
            return Err(ModelError::Data { wanted, found });
        }
        Ok(())
    }

    /// Name, output shape and number of parameters of each layer.
    ///
    /// # Errors
    /// A layer that does not fit its input.
    pub fn summary(&self) -> Result<Vec<LayerSummary>, ModelError> {
        // Shapes do not depend on the target.
        let target = Target { micro_kernel: MicroKernel::Direct, storage: Storage::Buffers, busy_workgroups: 1 };
        let mut graph = Graph::new(target);
        let [h, w, c] = self.input;
        if !fits(&self.input, MOST_IMAGE) {
            let (layer, what) = ("images".into(), "elements");
            return Err(ModelError::TooLarge { layer, most: MOST_IMAGE, what });
        }
        let minibatch = graph.minibatch(Minibatch::new(1, self.input));
        let mut x = graph.input("images", [1, h, w, c]);
        let mut lines = Vec::new();
        for (name, Entry { layer, trainable, .. }) in self.checked_names()?.into_iter().zip(&self.entries) {
            let before = graph.variables().len();
            x = append(&mut graph, &name, layer, x, minibatch)?;
            // The parameters of all layers are in one buffer.
            if graph.arena_len() > MOST_ELEMENTS {
                let what = "parameters, with the layers before it";
                return Err(ModelError::TooLarge { layer: name, most: MOST_ELEMENTS, what });
            }
            let parameters = graph.variables()[before..].iter().map(Variable::len).sum();
            let output_shape = graph.tensor(x).shape.dims()[1..].to_vec().into();
            let kind = layer.keras_names()[1];
            lines.push(LayerSummary { name, kind, output_shape, parameters, trainable: *trainable });
        }
        Ok(lines)
    }

    /// The name of each layer. A layer without a name from the user gets one as in Keras: its kind, with a number from the
    /// second one on, that no other layer has.
    fn names(&self) -> Vec<String> {
        let mut taken: HashSet<String> = self.entries.iter().filter_map(|entry| entry.name.clone()).collect();
        let mut name = |entry: &Entry| {
            entry.name.clone().unwrap_or_else(|| {
                let kind = entry.layer.keras_names()[0];
                let mut name = kind.to_owned();
                let mut count = 0;
                while !taken.insert(name.clone()) {
                    count += 1;
                    name = format!("{kind}_{count}");
                }
                name
            })
        };
        self.entries.iter().map(&mut name).collect()
    }

    /// [`Sequential::names`], after a check that no two are the same and that only the last layer has softmax.
    pub(super) fn checked_names(&self) -> Result<Vec<String>, ModelError> {
        if self.entries.len() > MOST_LAYERS {
            return Err(ModelError::Depth(MOST_LAYERS));
        }
        let names = self.names();
        for (i, (name, entry)) in names.iter().zip(&self.entries).enumerate() {
            if names[..i].contains(name) {
                return Err(ModelError::SameName { layer: name.clone() });
            }
            if entry.layer.activation() == Activation::Softmax && i + 1 < names.len() {
                return Err(ModelError::Softmax { layer: name.clone() });
            }
        }
        Ok(names)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_count_as_keras_counts() {
        let model = Sequential::tutorial([32, 32, 3], 10).append(Sequential::new([1, 1, 10]).flatten().dense(128));
        let names: Vec<String> = model.layers().map(|(name, _)| name).collect();
        assert_eq!(names[..3], ["conv2d", "max_pooling2d", "conv2d_1"]);
        assert_eq!(names[6..], ["dense", "dense_1", "flatten_1", "dense_2"]);
        let named = Sequential::from_toml(&model.to_toml().unwrap(), None).unwrap().dense(3);
        assert_eq!(named.layers().last().unwrap().0, "dense_3");
    }

    #[test]
    fn bad_networks_are_refused() {
        let model = || Sequential::new([8, 8, 1]).flatten();
        let error = model().dense(3).named("a").dense(3).named("a").summary().unwrap_err();
        assert_eq!(error, ModelError::SameName { layer: "a".into() });
        let error = model().dense(3).activation(Activation::Softmax).dense(3).summary().unwrap_err();
        assert_eq!(error, ModelError::Softmax { layer: "dense".into() });
        let error = model().dense(3).freeze(&["dense_1".into()]).unwrap_err();
        assert_eq!(error, ModelError::NoLayer { layer: "dense_1".into(), layers: "dense".into() });
        assert_eq!(Sequential::new([8, 8, 1]).classes().unwrap_err(), ModelError::Output([8, 8, 1].into()));
    }
}
