//! The figures of the report, of Keras and of wgrad, side by side.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wgrad::report::{Block, Curve, Document, Generalization, Plot, ReportError, Table, comparison_plot};
use wgrad::train::HistoryRow;

use super::experiments::Experiment;

/// Names of the table's columns, and whether they hold numbers.
const COLUMNS: [(&str, bool); 6] = [
    ("experiment", false),
    ("run by", false),
    ("runs", true),
    ("training accuracy", true),
    ("test accuracy", true),
    ("test loss", true),
];

/// One run of an experiment.
#[derive(Clone, Debug, Serialize)]
pub struct Run {
    /// Share of the training images whose class was found, by epoch.
    pub train_accuracy: Vec<f64>,
    /// Share of the test images whose class was found, in the end.
    pub test_accuracy: f64,
    /// Mean loss on the test images, in the end.
    pub test_loss: f64,
    /// The figures of each epoch; none for Keras's runs.
    pub epochs: Vec<HistoryRow>,
}

/// What benches/peers/keras_experiments.py writes.
#[derive(Deserialize)]
pub struct KerasRuns {
    keras: String,
    tensorflow: String,
    runs: Vec<BTreeMap<String, KerasRun>>,
}

#[derive(Deserialize)]
struct KerasRun {
    train_accuracy: Vec<f64>,
    test_loss: f64,
    test_accuracy: f64,
}

impl KerasRuns {
    fn name(&self) -> String {
        format!("Keras {}", self.keras)
    }

    fn of(&self, experiment: &str) -> Vec<Run> {
        let run = |run: &KerasRun| Run {
            train_accuracy: run.train_accuracy.clone(),
            test_accuracy: run.test_accuracy,
            test_loss: run.test_loss,
            epochs: Vec::new(),
        };
        self.runs.iter().filter_map(|runs| runs.get(experiment)).map(run).collect()
    }
}

/// All runs of the experiments.
pub struct ReproductionReport<'a> {
    /// The experiments, in order.
    pub experiments: Vec<&'a Experiment>,
    /// Keras's runs.
    pub keras: KerasRuns,
    /// wgrad's runs, by experiment.
    pub runs: BTreeMap<&'a str, Vec<Run>>,
}

impl ReproductionReport<'_> {
    fn runs(&self, experiment: &Experiment) -> &[Run] {
        self.runs.get(experiment.name).map_or(&[], Vec::as_slice)
    }

    /// For each experiment the report's figures, and the means of Keras's and wgrad's runs with the lowest and highest.
    fn rows(&self) -> Vec<[String; 6]> {
        let mut rows = Vec::new();
        for experiment in &self.experiments {
            let [loss, accuracy] = experiment.report.map(|figure| format!("{figure:.4}"));
            rows.push([experiment.name.into(), "the report".into(), "1".into(), String::new(), accuracy, loss]);
            rows.extend(row(&self.keras.name(), &self.keras.of(experiment.name)));
            rows.extend(row("wgrad", self.runs(experiment)));
        }
        rows
    }

    /// The table for a terminal.
    pub fn table(&self) -> String {
        let mut rows = vec![COLUMNS.map(|(name, _)| name.to_owned())];
        rows.extend(self.rows());
        let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        let widths: [usize; 6] = std::array::from_fn(width);
        let line = |row: &[String; 6]| {
            let cells = row.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
            cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        rows.iter().map(line).collect::<Vec<_>>().join("\n")
    }

    /// Table and curves.
    ///
    /// # Errors
    /// A plot that can't be drawn.
    pub fn document(&self) -> Result<Document, ReportError> {
        let intro = format!(
            "Three trainings of the CNN of TensorFlow's tutorial on CIFAR-10, as the report's notebook ran them: its \
             model was never rebuilt, so each attempt started from the weights of the one before, with a fresh \
             optimizer. Where there are several runs, figures are means, with the lowest and the highest. {} ran on \
             TensorFlow {}.",
            self.keras.name(),
            self.keras.tensorflow
        );
        let rows = self.rows().into_iter().map(Vec::from).collect();
        let table = Table { title: "In the end".into(), columns: COLUMNS.into(), rows };
        let mut blocks = vec![Block::Paragraph(intro), Block::Table(table)];
        for experiment in &self.experiments {
            let Some(run) = self.runs(experiment).first() else { continue };
            blocks.push(Block::Heading(experiment.name.into()));
            blocks.push(Block::Paragraph(experiment.description.into()));
            blocks.push(Block::Paragraph(Generalization::read(&run.epochs).to_string()));
            blocks.push(Block::Plots(vec![self.plot(experiment, run)?]));
        }
        Ok(Document { title: "Three experiments, reproduced".into(), blocks })
    }

    fn plot(&self, experiment: &Experiment, run: &Run) -> Result<Plot, ReportError> {
        let by_epoch = |name: &str, values: &[f64]| {
            Curve::new(name, values.iter().enumerate().map(|(i, value)| (1.0 + i as f64, *value)))
        };
        let validation: Vec<f64> = run.epochs.iter().map(|row| row.val_accuracy).collect();
        let mut curves = vec![by_epoch("training", &run.train_accuracy), by_epoch("test", &validation)];
        if let Some(keras) = self.keras.of(experiment.name).first() {
            curves.push(by_epoch("Keras, training", &keras.train_accuracy));
        }
        let [_, accuracy] = experiment.report;
        let title = format!("Accuracy of {}", experiment.name);
        let plot = comparison_plot(&title, curves, &[("the report, test", accuracy)]);
        Ok(Plot {
            file: format!("plots/{}.svg", experiment.directory),
            title,
            svg: plot.to_svg()?,
            caption: "The first run of each.".into(),
            large: false,
        })
    }
}

