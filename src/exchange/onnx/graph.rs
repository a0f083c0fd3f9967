//! An ONNX graph, node by node.

use std::collections::HashMap;

use super::names::Names;
use super::proto::{Attribute, FLOAT, INT64, Node, Tensor};
use crate::model::NamedTensor;

/// Order of an image's axes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// The order in wgrad, in Keras and in the file's input, and that of everything which is no image.
    ChannelsLast,
    /// The order in ONNX's convolutions and pools.
    ChannelsFirst,
}

use Layout::{ChannelsFirst, ChannelsLast};

/// The output of a layer, under the name that it has in either order of axes.
#[derive(Clone, Debug)]
pub struct Held {
    /// Its sizes in wgrad, without the batch.
    pub shape: Vec<usize>,
    last: Option<String>,
    first: Option<String>,
}

impl Held {
    /// A value `[.., c]`.
    pub fn channels_last(shape: &[usize], name: String) -> Self {
        Self { shape: shape.to_vec(), last: Some(name), first: None }
    }

    /// A value in one order of axes.
    pub fn new(shape: &[usize], layout: Layout, name: String) -> Self {
        match layout {
            ChannelsFirst if shape.len() == 3 => Self { shape: shape.to_vec(), last: None, first: Some(name) },
            _ => Self::channels_last(shape, name),
        }
    }

    /// An order that it is there in.
    pub fn layout(&self) -> Layout {
        if self.first.is_some() { ChannelsFirst } else { ChannelsLast }
    }
}

/// A graph, node by node. Every name in it comes from `names`, and is passed on, never put together a second time.
pub struct Builder<'a> {
    names: Names,
    nodes: Vec<Node>,
    initializers: Vec<Tensor>,
    /// Names of the constants that are initializers already.
    constants: HashMap<&'static str, String>,
    tensors: HashMap<&'a str, &'a NamedTensor>,
    /// Places of the initializers of variables, by the names that were wanted for them.
    stored: HashMap<String, usize>,
    /// Name of the layer whose variables that layer uses.
    pub owner: String,
    /// Name of the layer that the next nodes belong to, as the user wrote it.
    pub layer: String,
}

impl<'a> Builder<'a> {
    /// A graph without nodes for a network with these parameters, and the name of its input.
    pub fn new(tensors: &'a [NamedTensor]) -> (Self, String) {
        let mut names = Names::default();
        let input = names.unique("images");
        let builder = Self {
            names,
            nodes: Vec::new(),
            initializers: Vec::new(),
            constants: HashMap::new(),
            tensors: tensors.iter().map(|tensor| (tensor.name.as_str(), tensor)).collect(),
            stored: HashMap::new(),
            owner: String::new(),
            layer: String::new(),
        };
        (builder, input)
    }

    /// A name that nothing else has.
    pub fn name(&mut self, wanted: &str) -> String {
        self.names.unique(wanted)
    }

    /// The nodes and tensors. What the last node computes is called `output`.
    pub fn finish(mut self, output: &str) -> (Vec<Node>, Vec<Tensor>) {
        // A row of numbers can't come from an image without a node.
        if let Some(node) = self.nodes.last_mut() {
            node.outputs = vec![output.into()];
        }
        (self.nodes, self.initializers)
    }

    /// The name of a value with its axes in the order `layout`, in which only images can be.
    pub fn read(&mut self, value: &mut Held, layout: Layout) -> String {
        let (part, order, wanted, other) = match layout {
            ChannelsFirst if value.shape.len() == 3 => ("/nchw", [0, 3, 1, 2], &mut value.first, &value.last),
            _ => ("/nhwc", [0, 2, 3, 1], &mut value.last, &value.first),
        };
        if let Some(name) = wanted {
            return name.clone();
        }
        let inputs = other.iter().cloned().collect();
        let name = self.node(part, "Transpose", inputs, vec![Attribute::ints("perm", &order)]);
        wanted.insert(name).clone()
    }

    /// Adds a node for a `part` of the layer, and gives the name of what it computes.
    pub fn node(&mut self, part: &str, operation: &str, inputs: Vec<String>, attributes: Vec<Attribute>) -> String {
        let name = self.names.unique(&format!("{}{part}", self.layer));
        let (outputs, op_type, doc_string) = (vec![name.clone()], operation.into(), self.layer.clone());
        self.nodes.push(Node { inputs, outputs, name: name.clone(), op_type, attributes, doc_string });
        name
    }

    /// A variable of the layer.
    pub fn variable(&self, variable: &str) -> Option<&'a NamedTensor> {
        self.tensors.get(format!("{}/{variable}", self.owner).as_str()).copied()
    }

    /// Adds a variable of the layer as it is, if the layer has it.
    pub fn parameter(&mut self, variable: &str) -> Option<String> {
        let tensor = self.variable(variable)?;
        Some(self.variable_floats(variable, &tensor.shape, &tensor.values))
    }

    /// Adds the elements of a variable of the layer in some order, unless another layer that uses it has added the same.
    pub fn variable_floats(&mut self, variable: &str, shape: &[usize], values: &[f32]) -> String {
        let wanted = format!("{}/{variable}", self.owner);
        let dims: Vec<i64> = shape.iter().map(|size| *size as i64).collect();
        if let Some(stored) = self.stored.get(&wanted).map(|place| &self.initializers[*place])
            && stored.dims == dims
        {
            return stored.name.clone();
        }
        self.stored.insert(wanted.clone(), self.initializers.len());
        self.floats(&wanted, shape, values)
    }

    /// Adds a vector of `len` elements that belongs to the layer: a variable, or where it has none, always `value`.
    pub fn vector(&mut self, variable: &str, len: usize, value: f32) -> String {
        self.parameter(variable).unwrap_or_else(|| self.variable_floats(variable, &[len], &vec![value; len]))
    }

    /// Adds a constant, once, and gives its name.
    pub fn scalar(&mut self, constant: &'static str, value: f32) -> String {
        if let Some(name) = self.constants.get(constant) {
            return name.clone();
        }
        let name = self.floats(&format!("constant/{constant}"), &[], &[value]);
        self.constants.insert(constant, name.clone());
        name
    }

    /// Adds a tensor of floats, and gives its name.
    pub fn floats(&mut self, wanted: &str, shape: &[usize], values: &[f32]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(wanted, shape, FLOAT, bytes)
    }

    /// Adds a list of whole numbers for a `part` of the layer, and gives its name.
    pub fn integers(&mut self, part: &str, values: &[i64]) -> String {
        let bytes = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        self.initializer(&format!("{}{part}", self.layer), &[values.len()], INT64, bytes)
    }

    fn initializer(&mut self, wanted: &str, shape: &[usize], data_type: i32, raw_data: Vec<u8>) -> String {
        let name = self.names.unique(wanted);
        let dims = shape.iter().map(|size| *size as i64).collect();
        self.initializers.push(Tensor { dims, data_type, name: name.clone(), raw_data });
        name
    }
}
