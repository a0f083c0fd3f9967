//! What a layer of a functional model reads, each time that it is called.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use super::options::{parse, start};

/// A call of a layer.
#[derive(Debug, Default, PartialEq)]
pub struct Call {
    /// What it reads.
    pub inputs: Vec<Source>,
    /// The number that it reads beside them, if there is one.
    pub constant: Option<Constant>,
    /// Whether it does what it does in inference, also in training.
    pub inference: bool,
}

/// A number among the arguments of a call, as in `x + 3`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Constant {
    /// The number.
    pub value: f64,
    /// Whether it stands before the tensor.
    pub is_first: bool,
}

/// The output of a layer's call.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// The layer.
    pub layer: String,
    /// Which of its calls.
    pub call: usize,
}

/// A call as Keras 3 writes it.
#[derive(Deserialize)]
struct Arguments<'a> {
    #[serde(borrow)]
    args: Vec<&'a RawValue>,
    #[serde(borrow)]
    kwargs: BTreeMap<String, &'a RawValue>,
}

/// A tensor among the arguments.
#[derive(Deserialize)]
struct Tensor {
    class_name: String,
    config: TensorConfig,
}

#[derive(Deserialize)]
struct TensorConfig {
    keras_history: History,
}

/// A layer, its call, and which of its outputs.
#[derive(Deserialize)]
struct History(String, usize, usize);

impl History {
    fn source(self) -> Result<Source, String> {
        let Self(layer, call, output) = self;
        match output {
            0 => Ok(Source { layer, call }),
            _ => Err(format!("it reads output {output} of `{layer}`, but layers of wgrad have one output")),
        }
    }
}

/// Reads the calls of a layer.
///
/// # Errors
/// What wgrad can't do with an argument, in words.
pub fn calls(nodes: Option<&RawValue>) -> Result<Vec<Call>, String> {
    let Some(nodes) = nodes else { return Ok(Vec::new()) };
    let nodes: Vec<&RawValue> = parse(nodes).ok_or_else(|| format!("`inbound_nodes` is {}", start(nodes)))?;
    nodes.into_iter().map(|node| if node.get().starts_with('[') { keras_2(node) } else { keras_3(node) }).collect()
}

fn keras_3(node: &RawValue) -> Result<Call, String> {
    let wrong = || format!("its call is {}", start(node));
    let Arguments { args, kwargs } = parse(node).ok_or_else(wrong)?;
    let mut call = Call { inference: options(&kwargs)?, ..Call::default() };
    for argument in args {
        if let Some(value) = parse(argument) {
            let constant = Constant { value, is_first: call.inputs.is_empty() };
            if call.constant.replace(constant).is_some() {
                return Err("it reads two numbers".into());
            }
            continue;
        }
        let list = argument.get().starts_with('[');
        let tensors = if list { parse(argument).ok_or_else(wrong)? } else { vec![argument] };
        for tensor in tensors {
            call.inputs.push(source(tensor)?);
        }
    }
    Ok(call)
}

fn source(tensor: &RawValue) -> Result<Source, String> {
    match parse(tensor) {
        Some(Tensor { class_name, config }) if class_name == "__keras_tensor__" => config.keras_history.source(),
        _ => Err(format!("it reads {}; layers of wgrad read outputs of layers only", start(tensor))),
    }
}

/// Keras 2 wrote a list `[layer, call, output, options]` for each input.
fn keras_2(node: &RawValue) -> Result<Call, String> {
    #[derive(Deserialize)]
    struct Input<'a>(String, usize, usize, #[serde(borrow)] BTreeMap<String, &'a RawValue>);
    let inputs: Vec<Input> = parse(node).ok_or_else(|| format!("its call is {}", start(node)))?;
    let mut call = Call::default();
    for Input(layer, place, output, kwargs) in inputs {
        call.inference |= options(&kwargs)?;
        call.inputs.push(History(layer, place, output).source()?);
    }
    Ok(call)
}

/// Whether the options of a call ask for inference. Other options are an error.
fn options(kwargs: &BTreeMap<String, &RawValue>) -> Result<bool, String> {
    let mut inference = false;
    for (option, value) in kwargs {
        match (option.as_str(), value.get()) {
            (_, "null") | ("training", "true") => {}
            ("training", "false") => inference = true,
            _ => return Err(format!("it is called with `{option}`={}, which wgrad has not", start(value))),
        }
    }
    Ok(inference)
}

