//! Networks as ONNX files, which answer to images `[N, h, w, c]` of numbers from 0 to 255.

use std::collections::HashMap;

use prost::Message;

use super::onnx_names::Names;
use super::onnx_proto::{
    Attribute, Dimension, Extent, FLOAT, Graph, Model, Node, OperatorSet, StringEntry, Tensor, TensorShape, TensorType,
    Type, ValueInfo,
};
use super::{ExchangeError, Weights};
use crate::model::layers::{AveragePooling2d, Conv2d, MaxPooling2d};
use crate::model::{self, Activation, Layer, NamedTensor, Value};
use crate::ops::{Padding, PixelScale};

/// Version of ONNX's operators. Only version 20 and later have Gelu, but fewer programs read those.
const OPSET: i64 = 17;
/// Version of the format that came with these operators.
const IR_VERSION: i64 = 8;
/// Most bytes of a protocol buffer.
const MOST_BYTES: usize = i32::MAX as usize;

impl Weights {
    /// The network as an ONNX file of operator set 17. Its input `images` is `[N, h, w, c]`, pixels from 0 to 255; its
    /// output is `logits` `[N, classes]`, or `probabilities` where the network ends in softmax or sigmoid. Names of the
    /// classes are in the metadata as a JSON list, `class_names`. Names of layers become C identifiers, each in its
    /// node's `doc_string` as it was.
    ///
    /// # Errors
    /// [`ExchangeError::NoModel`], [`ExchangeError::Misfit`], [`ExchangeError::Model`] for an output that is not a row,
    /// and [`ExchangeError::Unstorable`] for more than 2 GB.
    pub fn to_onnx(&self) -> Result<Vec<u8>, ExchangeError> {
        let model = self.model.as_ref().ok_or(ExchangeError::NoModel)?;
        self.check_fit(model)?;
        model.classes()?;
        if self.tensors.iter().map(|tensor| 4 * tensor.values.len()).sum::<usize>() > MOST_BYTES {
            let reason = "ONNX takes 2 GB at most; export it as safetensors".into();
            return Err(ExchangeError::Unstorable { tensor: "weights".into(), reason });
        }
        let mut network = Network::default();
        let input = network.value.clone();
        let output = network.names.unique(match model.final_activation() {
            Activation::Softmax | Activation::Sigmoid => "probabilities",
            _ => "logits",
        });
        let mut shape = model.input().to_vec();
        let mut before = Value::Image;
        for (place, (node, inferred)) in model.nodes().iter().zip(model.infer()?).enumerate() {
            if node.inputs != [std::mem::replace(&mut before, Value::Layer(place))] {
                return Err(ExchangeError::NotInRow { layer: node.name.clone() });
            }
            network.layer(node, &shape, inferred.shape.dims(), &self.tensors)?;
            shape = inferred.shape.dims().to_vec();
        }
        // An image can't become a row without a node.
        if let Some(node) = network.nodes.last_mut() {
            node.outputs = vec![output.clone()];
        }
        let class_names = serde_json::to_string(&self.class_names)
            .map_err(|error| ExchangeError::Unstorable { tensor: "class names".into(), reason: error.to_string() })?;
        let graph = Graph {
            nodes: network.nodes,
            name: "sequential".into(),
            initializers: network.initializers,
            inputs: vec![value_info(&input, &model.input())],
            outputs: vec![value_info(&output, &shape)],
        };
        let onnx = Model {
            ir_version: IR_VERSION,
            producer_name: env!("CARGO_PKG_NAME").into(),
            producer_version: env!("CARGO_PKG_VERSION").into(),
            graph: Some(graph),
            opset_import: vec![OperatorSet { version: OPSET }],
            metadata: vec![StringEntry { key: "class_names".into(), value: class_names }],
        };
        Ok(onnx.encode_to_vec())
    }
}

/// Order of an image's axes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// The order in wgrad, in Keras and in the file's input.
    Nhwc,
    /// The order in ONNX's convolutions and pools.
    Nchw,
}

/// A graph, node by node. Every name in it comes from `names`, and is passed on, never put together a second time.
struct Network {
    names: Names,
    nodes: Vec<Node>,
    initializers: Vec<Tensor>,
    /// Names of the constants that are initializers already.
    constants: HashMap<&'static str, String>,
    /// Name of the layer that the next nodes belong to, as the user wrote it.
    layer: String,
    /// Name of the value that the next node reads.
    value: String,
    layout: Layout,
}

impl Default for Network {
    fn default() -> Self {
        let mut names = Names::default();
        let value = names.unique("images");
        Self {
            names,
            nodes: Vec::new(),
            initializers: Vec::new(),
            constants: HashMap::new(),
            layer: String::new(),
            value,
            layout: Layout::Nhwc,
        }
    }
}

