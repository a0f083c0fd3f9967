//! The table that compares the report, Keras and wgrad.

use std::collections::BTreeMap;

use serde::Serialize;

use super::experiments::Experiment;

/// What one run of an experiment ended with.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Figures {
    /// Share of the training images whose class was found, over the last epoch.
    pub train_accuracy: f64,
    /// Share of the test images whose class was found.
    pub test_accuracy: f64,
    /// Mean loss on the test images.
    pub test_loss: f64,
}

/// The figures of Keras for an experiment.
type OfKeras<'a> = (&'a str, &'a dyn Fn(&str) -> Vec<Figures>);

/// A Markdown table: for each experiment the report's figures, and the means of Keras's and wgrad's runs with the
/// lowest and the highest.
pub fn reproduction_table(
    experiments: &[&Experiment],
    (keras_name, of_keras): OfKeras,
    measured: &BTreeMap<&str, Vec<Figures>>,
) -> String {
    let heads = ["experiment", "run by", "runs", "training accuracy", "test accuracy", "test loss"];
    let mut rows = vec![heads.map(String::from), heads.map(|_| "---".into())];
    for experiment in experiments {
        let [loss, accuracy] = experiment.report.map(|figure| format!("{figure:.4}"));
        rows.push([experiment.name.into(), "the report".into(), "1".into(), "".into(), accuracy, loss]);
        rows.extend(row(keras_name, &of_keras(experiment.name)));
        rows.extend(row("wgrad", measured.get(experiment.name).map_or(&[], Vec::as_slice)));
    }
    let widths: [usize; 6] =
        std::array::from_fn(|column| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0));
    let line = |row: &[String; 6]| {
        let cells = row.iter().zip(widths).map(|(cell, width)| match cell.as_str() {
            "---" => "-".repeat(width),
            cell => format!("{cell:<width$}"),
        });
        format!("| {} |\n", cells.collect::<Vec<_>>().join(" | "))
    };
    rows.iter().map(line).collect()
}

/// A row without the experiment's name; none where there are no runs.
fn row(by: &str, runs: &[Figures]) -> Option<[String; 6]> {
    let column = |of: fn(&Figures) -> f64| {
        let values = runs.iter().map(of);
        let mean = values.clone().sum::<f64>() / runs.len() as f64;
        match runs.len() {
            1 => format!("{mean:.4}"),
            _ => {
                let (low, high) =
                    (values.clone().fold(f64::INFINITY, f64::min), values.fold(f64::NEG_INFINITY, f64::max));
                format!("{mean:.4} ({low:.4} to {high:.4})")
            }
        }
    };
    (!runs.is_empty()).then(|| {
        let [train, test, loss] =
            [column(|run| run.train_accuracy), column(|run| run.test_accuracy), column(|run| run.test_loss)];
        ["".into(), by.into(), runs.len().to_string(), train, test, loss]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::experiments::ALL;

    #[test]
    fn has_the_means_of_the_runs() {
        let run = |test_accuracy| Figures { train_accuracy: 0.5, test_accuracy, test_loss: 1.0 };
        let measured = BTreeMap::from([("baseline", vec![run(0.7), run(0.72)])]);
        let keras = |name: &str| if name == "baseline" { vec![run(0.71)] } else { vec![] };
        let table = reproduction_table(&[&ALL[0], &ALL[1]], ("Keras", &keras), &measured);
        let rows: Vec<Vec<&str>> = table.lines().map(|line| line.split('|').map(str::trim).collect()).collect();
        assert_eq!(rows.len(), 6);
        assert_eq!(rows[2][1..7], ["baseline", "the report", "1", "", "0.7113", "0.8555"]);
        assert_eq!(rows[3][2..6], ["Keras", "1", "0.5000", "0.7100"]);
        assert_eq!(rows[4][2..6], ["wgrad", "2", "0.5000 (0.5000 to 0.5000)", "0.7100 (0.7000 to 0.7200)"]);
        assert_eq!(rows[5][1..3], ["attempt 1", "the report"]);
    }
}
