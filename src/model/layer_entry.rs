//! A layer as a model file describes it.

use toml::Table;

use super::ModelError;
use super::network::Draft;
use crate::text::one_line;

/// Whether a layer may have this name. Tables are as wide as the longest name, and tensors are called `layer/variable`.
pub(crate) fn is_layer_name(name: &str) -> bool {
    (1..=255).contains(&name.len()) && !name.contains(|c: char| c == '/' || c.is_control())
}

/// Reads a layer from a table. `name`, `inputs`, `trainable` and `weights` are options of every kind of layer.
pub(super) fn draft(place: usize, mut table: Table, classes: Option<usize>) -> Result<Draft, ModelError> {
    let name = table.remove("name");
    let title = match name.as_ref().and_then(|name| name.as_str()) {
        Some(name) => format!("layer `{name}`"),
        None => {
            let kind = table.get("type").and_then(|kind| kind.as_str()).unwrap_or("without a type");
            format!("layer {} ({kind})", place + 1)
        }
    };
    let wrong = |what: String| ModelError::File(one_line(&format!("{title}: {what}")));
    let name = match name {
        Some(toml::Value::String(name)) if is_layer_name(&name) => Some(name),
        Some(_) => return Err(wrong("`name` must be a word without `/` of at most 255 bytes, in quotes".into())),
        None => None,
    };
    let trainable = match table.remove("trainable") {
        Some(toml::Value::Boolean(_)) if table.contains_key("weights") => {
            return Err(wrong("`trainable` is an option of the layer whose `weights` it uses".into()));
        }
        Some(toml::Value::Boolean(trainable)) => trainable,
        Some(_) => return Err(wrong("`trainable` must be true or false".into())),
        None => true,
    };
    let weights = match table.remove("weights") {
        Some(toml::Value::String(weights)) => Some(weights),
        Some(_) => return Err(wrong("`weights` must be the name of a layer, in quotes".into())),
        None => None,
    };
    let inputs = match table.remove("inputs") {
        Some(inputs) => {
            let names =
                inputs.try_into::<Vec<String>>().map_err(|_| wrong("`inputs` must be a list of names".into()))?;
            Some(names)
        }
        None => None,
    };
    if let (Some("classes"), Some(classes)) = (table.get("units").and_then(|units| units.as_str()), classes) {
        table.insert("units".into(), toml::Value::Integer(classes as i64));
    }
    let layer = table.try_into().map_err(|error| wrong(error.to_string()))?;
    Ok(Draft { name, layer, inputs, trainable, weights })
}

#[cfg(test)]
mod tests {
    use crate::model::{Network, Value};

    #[test]
    fn layers_may_say_what_they_read() {
        let text = r#"
            version = 2
            input = [8, 8, 4]
            layers = [
                { type = "conv2d", filters = 4, kernel_size = 1 },
                { type = "conv2d", filters = 4, kernel_size = 1, activation = "relu", inputs = ["input"] },
                { type = "add", inputs = ["conv2d_1", "conv2d", "conv2d"] },
                { type = "flatten" },
                { name = "add_1", type = "dense", units = 256 },
                { type = "add", inputs = ["flatten", "add_1"] },
            ]"#;
        let model = Network::from_toml(text, None).unwrap();
        let inputs: Vec<Vec<String>> = model.summary().unwrap().into_iter().map(|line| line.inputs).collect();
        let wanted: [&[&str]; 6] =
            [&["input"], &["input"], &["conv2d_1", "conv2d", "conv2d"], &["add"], &["flatten"], &["flatten", "add_1"]];
        assert_eq!(inputs, wanted);
        // A name that the file gives to another layer is taken.
        assert_eq!(model.nodes()[5].name, "add_2");
        let written = model.to_toml().unwrap();
        assert_eq!(Network::from_toml(&written, None).unwrap(), model);
        assert_eq!(written.matches("inputs = ").count(), 3, "{written}");
        let more =
            "[[layers]]\ntype = \"dense\"\nunits = 256\n[[layers]]\ntype = \"add\"\ninputs = [\"dense\", \"add_2\"]";
        let model = model.append_toml(more, 256).unwrap();
        assert_eq!(model.nodes()[7].inputs, [Value::Layer(6), Value::Layer(5)]);
    }

