//! The table of layers, drawn as Keras draws it.

use wgrad::model::LayerSummary;

use super::units;

/// Smallest inner widths of the columns. A longer cell widens its column.
const WIDTHS: [usize; 3] = [33, 24, 15];

/// Draws the table of layers, output shapes and parameters, and the totals below it.
pub fn layer_table(layers: &[LayerSummary]) -> String {
    let cells = |layer: &LayerSummary| {
        let sizes: String = layer.output_shape.dims().iter().map(|size| format!(", {size}")).collect();
        let name = format!("{} ({})", layer.name, layer.kind);
        [name, format!("(None{sizes})"), units::count(layer.parameters as u64)]
    };
    let rows: Vec<[String; 3]> = layers.iter().map(cells).collect();
    let widest = |column: usize| rows.iter().map(|row| row[column].chars().count() + 2).max().unwrap_or(0);
    let widths = std::array::from_fn(|column| WIDTHS[column].max(widest(column)));
    let mut lines = vec![
        "Model: \"sequential\"".into(),
        rule(widths, ['┏', '━', '┳', '┓']),
        row(widths, '┃', &["Layer (type)", "Output Shape", "Param #"].map(String::from)),
        rule(widths, ['┡', '━', '╇', '┩']),
    ];
    for (i, cells) in rows.iter().enumerate() {
        if i > 0 {
            lines.push(rule(widths, ['├', '─', '┼', '┤']));
        }
        lines.push(row(widths, '│', cells));
    }
    lines.push(rule(widths, ['└', '─', '┴', '┘']));
    let sum = |trainable| {
        layers.iter().filter(|layer| layer.trainable == trainable).map(|layer| layer.parameters as u64).sum::<u64>()
    };
    let (trainable, frozen) = (sum(true), sum(false));
    for (title, parameters) in [("Total", trainable + frozen), ("Trainable", trainable), ("Non-trainable", frozen)] {
        lines.push(format!(" {title} params: {} ({})", units::count(parameters), units::bytes(parameters * 4)));
    }
    lines.join("\n")
}

fn rule(widths: [usize; 3], [left, line, cross, right]: [char; 4]) -> String {
    let [a, b, c] = widths.map(|width| line.to_string().repeat(width));
    format!("{left}{a}{cross}{b}{cross}{c}{right}")
}

fn row(widths: [usize; 3], line: char, [name, shape, parameters]: &[String; 3]) -> String {
    let [a, b, c] = widths.map(|width| width - 2);
    format!("{line} {name:<a$} {line} {shape:<b$} {line} {parameters:>c$} {line}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_name_widens_its_column() {
        let layer = |name: &str, kind| LayerSummary {
            name: name.into(),
            kind,
            output_shape: [16].into(),
            parameters: 0,
            trainable: true,
        };
        let table =
            layer_table(&[layer("global_average_pooling2d", "GlobalAveragePooling2D"), layer("dense", "Dense")]);
        let widths: Vec<usize> = table.lines().skip(1).take(7).map(|line| line.chars().count()).collect();
        assert_eq!(widths, [widths[0]; 7], "{table}");
        assert!(widths[0] > 4 + WIDTHS.iter().sum::<usize>());
    }
}
