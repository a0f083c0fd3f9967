//! Networks as ONNX files: inference of images `[N, h, w, c]`, 0 to 1.

use prost::Message;

use super::onnx_proto::{
    Attribute, Dimension, Extent, FLOAT, Graph, Model, Node, OperatorSet, StringEntry, Tensor, TensorShape, TensorType,
    Type, ValueInfo,
};
use super::{ExchangeError, Weights};
use crate::model::{Activation, Layer, NamedTensor};
use crate::ops::Padding;

/// Version of ONNX's operators: Gelu comes with 20 only, which fewer programs read.
const OPSET: i64 = 17;
/// Version of the format that came with them.
const IR_VERSION: i64 = 8;
/// Most bytes of a protocol buffer.
const MOST_BYTES: usize = i32::MAX as usize;

impl Weights {
    /// The network as an ONNX file of operator set 17. Its input `images` is `[N, h, w, c]`, pixels divided by 255; its
    /// output is `logits` `[N, classes]`, or `probabilities` where the network ends in softmax or sigmoid. Names of the classes
    /// are in the metadata as a JSON list, `class_names`.
    ///
    /// # Errors
    /// [`ExchangeError::NoModel`], [`ExchangeError::Misfit`], and [`ExchangeError::Unstorable`] for more than 2 GB.
    pub fn to_onnx(&self) -> Result<Vec<u8>, ExchangeError> {
        let model = self.model.as_ref().ok_or(ExchangeError::NoModel)?;
        self.check_fit(model)?;
        if self.tensors.iter().map(|tensor| 4 * tensor.values.len()).sum::<usize>() > MOST_BYTES {
            let reason = "ONNX takes 2 GB at most; export it as safetensors".into();
            return Err(ExchangeError::Unstorable { tensor: "weights".into(), reason });
        }
        let mut network = Network::default();
        let mut shape = model.input().to_vec();
        for ((name, layer), line) in model.layers().zip(model.summary()?) {
            network.layer(&name, layer, &shape, line.output_shape.dims(), &self.tensors);
            shape = line.output_shape.dims().to_vec();
        }
        let output = match model.final_activation() {
            Activation::Softmax | Activation::Sigmoid => "probabilities",
            _ => "logits",
        };
        if let Some(node) = network.nodes.last_mut() {
            node.outputs = vec![output.into()];
        }
        let class_names = serde_json::to_string(&self.class_names)
            .map_err(|error| ExchangeError::Unstorable { tensor: "class names".into(), reason: error.to_string() })?;
        let graph = Graph {
            nodes: network.nodes,
            name: "sequential".into(),
            initializers: network.initializers,
            inputs: vec![value_info(INPUT, &model.input())],
            outputs: vec![value_info(output, &shape)],
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

const INPUT: &str = "images";

/// Order of an image's axes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Layout {
    /// wgrad's, Keras's and that of the input.
    Nhwc,
    /// That of ONNX's convolutions and pools.
    Nchw,
}

/// A graph, node by node.
struct Network {
    nodes: Vec<Node>,
    initializers: Vec<Tensor>,
    /// What the next node reads.
    value: String,
    layout: Layout,
}

impl Default for Network {
    fn default() -> Self {
        Self { nodes: Vec::new(), initializers: Vec::new(), value: INPUT.into(), layout: Layout::Nhwc }
    }
}

impl Network {
    /// Adds a layer of `input` and `output`, without the batch.
    fn layer(&mut self, name: &str, layer: &Layer, input: &[usize], output: &[usize], tensors: &[NamedTensor]) {
        match layer {
            Layer::Conv2d { kernel_size, strides, padding, .. } => {
                self.transpose(name, Layout::Nchw);
                let [[top, bottom], [left, right]] = [0, 1].map(|axis| match padding {
                    Padding::Valid => [0, 0],
                    Padding::Same => {
                        let covered = (output[axis] - 1) * strides[axis] + kernel_size[axis];
                        let padding = covered.saturating_sub(input[axis]);
                        [padding / 2, padding.div_ceil(2)]
                    }
                });
                let parameters = self.parameters(name, tensors);
                let attributes = vec![
                    Attribute::ints("kernel_shape", kernel_size),
                    Attribute::ints("strides", strides),
                    Attribute::ints("pads", &[top, left, bottom, right]),
                ];
                self.node(name, "Conv", &parameters, attributes);
            }
            Layer::MaxPooling2d { pool_size, strides } => self.pool(name, "MaxPool", pool_size, strides),
            Layer::AveragePooling2d { pool_size, strides } => self.pool(name, "AveragePool", pool_size, strides),
            Layer::GlobalAveragePooling2d {} => {
                self.transpose(name, Layout::Nchw);
                self.node(&format!("{name}/mean"), "GlobalAveragePool", &[], Vec::new());
                self.node(name, "Flatten", &[], vec![Attribute::int("axis", 1)]);
                self.layout = Layout::Nhwc;
            }
            Layer::Flatten {} => {
                self.transpose(name, Layout::Nhwc);
                self.node(name, "Flatten", &[], vec![Attribute::int("axis", 1)]);
            }
            Layer::Dense { .. } => {
                let parameters = self.parameters(name, tensors);
                self.node(name, "Gemm", &parameters, Vec::new());
            }
            // Only training drops.
            Layer::Dropout { .. } | Layer::Activation { .. } => {}
        }
        self.activation(name, layer.activation());
    }

    fn pool(&mut self, name: &str, operation: &str, pool_size: &[usize; 2], strides: &Option<[usize; 2]>) {
        self.transpose(name, Layout::Nchw);
        let strides = strides.as_ref().unwrap_or(pool_size);
        let attributes = vec![Attribute::ints("kernel_shape", pool_size), Attribute::ints("strides", strides)];
        self.node(name, operation, &[], attributes);
    }

    fn activation(&mut self, layer: &str, activation: Activation) {
        let name = format!("{layer}/{}", activation.keras_name());
        match activation {
            Activation::Linear => {}
            Activation::Relu => self.node(&name, "Relu", &[], Vec::new()),
            Activation::Tanh => self.node(&name, "Tanh", &[], Vec::new()),
            Activation::Sigmoid => self.node(&name, "Sigmoid", &[], Vec::new()),
            Activation::Softmax => self.node(&name, "Softmax", &[], vec![Attribute::int("axis", -1)]),
            // x (1 + erf(x / sqrt(2))) / 2
            Activation::Gelu => {
                let x = self.value.clone();
                let [root, one, half] =
                    [("root_of_half", std::f32::consts::FRAC_1_SQRT_2), ("one", 1.0), ("half", 0.5)]
                        .map(|(constant, value)| self.scalar(constant, value));
                self.node(&format!("{name}/scaled"), "Mul", &[root], Vec::new());
                self.node(&format!("{name}/erf"), "Erf", &[], Vec::new());
                self.node(&format!("{name}/plus_one"), "Add", &[one], Vec::new());
                self.node(&format!("{name}/times_x"), "Mul", &[x], Vec::new());
                self.node(&name, "Mul", &[half], Vec::new());
            }
        }
    }

    /// Brings the axes of an image into order.
    fn transpose(&mut self, layer: &str, layout: Layout) {
        // A row has one axis: its layout is the input's.
        if self.layout == layout {
            return;
        }
        let (name, order) = match layout {
            Layout::Nchw => ("nchw", [0, 3, 1, 2]),
            Layout::Nhwc => ("nhwc", [0, 2, 3, 1]),
        };
        self.node(&format!("{layer}/{name}"), "Transpose", &[], vec![Attribute::ints("perm", &order)]);
        self.layout = layout;
    }

    /// Adds a node that reads the value of the one before, and `inputs`.
    fn node(&mut self, name: &str, operation: &str, inputs: &[String], attributes: Vec<Attribute>) {
        let mut all = vec![std::mem::replace(&mut self.value, name.into())];
        all.extend_from_slice(inputs);
        let (outputs, op_type) = (vec![name.into()], operation.into());
        self.nodes.push(Node { inputs: all, outputs, name: name.into(), op_type, attributes });
    }

    /// Adds a layer's kernel and bias, and gives their names.
    fn parameters(&mut self, layer: &str, tensors: &[NamedTensor]) -> Vec<String> {
        let names = ["kernel", "bias"].map(|variable| format!("{layer}/{variable}"));
        for tensor in names.iter().filter_map(|name| tensors.iter().find(|tensor| tensor.name == *name)) {
            match tensor.shape[..] {
                [h, w, c, filters] => {
                    let values = to_oihw(&tensor.values, h * w, c, filters);
                    self.initializer(&tensor.name, &[filters, c, h, w], &values);
                }
                _ => self.initializer(&tensor.name, &tensor.shape, &tensor.values),
            }
        }
        names.to_vec()
    }

    /// Adds a constant, once, and gives its name.
    fn scalar(&mut self, name: &str, value: f32) -> String {
        let name = format!("constant/{name}");
        if !self.initializers.iter().any(|tensor| tensor.name == name) {
            self.initializer(&name, &[], &[value]);
        }
        name
    }

    fn initializer(&mut self, name: &str, shape: &[usize], values: &[f32]) {
        self.initializers.push(Tensor {
            dims: shape.iter().map(|size| *size as i64).collect(),
            data_type: FLOAT,
            name: name.into(),
            raw_data: values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        });
    }
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

/// A float32 of `shape` for each image.
fn value_info(name: &str, shape: &[usize]) -> ValueInfo {
    let sizes = shape.iter().map(|size| Extent::Value(*size as i64));
    let extents = std::iter::once(Extent::Parameter("N".into())).chain(sizes);
    let dims = extents.map(|extent| Dimension { extent: Some(extent) }).collect();
    let tensor = TensorType { element_type: FLOAT, shape: Some(TensorShape { dims }) };
    ValueInfo { name: name.into(), kind: Some(Type { tensor: Some(tensor) }) }
}