    #[test]
    fn layers_may_use_the_weights_of_others() {
        let text = r#"
            version = 2
            input = [8, 8, 4]
            layers = [
                { name = "a", type = "conv2d", filters = 4, kernel_size = 1, trainable = false },
                { name = "b", type = "conv2d", filters = 4, kernel_size = 1, weights = "a" },
                { name = "c", type = "conv2d", filters = 4, kernel_size = 1, weights = "b" },
                { type = "global_average_pooling2d" },
                { name = "head", type = "dense", units = "classes" },
                { type = "dense", units = "classes", weights = "head" },
            ]"#;
        let model = Network::from_toml(text, Some(([8, 8, 4], 4))).unwrap();
        let weights: Vec<Option<usize>> = model.nodes().iter().map(|node| node.weights).collect();
        assert_eq!(weights, [None, Some(0), Some(0), None, None, Some(4)]);
        let trainable: Vec<bool> = model.nodes().iter().map(|node| node.trainable).collect();
        assert_eq!(trainable, [false, false, false, true, true, true]);
        let parameters: Vec<usize> = model.summary().unwrap().iter().map(|line| line.parameters).collect();
        assert_eq!(parameters, [20, 0, 0, 0, 20, 0]);
        let written = model.to_toml().unwrap();
        assert_eq!(Network::from_toml(&written, None).unwrap(), model);
        assert_eq!((written.matches("weights = ").count(), written.matches("trainable").count()), (3, 1), "{written}");
        let frozen = model.freeze(&["dense".into()]).unwrap();
        assert!(!frozen.nodes()[4].trainable && !frozen.nodes()[5].trainable);
        let bias = crate::model::NamedTensor { name: "head/bias".into(), shape: vec![4], values: vec![0.0; 4] };
        let read = Network::from_toml_for(text, [8, 8, 4], &[bias]).unwrap();
        assert_eq!(read.classes().unwrap(), 4);

        let row = "input = [4, 4, 3]\nversion = 2\n[[layers]]\ntype = \"flatten\"\n";
        for (layers, words) in [
            ("type = \"dense\"\nunits = 48\nweights = \"a\"", "layer `dense` uses the weights of `a`, but no layer"),
            (
                "type = \"flatten\"\nweights = \"flatten\"",
                "layer `flatten_1` can't use the weights of `flatten`: that has none",
            ),
            ("type = \"flatten\"\nweights = 3", "`weights` must be the name"),
            ("type = \"flatten\"\nweights = \"a\"\ntrainable = true", "`trainable` is an option of the layer"),
            (
                "type = \"dense\"\nunits = 4\n[[layers]]\ntype = \"dense\"\nunits = 5\nweights = \"dense\"",
                "layer `dense_1` can't use the weights of `dense`: they differ in their options",
            ),
            (
                "type = \"dense\"\nunits = 4\n[[layers]]\ntype = \"dense\"\nunits = 4\nweights = \"dense\"",
                "its inputs have another size",
            ),
        ] {
            let error = Network::from_toml(&format!("{row}[[layers]]\n{layers}"), None).unwrap_err().to_string();
            assert!(error.contains(words), "{layers}: {error}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_said() {
        let with = |layers: &str| format!("version = 2\ninput = [8, 8, 4]\nlayers = [{layers}]");
        let flatten = "{ type = \"flatten\" }";
        for (layers, words) in [
            ("{ type = \"flatten\", inputs = [\"flatten\"] }", ["layer `flatten` reads `flatten`", "before it"]),
            ("{ type = \"flatten\", inputs = \"input\" }", ["layer 1 (flatten)", "`inputs` must be a list"]),
            ("{ type = \"flatten\", inputs = [] }", ["layer `flatten` takes one input", "has none"]),
            ("{ type = \"add\" }", ["layer `add` takes at least two inputs", "only `input` [8, 8, 4]"]),
            (
                &format!("{flatten}, {{ type = \"dropout\", rate = 0.5, inputs = [\"input\"] }}, {flatten}"),
                ["no other layer reads layer `flatten`", "leave it out"],
            ),
            (
                "{ name = \"input\", type = \"flatten\" }, { type = \"add\", inputs = [\"input\", \"input\"] }",
                ["`input`", "another name"],
            ),
            (
                &format!("{flatten}, {{ type = \"add\", inputs = [\"input\", \"flatten\"] }}"),
                ["layer `add`: its inputs `input` [8, 8, 4] and `flatten` [256]", "different shapes"],
            ),
        ] {
            let error = Network::from_toml(&with(layers), None).unwrap_err().to_string();
            assert!(words.iter().all(|word| error.contains(word)), "{layers}: {error}");
        }
        // In a row nobody says `input`, so that a layer may have this name.
        let row = with("{ name = \"input\", type = \"flatten\" }, { type = \"dense\", units = 2 }");
        assert!(Network::from_toml(&row, None).is_ok());
    }
}