impl Network {
    /// Adds a layer of `input` and `output`, without the batch.
    fn layer(
        &mut self,
        node: &model::Node,
        input: &[usize],
        output: &[usize],
        tensors: &[NamedTensor],
    ) -> Result<(), ExchangeError> {
        self.layer = node.name.clone();
        match &node.layer {
            Layer::Conv2d(Conv2d { kernel_size, strides, padding, .. }) => {
                self.transpose(Layout::Nchw);
                let pads = pads(*padding, input, output, kernel_size, strides);
                let parameters = self.parameters(tensors);
                let attributes = vec![
                    Attribute::ints("kernel_shape", kernel_size),
                    Attribute::ints("strides", strides),
                    Attribute::ints("pads", &pads),
                ];
                self.node("", "Conv", &parameters, attributes);
            }
            Layer::MaxPooling2d(MaxPooling2d { pool_size, strides, padding }) => {
                let strides = strides.unwrap_or(*pool_size);
                let pads = pads(*padding, input, output, pool_size, &strides);
                self.pool("MaxPool", pool_size, &strides, &pads);
            }
            Layer::AveragePooling2d(AveragePooling2d { pool_size, strides, padding }) => {
                let strides = strides.unwrap_or(*pool_size);
                let pads = pads(*padding, input, output, pool_size, &strides);
                self.pool("AveragePool", pool_size, &strides, &pads);
            }
            Layer::GlobalAveragePooling2d(layer) => self.global_pool("/mean", "GlobalAveragePool", layer.keepdims),
            Layer::GlobalMaxPooling2d(layer) => self.global_pool("/max", "GlobalMaxPool", layer.keepdims),
            Layer::Flatten(_) => {
                self.transpose(Layout::Nhwc);
                self.node("", "Flatten", &[], vec![Attribute::int("axis", 1)]);
            }
            Layer::Dense(_) if output.len() > 1 => {
                return Err(ExchangeError::NoLayer { layer: node.name.clone(), kind: "dense layer of images" });
            }
            Layer::Dense(_) => {
                let parameters = self.parameters(tensors);
                self.node("", "Gemm", &parameters, Vec::new());
            }
            // Dropout acts in training only.
            Layer::Rescaling(_) | Layer::Normalization(_) => {
                if let Some(affine) = node.layer.affine(input.last().copied().unwrap_or(1)) {
                    self.affine(&affine);
                }
            }
            Layer::Dropout(_) | Layer::Activation(_) => {}
            Layer::ZeroPadding2d(_)
            | Layer::Reshape(_)
            | Layer::DepthwiseConv2d(_)
            | Layer::SeparableConv2d(_)
            | Layer::LeakyRelu(_)
            | Layer::Relu(_)
            | Layer::BatchNormalization(_)
            | Layer::LayerNormalization(_)
            | Layer::GroupNormalization(_) => {
                return Err(ExchangeError::NoLayer { layer: node.name.clone(), kind: node.layer.keras_names()[0] });
            }
            Layer::Add(_) | Layer::Multiply(_) | Layer::Concatenate(_) => {
                return Err(ExchangeError::NotInRow { layer: node.name.clone() });
            }
        }
        self.activation(node.layer.activation())
    }

    /// Multiplies and adds a number for each channel, which is the last axis.
    fn affine(&mut self, PixelScale { scale, offset }: &PixelScale) {
        self.transpose(Layout::Nhwc);
        for (part, operation, numbers) in [("scale", "Mul", scale), ("offset", "Add", offset)] {
            let values: Vec<f32> = numbers.iter().map(|number| *number as f32).collect();
            if operation == "Add" && values.iter().all(|value| *value == 0.0) {
                continue;
            }
            let numbers = self.initializer(&format!("{}/{part}", self.layer), &[values.len()], &values);
            self.node(&format!("/{part}d"), operation, &[numbers], Vec::new());
        }
    }

    fn pool(&mut self, operation: &str, pool_size: &[usize; 2], strides: &[usize; 2], pads: &[usize; 4]) {
        self.transpose(Layout::Nchw);
        let mut attributes = vec![Attribute::ints("kernel_shape", pool_size), Attribute::ints("strides", strides)];
        // The border does not count in averages, which is ONNX's default.
        if *pads != [0; 4] {
            attributes.push(Attribute::ints("pads", pads));
        }
        self.node("", operation, &[], attributes);
    }

    fn global_pool(&mut self, part: &str, operation: &str, keepdims: bool) {
        self.transpose(Layout::Nchw);
        if keepdims {
            return self.node("", operation, &[], Vec::new());
        }
        self.node(part, operation, &[], Vec::new());
        self.node("", "Flatten", &[], vec![Attribute::int("axis", 1)]);
        self.layout = Layout::Nhwc;
    }

