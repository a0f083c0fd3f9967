//! Networks as data: layers that read the image or one another.

use std::collections::HashSet;

use super::layers::Inferred;
use super::{Layer, ModelError};
use crate::shape::Shape;

/// The name of the image among the inputs of layers, in model files and in tables.
pub(super) const IMAGE: &str = "input";

/// What a layer can read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// The image.
    Image,
    /// The output of the layer at this place among the network's nodes.
    Layer(usize),
}

/// A layer in its place in a network.
#[derive(Clone, Debug, PartialEq)]
pub struct Node {
    /// Its name, which no other layer of the network has.
    pub name: String,
    /// The layer.
    pub layer: Layer,
    /// What it reads.
    pub inputs: Vec<Value>,
    /// Whether training changes its variables.
    pub trainable: bool,
    /// The place of the layer before it whose variables it uses, as if that layer were called again; none if it has its own.
    pub weights: Option<usize>,
}

/// A node that is to be added to a network: what it reads may be left out or be said by names.
#[derive(Debug)]
pub(super) struct Draft {
    /// The name that the user gave it.
    pub name: Option<String>,
    pub layer: Layer,
    /// Names of layers or [`IMAGE`]; the layer before if none.
    pub inputs: Option<Vec<String>>,
    pub trainable: bool,
    /// The name of the layer whose variables it uses.
    pub weights: Option<String>,
}

/// A network for images of one size. Each layer reads only what stands before it, and the last layer is the output.
///
/// [`Sequential`](super::Sequential) and [`Functional`](super::Functional) build it, and model files describe it.
#[derive(Clone, Debug, PartialEq)]
pub struct Network {
    input: [usize; 3],
    pub(super) nodes: Vec<Node>,
}

impl Network {
    /// A network without layers for images `[h, w, c]`.
    pub fn new(input: [usize; 3]) -> Self {
        Self { input, nodes: Vec::new() }
    }

    /// Shape `[h, w, c]` of an image.
    pub fn input(&self) -> [usize; 3] {
        self.input
    }

    /// The layers, each behind those that it reads.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The output: that of the last layer.
    pub fn output(&self) -> Value {
        self.nodes.len().checked_sub(1).map_or(Value::Image, Value::Layer)
    }

    /// Adds a layer that reads `inputs`, which have the `shapes`, and that uses the variables of the layer at `weights` if
    /// there is one. Without a `name` the layer gets one as in Keras: its kind, with a number from the second one on, that no
    /// other layer has.
    pub(super) fn push(
        &mut self,
        name: Option<&str>,
        layer: Layer,
        inputs: &[Value],
        shapes: &[Shape],
        weights: Option<usize>,
    ) -> Result<Inferred, ModelError> {
        let name = name.map_or_else(|| self.free_name(&layer, &HashSet::new()), str::to_owned);
        if inputs.iter().any(|input| matches!(input, Value::Layer(place) if *place >= self.nodes.len())) {
            return Err(ModelError::NoValue { layer: name });
        }
        let trainable = weights.and_then(|place| self.nodes.get(place)).is_none_or(|owner| owner.trainable);
        let node = Node { name, layer, inputs: inputs.to_vec(), trainable, weights };
        let inferred = self.infer_node(&node, shapes)?;
        self.nodes.push(node);
        Ok(inferred)
    }

    /// The place of the layer whose variables the layer at `place` uses: its own, or another before it.
    pub fn owner(&self, place: usize) -> usize {
        self.nodes.get(place).and_then(|node| node.weights).unwrap_or(place)
    }

    /// Which of the layers that use the same variables the one at `place` is, and how many there are.
    pub(super) fn call(&self, place: usize) -> (usize, usize) {
        let owner = self.owner(place);
        if self.nodes.iter().all(|node| node.weights.is_none()) {
            return (0, 1);
        }
        let calls = |places: std::ops::Range<usize>| places.filter(|other| self.owner(*other) == owner).count();
        (calls(0..place), calls(0..self.nodes.len()))
    }

    /// Adds a layer that reads the output, with a name as [`Network::push`] gives it.
    pub(super) fn push_last(&mut self, layer: Layer) {
        let (name, inputs) = (self.free_name(&layer, &HashSet::new()), vec![self.output()]);
        self.nodes.push(Node { name, layer, inputs, trainable: true, weights: None });
    }

    /// Removes the last layer.
    pub(super) fn pop(&mut self) {
        self.nodes.pop();
    }

    /// The last layer.
    pub(super) fn last_mut(&mut self) -> Option<&mut Node> {
        self.nodes.last_mut()
    }

    /// A layer.
    pub(super) fn node_mut(&mut self, place: usize) -> &mut Node {
        &mut self.nodes[place]
    }

    /// Adds layers. Names that drafts give are not given to others, not even to those before them.
    ///
    /// # Errors
    /// A name among the inputs that no layer before has.
    pub(super) fn extend(&mut self, drafts: Vec<Draft>) -> Result<(), ModelError> {
        let given: HashSet<String> = drafts.iter().filter_map(|draft| draft.name.clone()).collect();
        for Draft { name, layer, inputs, mut trainable, weights } in drafts {
            let name = name.unwrap_or_else(|| self.free_name(&layer, &given));
            let inputs = match inputs {
                None => vec![self.output()],
                Some(inputs) => inputs.iter().map(|input| self.value(&name, input)).collect::<Result<_, _>>()?,
            };
            let weights = weights.map(|owner| self.place_of_weights(&name, &owner)).transpose()?;
            if let Some(owner) = weights {
                trainable = self.nodes[owner].trainable;
            }
            self.nodes.push(Node { name, layer, inputs, trainable, weights });
        }
        Ok(())
    }