/// What the input or output of a model is: one place, in a list or alone.
///
/// # Errors
/// Another number of them, in words.
pub fn only_one(places: &RawValue, what: &str) -> Result<Source, String> {
    let one = |History(layer, call, output)| History(layer, call, output).source();
    if let Some(history) = parse(places) {
        return one(history);
    }
    match parse::<Vec<History>>(places) {
        Some(mut all) if all.len() == 1 => all.pop().map_or_else(|| Err(String::new()), one),
        Some(all) => Err(format!("it has {} {what}s, but wgrad has networks with one", all.len())),
        None => Err(format!("its {what} is {}, not one layer", start(places))),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn read(nodes: &Value) -> Result<Vec<Call>, String> {
        let text = nodes.to_string();
        calls(Some(serde_json::from_str(&text).unwrap()))
    }

    fn tensor(layer: &str, call: usize, output: usize) -> Value {
        json!({ "class_name": "__keras_tensor__", "config": { "shape": [null, 4], "keras_history": [layer, call, output] } })
    }

    fn call(inputs: &[(&str, usize)], inference: bool) -> Call {
        let inputs = inputs.iter().map(|(layer, call)| Source { layer: (*layer).into(), call: *call });
        Call { inputs: inputs.collect(), constant: None, inference }
    }

    fn with_number(value: f64, is_first: bool) -> Call {
        Call { constant: Some(Constant { value, is_first }), ..call(&[("a", 0)], false) }
    }

    #[test]
    fn calls_of_both_versions_are_read() {
        let [a, b] = [tensor("a", 0, 0), tensor("b", 1, 0)];
        for (nodes, wanted) in [
            (json!([]), vec![]),
            (json!([{ "args": [a], "kwargs": { "mask": null } }]), vec![call(&[("a", 0)], false)]),
            (json!([{ "args": [[a, b]], "kwargs": { "training": false } }]), vec![call(&[("a", 0), ("b", 1)], true)]),
            (json!([{ "args": [a, b], "kwargs": {} }]), vec![call(&[("a", 0), ("b", 1)], false)]),
            (json!([{ "args": [a, 2], "kwargs": {} }]), vec![with_number(2.0, false)]),
            (json!([{ "args": [0.5, a], "kwargs": {} }]), vec![with_number(0.5, true)]),
            (
                json!([[["a", 0, 0, {}], ["b", 1, 0, {}]], [["a", 0, 0, { "training": false }]]]),
                vec![call(&[("a", 0), ("b", 1)], false), call(&[("a", 0)], true)],
            ),
        ] {
            assert_eq!(read(&nodes).unwrap(), wanted);
        }
    }

    #[test]
    fn other_arguments_are_refused() {
        for (nodes, words) in [
            (json!([{ "args": [tensor("a", 0, 1)], "kwargs": {} }]), "output 1 of `a`"),
            (json!([{ "args": [[2.5]], "kwargs": {} }]), "reads 2.5"),
            (json!([{ "args": [2.5, tensor("a", 0, 0), 3], "kwargs": {} }]), "two numbers"),
            (json!([{ "args": ["2.5"], "kwargs": {} }]), "reads \"2.5\""),
            (json!([{ "args": [tensor("a", 0, 0)], "kwargs": { "x": 3 } }]), "`x`=3"),
            (json!([{ "args": 3 }]), "its call is"),
            (json!([[["a", 0]]]), "its call is"),
            (json!("a"), "`inbound_nodes` is"),
        ] {
            let error = read(&nodes).unwrap_err();
            assert!(error.contains(words), "{error}");
        }
        let places = |text: &str| only_one(serde_json::from_str(text).unwrap(), "output");
        assert_eq!(places("[\"a\", 0, 0]"), places("[[\"a\", 0, 0]]"));
        assert!(places("[[\"a\", 0, 0], [\"b\", 0, 0]]").unwrap_err().contains("2 outputs"));
        assert!(places("{\"a\": [\"b\", 0, 0]}").unwrap_err().contains("not one layer"));
    }
}
