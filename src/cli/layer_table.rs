//! The table of layers, drawn as Keras draws it.

use wgrad::model::{LayerSummary, ModelError, Network};
use wgrad::report::units;

/// Titles and smallest inner widths of the columns. A longer cell widens its column.
const COLUMNS: [(&str, usize); 4] = [("Layer (type)", 33), ("Output Shape", 24), ("Param #", 15), ("Connected to", 28)];

/// The column with numbers, which stand at its right.
const NUMBERS: usize = 2;

/// Draws the table of layers, output shapes and parameters, and the totals below it. As in Keras, networks whose layers
/// don't stand in a row have a line for the images and a column with the layers that each layer reads.
///
/// # Errors
/// A network that can't be built.
pub fn layer_table(network: &Network) -> Result<String, ModelError> {
    let layers = network.summary()?;
    let is_row = network.is_row();
    let shape = |sizes: &[usize]| {
        let sizes: String = sizes.iter().map(|size| format!(", {size}")).collect();
        format!("(None{sizes})")
    };
    let image = ["input (InputLayer)".into(), shape(&network.input()), "0".into(), "-".into()];
    let cells = |layer: &LayerSummary| {
        let inputs: Vec<String> = layer.inputs.iter().map(|input| format!("{input}[0][0]")).collect();
        [
            format!("{} ({})", layer.name, layer.kind),
            shape(layer.output_shape.dims()),
            units::count(layer.parameters as u64),
            inputs.join(", "),
        ]
    };
    let rows: Vec<[String; 4]> = (!is_row).then_some(image).into_iter().chain(layers.iter().map(cells)).collect();
    let name = if is_row { "sequential" } else { "functional" };
    let mut lines = vec![format!("Model: \"{name}\"")];
    lines.extend(grid(&rows, if is_row { 3 } else { 4 }));
    let sum = |count: fn(&LayerSummary) -> usize| layers.iter().map(|layer| count(layer) as u64).sum::<u64>();
    let (total, frozen) = (sum(|layer| layer.parameters), sum(|layer| layer.non_trainable));
    for (title, parameters) in [("Total", total), ("Trainable", total - frozen), ("Non-trainable", frozen)] {
        lines.push(format!(" {title} params: {} ({})", units::count(parameters), units::bytes(parameters * 4)));
    }
    Ok(lines.join("\n"))
}

/// The lines of a table with the first `columns` cells of each row.
fn grid(rows: &[[String; 4]], columns: usize) -> Vec<String> {
    let widest = |column: usize| rows.iter().map(|row| row[column].chars().count() + 2).max().unwrap_or(0);
    let widths: Vec<usize> = (0..columns).map(|column| COLUMNS[column].1.max(widest(column))).collect();
    let mut lines = vec![
        rule(&widths, ['┏', '━', '┳', '┓']),
        line(&widths, '┃', &COLUMNS.map(|(title, _)| title.into())),
        rule(&widths, ['┡', '━', '╇', '┩']),
    ];
    for (i, cells) in rows.iter().enumerate() {
        if i > 0 {
            lines.push(rule(&widths, ['├', '─', '┼', '┤']));
        }
        lines.push(line(&widths, '│', cells));
    }
    lines.push(rule(&widths, ['└', '─', '┴', '┘']));
    lines
}

fn rule(widths: &[usize], [left, line, cross, right]: [char; 4]) -> String {
    let parts: Vec<String> = widths.iter().map(|width| line.to_string().repeat(*width)).collect();
    format!("{left}{}{right}", parts.join(&cross.to_string()))
}

fn line(widths: &[usize], rule: char, cells: &[String; 4]) -> String {
    let cell = |(column, (width, cell)): (usize, (&usize, &String))| {
        let width = width - 2;
        if column == NUMBERS { format!(" {cell:>width$} {rule}") } else { format!(" {cell:<width$} {rule}") }
    };
    let cells: String = widths.iter().zip(cells).enumerate().map(cell).collect();
    format!("{rule}{cells}")
}

#[cfg(test)]
mod tests {
    use wgrad::model::layers::{Add, Dense, GlobalAveragePooling2d};
    use wgrad::model::{Functional, Sequential};

    use super::*;

    #[test]
    fn a_long_name_widens_its_column() {
        let model = Sequential::new([8, 8, 16]).global_average_pool2d().dense(2);
        let table = layer_table(&model).unwrap();
        let widths: Vec<usize> = table.lines().skip(1).take(7).map(|line| line.chars().count()).collect();
        assert_eq!(widths, [widths[0]; 7], "{table}");
        assert!(widths[0] > 4 + 33 + 24 + 15);
    }

    #[test]
    fn networks_that_are_no_row_tell_what_each_layer_reads() {
        let mut net = Functional::new([4, 4, 6]);
        let x = net.apply(GlobalAveragePooling2d::default(), [net.input()]).unwrap();
        let y = net.apply(Dense::new(6), [x]).unwrap();
        let y = net.apply(Add {}, [y, x]).unwrap();
        let network = net.output(y).freeze(&["dense".into()]).unwrap();
        let table = layer_table(&network).unwrap();
        let rows: Vec<Vec<&str>> = (table.lines().filter(|line| line.starts_with('│')))
            .map(|line| line.trim_matches('│').split('│').map(str::trim).collect())
            .collect();
        assert_eq!(rows[0], ["input (InputLayer)", "(None, 4, 4, 6)", "0", "-"]);
        assert_eq!(rows[2], ["dense (Dense)", "(None, 6)", "42", "global_average_pooling2d[0][0]"]);
        assert_eq!(rows[3], ["add (Add)", "(None, 6)", "0", "dense[0][0], global_average_pooling2d[0][0]"]);
        assert!(table.starts_with("Model: \"functional\""), "{table}");
        assert!(table.contains(" Trainable params: 0 (") && table.contains(" Non-trainable params: 42 ("), "{table}");
    }
}