    /// The place of the layer called `owner`, or of that whose variables it uses itself, for `layer` to use them.
    fn place_of_weights(&self, layer: &str, owner: &str) -> Result<usize, ModelError> {
        let place = self.nodes.iter().position(|node| node.name == owner);
        let unknown = || ModelError::NoWeights { layer: layer.into(), owner: owner.into() };
        place.map(|place| self.owner(place)).ok_or_else(unknown)
    }

    /// What `layer` calls `input`.
    fn value(&self, layer: &str, input: &str) -> Result<Value, ModelError> {
        if input == IMAGE {
            return Ok(Value::Image);
        }
        let place = self.nodes.iter().position(|node| node.name == input);
        let unknown = || ModelError::NoInput { layer: layer.into(), input: input.into() };
        place.map(Value::Layer).ok_or_else(unknown)
    }

    /// A name for `layer` that no node has and that is not among those `given` to others.
    pub(super) fn free_name(&self, layer: &Layer, given: &HashSet<String>) -> String {
        let taken: HashSet<&str> = self.nodes.iter().map(|node| node.name.as_str()).collect();
        let [kind, _] = layer.keras_names();
        let is_free = |name: &String| !taken.contains(name.as_str()) && !given.contains(name);
        let numbered = (1..).map(|number: usize| format!("{kind}_{number}"));
        std::iter::once(kind.to_owned()).chain(numbered).find(is_free).unwrap_or_default()
    }

    /// Adds the layers of `other`, whose image is the output of this network. Those that are called as wgrad names layers
    /// get new names where theirs are taken.
    pub(super) fn append(&mut self, other: Self) {
        let (before, image) = (self.nodes.len(), self.output());
        for mut node in other.nodes {
            let [kind, _] = node.layer.keras_names();
            let counted = node.name.strip_prefix(kind).is_some_and(is_count);
            if counted && self.nodes.iter().any(|other| other.name == node.name) {
                node.name = self.free_name(&node.layer, &HashSet::new());
            }
            for input in &mut node.inputs {
                *input = match *input {
                    Value::Image => image,
                    Value::Layer(place) => Value::Layer(before + place),
                };
            }
            node.weights = node.weights.map(|place| before + place);
            self.nodes.push(node);
        }
    }

    /// Makes training leave the variables of the named layers as they are, and so those of layers that use the same ones.
    ///
    /// # Errors
    /// No layer has one of the names.
    pub fn freeze(mut self, layers: &[String]) -> Result<Self, ModelError> {
        for layer in layers {
            let Some(place) = self.nodes.iter().position(|node| node.name == *layer) else {
                let inferred = self.infer()?;
                let with_variables = self.nodes.iter().zip(&inferred).filter(|(_, node)| !node.variables.is_empty());
                let names: Vec<_> = with_variables.map(|(node, _)| node.name.as_str()).collect();
                return Err(ModelError::NoLayer { layer: layer.clone(), layers: names.join(", ") });
            };
            let owner = self.owner(place);
            for place in 0..self.nodes.len() {
                self.nodes[place].trainable &= self.owner(place) != owner;
            }
        }
        Ok(self)
    }

    /// The layer of a name, to be changed.
    pub(crate) fn layer_mut(&mut self, name: &str) -> Option<&mut Layer> {
        self.nodes.iter_mut().find(|node| node.name == name).map(|node| &mut node.layer)
    }

    /// The name of a value: that of its layer, or `input` for the image.
    pub(super) fn name_of(&self, value: Value) -> &str {
        match value {
            Value::Image => IMAGE,
            Value::Layer(place) => &self.nodes[place].name,
        }
    }
}

/// Whether the rest of a name behind the kind is what wgrad puts there: nothing, or a number.
fn is_count(rest: &str) -> bool {
    let number = rest.strip_prefix('_').unwrap_or_default();
    rest.is_empty() || (!number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::layers::{Add, Flatten, MaxPooling2d};
    use crate::model::{Functional, LayerError};

    #[test]
    fn what_cannot_be_read_is_an_error() {
        let mut net = Functional::new([8, 8, 4]);
        let x = net.apply(MaxPooling2d::new(2), [net.input()]).unwrap();
        let error = net.apply(Add {}, [net.input(), x]).unwrap_err();
        let differ = "layer `add`: its inputs `input` [8, 8, 4] and `max_pooling2d` [4, 4, 4] have different shapes";
        assert_eq!(error.to_string(), differ);
        let error = net.apply(Add {}, [x]).unwrap_err().to_string();
        assert_eq!(error, "layer `add` takes at least two inputs, but has only `max_pooling2d` [4, 4, 4]");
        let error = net.apply(Flatten {}, [x, x, x]).unwrap_err().to_string();
        let three = "`max_pooling2d` [4, 4, 4], `max_pooling2d` [4, 4, 4] and `max_pooling2d` [4, 4, 4]";
        assert_eq!(error, format!("layer `flatten` takes one input, but has 3: {three}"));
        let error = net.apply(Flatten {}, []).unwrap_err();
        assert!(matches!(error, ModelError::Layer { error: LayerError::One, .. }), "{error}");
        let error = net.apply(Flatten {}, [Value::Layer(1)]).unwrap_err();
        assert_eq!(error, ModelError::NoValue { layer: "flatten".into() });
        // What failed has left nothing behind.
        let y = net.apply(Flatten {}, [x]).unwrap();
        assert_eq!((net.shape(y), net.output(y).nodes().len()), ([64].into(), 2));
    }
}