/// A row without the experiment's name; none where there are no runs.
fn row(by: &str, runs: &[Run]) -> Option<[String; 6]> {
    let column = |of: fn(&Run) -> f64| {
        let values = runs.iter().map(of);
        let mean = values.clone().sum::<f64>() / runs.len() as f64;
        if runs.len() == 1 {
            return format!("{mean:.4}");
        }
        let (low, high) = (values.clone().fold(f64::INFINITY, f64::min), values.fold(f64::NEG_INFINITY, f64::max));
        format!("{mean:.4} ({low:.4}–{high:.4})")
    };
    let last = |run: &Run| run.train_accuracy.last().copied().unwrap_or(f64::NAN);
    (!runs.is_empty()).then(|| {
        let [train, test, loss] = [column(last), column(|run| run.test_accuracy), column(|run| run.test_loss)];
        [String::new(), by.into(), runs.len().to_string(), train, test, loss]
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::experiments::ALL;

    #[test]
    fn has_the_means_of_the_runs() {
        let run = |test_accuracy| {
            let train_accuracy = vec![0.4, 0.5];
            let epochs = vec![HistoryRow { epoch: 1, ..HistoryRow::default() }];
            Run { train_accuracy, test_accuracy, test_loss: 1.0, epochs }
        };
        let keras = r#"{"keras": "3.15.1", "tensorflow": "2.21.0", "runs": [
            {"baseline": {"train_accuracy": [0.6], "test_loss": 0.8, "test_accuracy": 0.71}}]}"#;
        let report = ReproductionReport {
            experiments: vec![&ALL[0], &ALL[1]],
            keras: serde_json::from_str(keras).unwrap(),
            runs: BTreeMap::from([("baseline", vec![run(0.7), run(0.72)])]),
        };
        let rows = report.rows();
        assert_eq!(rows.len(), 4);
        assert_eq!(rows[0], ["baseline", "the report", "1", "", "0.7113", "0.8555"]);
        assert_eq!(rows[1][1..5], ["Keras 3.15.1", "1", "0.6000", "0.7100"]);
        assert_eq!(rows[2][1..5], ["wgrad", "2", "0.5000 (0.5000–0.5000)", "0.7100 (0.7000–0.7200)"]);
        assert_eq!(rows[3][..2], ["attempt 1", "the report"]);
        let document = report.document().unwrap();
        assert_eq!(document.attachments().len(), 1);
    }

    #[test]
    fn the_table_fits_a_terminal() {
        let runs =
            || vec![Run { train_accuracy: vec![0.5], test_accuracy: 0.5, test_loss: 1.0, epochs: Vec::new() }; 2];
        let keras = r#"{"keras": "3.15.1", "tensorflow": "2.21.0", "runs": []}"#;
        let report = ReproductionReport {
            experiments: ALL.iter().collect(),
            keras: serde_json::from_str(keras).unwrap(),
            runs: ALL.iter().map(|experiment| (experiment.name, runs())).collect(),
        };
        let table = report.table();
        assert!(table.lines().all(|line| line.chars().count() <= 120), "{table}");
    }
}
