//! Networks as ONNX files, which answer to images `[N, h, w, c]` of numbers from 0 to 255.

mod activations;
mod convolutions;
mod graph;
mod layers;
mod names;
mod normalizations;
mod proto;

use prost::Message;

use super::{ExchangeError, Weights};
use crate::model::{Activation, Value};
use graph::{Builder, Held};
use proto::{
    Dimension, Extent, FLOAT, Graph, Model, OperatorSet, StringEntry, TensorShape, TensorType, Type, ValueInfo,
};

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
        let (mut builder, input) = Builder::new(&self.tensors);
        let output = builder.name(match model.final_activation() {
            Activation::Softmax | Activation::Sigmoid => "probabilities",
            _ => "logits",
        });
        let mut image = Held::channels_last(&model.input(), input.clone());
        let mut values: Vec<Held> = Vec::new();
        let mut shape = model.input().to_vec();
        for (place, (node, inferred)) in model.nodes().iter().zip(model.infer()?).enumerate() {
            // What was transposed for one reader is there for the others.
            let mut inputs: Vec<Held> = Vec::new();
            for value in &node.inputs {
                inputs.push(match *value {
                    Value::Image => image.clone(),
                    Value::Layer(place) => values[place].clone(),
                });
            }
            shape = inferred.shape.dims().to_vec();
            builder.owner.clone_from(&model.nodes()[model.owner(place)].name);
            let value = builder.layer(node, &mut inputs, &shape);
            for (value, held) in node.inputs.iter().zip(inputs) {
                match *value {
                    Value::Image => image = held,
                    Value::Layer(place) => values[place] = held,
                }
            }
            values.push(value);
        }
        let (nodes, initializers) = builder.finish(&output);
        let class_names = serde_json::to_string(&self.class_names)
            .map_err(|error| ExchangeError::Unstorable { tensor: "class names".into(), reason: error.to_string() })?;
        let graph = Graph {
            nodes,
            name: "network".into(),
            initializers,
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

/// The description of a float32 value of `shape` for each image.
fn value_info(name: &str, shape: &[usize]) -> ValueInfo {
    let sizes = shape.iter().map(|size| Extent::Value(*size as i64));
    let extents = std::iter::once(Extent::Parameter("N".into())).chain(sizes);
    let dims = extents.map(|extent| Dimension { extent: Some(extent) }).collect();
    let tensor = TensorType { element_type: FLOAT, shape: Some(TensorShape { dims }) };
    ValueInfo { name: name.into(), kind: Some(Type { tensor: Some(tensor) }) }
}
