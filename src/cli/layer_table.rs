//! The table of layers, drawn as Keras draws it.

use wgrad::model::LayerSummary;

use super::units;

/// Inner widths of the columns.
const WIDTHS: [usize; 3] = [33, 24, 15];

/// Layers, output shapes and parameters, then the totals.
pub fn layer_table(layers: &[LayerSummary]) -> String {
    let mut lines = vec![
        "Model: \"sequential\"".into(),
        rule('┏', '━', '┳', '┓'),
        row('┃', ["Layer (type)", "Output Shape", "Param #"].map(String::from)),
        rule('┡', '━', '╇', '┩'),
    ];
    for (i, layer) in layers.iter().enumerate() {
        if i > 0 {
            lines.push(rule('├', '─', '┼', '┤'));
        }
        let sizes: String = layer.output_shape.dims().iter().map(|size| format!(", {size}")).collect();
        let name = format!("{} ({})", layer.name, layer.kind);
        lines.push(row('│', [name, format!("(None{sizes})"), units::count(layer.parameters as u64)]));
    }
    lines.push(rule('└', '─', '┴', '┘'));
    let sum = |trainable| {
        layers.iter().filter(|layer| layer.trainable == trainable).map(|layer| layer.parameters as u64).sum::<u64>()
    };
    let (trainable, frozen) = (sum(true), sum(false));
    for (title, parameters) in [("Total", trainable + frozen), ("Trainable", trainable), ("Non-trainable", frozen)] {
        lines.push(format!(" {title} params: {} ({})", units::count(parameters), units::bytes(parameters * 4)));
    }
    lines.join("\n")
}

fn rule(left: char, line: char, cross: char, right: char) -> String {
    let [a, b, c] = WIDTHS.map(|width| line.to_string().repeat(width));
    format!("{left}{a}{cross}{b}{cross}{c}{right}")
}

fn row(line: char, [name, shape, parameters]: [String; 3]) -> String {
    let [a, b, c] = WIDTHS.map(|width| width - 2);
    format!("{line} {name:<a$} {line} {shape:<b$} {line} {parameters:>c$} {line}")
}