    fn activation(&mut self, activation: Activation) -> Result<(), ExchangeError> {
        match activation {
            Activation::Linear => {}
            Activation::Relu => self.node("/relu", "Relu", &[], Vec::new()),
            Activation::Tanh => self.node("/tanh", "Tanh", &[], Vec::new()),
            Activation::Sigmoid => self.node("/sigmoid", "Sigmoid", &[], Vec::new()),
            Activation::Softmax => {
                self.transpose(Layout::Nhwc);
                self.node("/softmax", "Softmax", &[], vec![Attribute::int("axis", -1)]);
            }
            Activation::Relu6
            | Activation::LeakyRelu
            | Activation::Silu
            | Activation::HardSigmoid
            | Activation::HardSilu => {
                return Err(ExchangeError::NoLayer { layer: self.layer.clone(), kind: activation.keras_name() });
            }
            // x (1 + erf(x / sqrt(2))) / 2
            Activation::Gelu => {
                let x = self.value.clone();
                let [root, one, half] =
                    [("root_of_half", std::f32::consts::FRAC_1_SQRT_2), ("one", 1.0), ("half", 0.5)]
                        .map(|(constant, value)| self.scalar(constant, value));
                self.node("/gelu/scaled", "Mul", &[root], Vec::new());
                self.node("/gelu/erf", "Erf", &[], Vec::new());
                self.node("/gelu/plus_one", "Add", &[one], Vec::new());
                self.node("/gelu/times_x", "Mul", &[x], Vec::new());
                self.node("/gelu", "Mul", &[half], Vec::new());
            }
        }
        Ok(())
    }

    /// Brings the axes of an image into the order `layout`.
    fn transpose(&mut self, layout: Layout) {
        // A row has only one axis, so that it is in the layout of the input.
        if self.layout == layout {
            return;
        }
        let (part, order) = match layout {
            Layout::Nchw => ("/nchw", [0, 3, 1, 2]),
            Layout::Nhwc => ("/nhwc", [0, 2, 3, 1]),
        };
        self.node(part, "Transpose", &[], vec![Attribute::ints("perm", &order)]);
        self.layout = layout;
    }

    /// Adds a node for a `part` of the layer, which reads the value of the node before, and `inputs`.
    fn node(&mut self, part: &str, operation: &str, inputs: &[String], attributes: Vec<Attribute>) {
        let name = self.names.unique(&format!("{}{part}", self.layer));
        let mut all = vec![std::mem::replace(&mut self.value, name.clone())];
        all.extend_from_slice(inputs);
        let (outputs, op_type, doc_string) = (vec![name.clone()], operation.into(), self.layer.clone());
        self.nodes.push(Node { inputs: all, outputs, name, op_type, attributes, doc_string });
    }

    /// Adds the layer's kernel and bias, and gives their names.
    fn parameters(&mut self, tensors: &[NamedTensor]) -> Vec<String> {
        let mut names = Vec::new();
        for variable in ["kernel", "bias"] {
            let name = format!("{}/{variable}", self.layer);
            let tensor = tensors.iter().find(|tensor| tensor.name == name);
            names.extend(tensor.map(|tensor| match tensor.shape[..] {
                [h, w, c, filters] => {
                    let values = to_oihw(&tensor.values, h * w, c, filters);
                    self.initializer(&name, &[filters, c, h, w], &values)
                }
                _ => self.initializer(&name, &tensor.shape, &tensor.values),
            }));
        }
        names
    }

    /// Adds a constant, once, and gives its name.
    fn scalar(&mut self, constant: &'static str, value: f32) -> String {
        if let Some(name) = self.constants.get(constant) {
            return name.clone();
        }
        let name = self.initializer(&format!("constant/{constant}"), &[], &[value]);
        self.constants.insert(constant, name.clone());
        name
    }

    /// Adds a tensor, and gives its name.
    fn initializer(&mut self, wanted: &str, shape: &[usize], values: &[f32]) -> String {
        let name = self.names.unique(wanted);
        self.initializers.push(Tensor {
            dims: shape.iter().map(|size| *size as i64).collect(),
            data_type: FLOAT,
            name: name.clone(),
            raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        });
        name
    }
}

/// The border `[top, left, bottom, right]` of windows over `input` `[h, w, ..]`, which make `output` `[oh, ow, ..]`.
fn pads(padding: Padding, input: &[usize], output: &[usize], window: &[usize; 2], strides: &[usize; 2]) -> [usize; 4] {
    let [[top, bottom], [left, right]] = [0, 1].map(|axis| match padding {
        Padding::Valid => [0, 0],
        Padding::Same => {
            let covered = (output[axis] - 1) * strides[axis] + window[axis];
            let padding = covered.saturating_sub(input[axis]);
            [padding / 2, padding.div_ceil(2)]
        }
    });
    [top, left, bottom, right]
}

/// A kernel `[cells, c, filters]` as `[filters, c, cells]`.
fn to_oihw(values: &[f32], cells: usize, c: usize, filters: usize) -> Vec<f32> {
    let mut transposed = Vec::with_capacity(values.len());
    for filter in 0..filters {
        for channel in 0..c {
            transposed.extend((0..cells).map(|cell| values[(cell * c + channel) * filters + filter]));
        }
    }
    transposed
}

/// The description of a float32 value of `shape` for each image.
fn value_info(name: &str, shape: &[usize]) -> ValueInfo {
    let sizes = shape.iter().map(|size| Extent::Value(*size as i64));
    let extents = std::iter::once(Extent::Parameter("N".into())).chain(sizes);
    let dims = extents.map(|extent| Dimension { extent: Some(extent) }).collect();
    let tensor = TensorType { element_type: FLOAT, shape: Some(TensorShape { dims }) };
    ValueInfo { name: name.into(), kind: Some(Type { tensor: Some(tensor) }) }
}
