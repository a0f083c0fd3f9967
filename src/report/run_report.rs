//! Makes a document of the results of a run.

use serde_json::Value;

use super::curves::{
    LEAST_ACCURACY, accuracy_plot, gradient_norm_plot, learning_rate_plot, loss_plot, throughput_plot, top5_plot,
};
use super::document::{Block, Document, Gallery, Picture, Plot, Table};
use super::epochs::{epoch_table, gap_line};
use super::heat_map::{MOST_CELLS, MOST_NUMBERS, heat_map, joined_classes};
use super::line_plot::LinePlot;
use super::mistakes::{COLUMNS, confident_mistakes, picture, sheet};
use super::settings::settings_rows;
use super::units::{duration, percent, plural};
use super::{ConfusionMatrix, Generalization, ReportError, to_html, to_markdown, units};
use crate::data::Dataset;
use crate::model::{Answer, LayerSummary};
use crate::train::{History, Predictions};

/// The most pairs of confused classes that are listed.
const MOST_PAIRS: usize = 10;
/// The most mistakes whose pictures are shown.
const MOST_MISTAKES: usize = 25;
/// Top-5 accuracy is reported only with more classes than this; with fewer it says little.
const FEW_CLASSES: usize = 10;

/// The parts of a run that its report is made of.
#[derive(Clone, Copy, Debug)]
pub struct Report<'a> {
    /// The figures of each epoch, and the final evaluation.
    pub history: &'a History,
    /// The content of `config.json`.
    pub settings: &'a Value,
    /// The network.
    pub layers: &'a [LayerSummary],
    /// The data set.
    pub dataset: &'a Dataset,
    /// Predictions for the test images; nothing if the run was interrupted.
    pub predictions: Option<&'a Predictions>,
}

impl Report<'_> {
    /// Names and contents of all files: `report.html`, `report.md`, and the files that `report.md` refers to.
    ///
    /// # Errors
    /// [`ReportError`]
    pub fn files(&self) -> Result<Vec<(String, Vec<u8>)>, ReportError> {
        let document = self.document()?;
        let mut files = vec![
            ("report.html".to_owned(), to_html(&document).into_bytes()),
            ("report.md".to_owned(), to_markdown(&document).into_bytes()),
        ];
        files.extend(document.attachments());
        Ok(files)
    }

    /// Makes the report.
    ///
    /// # Errors
    /// [`ReportError`]
    pub fn document(&self) -> Result<Document, ReportError> {
        let epochs = self.history.epochs.len();
        let title = format!("Training on {}, {epochs} {}", self.history.dataset, plural(epochs, "epoch"));
        let mut blocks = vec![Block::Paragraph(self.data_line()), Block::Paragraph(self.adapter_line())];
        blocks.push(Block::Figures(self.headline()));
        self.add_training(&mut blocks)?;
        match self.predictions {
            Some(predictions) if !predictions.is_empty() => self.add_test(predictions, &mut blocks)?,
            _ => blocks.push(Block::Paragraph("The test images were not evaluated: the run was interrupted.".into())),
        }
        blocks.extend([Block::Heading("Network and settings".into()), Block::Table(self.network())]);
        let rows = settings_rows(self.settings).into_iter().map(Vec::from).collect();
        let columns = vec![("setting", false), ("value", false)];
        blocks.push(Block::Table(Table { title: "Settings".into(), columns, rows }));
        Ok(Document { title, blocks })
    }

    fn data_line(&self) -> String {
        let Dataset {
            name, origin, train, validation, test, image_shape: [height, width, channels], class_names, ..
        } = self.dataset;
        let [train, test] = [train, test].map(|split| units::count(split.len() as u64));
        let validation = match validation {
            Some(split) => format!(", {} validation", units::count(split.len() as u64)),
            None => String::new(),
        };
        let judged = match self.history.validation.as_str() {
            "" => String::new(),
            images => format!(" Epochs were evaluated and chosen by {images}."),
        };
        format!(
            "Data set: {name} ({origin}), {train} training{validation} and {test} test images of {height} x {width} x \
             {channels}, {} classes.{judged}",
            class_names.len()
        )
    }

    fn adapter_line(&self) -> String {
        let adapter = &self.settings["adapter"];
        let parts = ["name", "backend", "driver", "driver_info"].map(|part| adapter[part].as_str().unwrap_or(""));
        let parts: Vec<&str> = parts.into_iter().filter(|part| !part.is_empty()).collect();
        format!("Adapter: {}.", parts.join(", "))
    }

    fn headline(&self) -> Vec<[String; 2]> {
        let mut figures = Vec::new();
        let mut figure = |name: &str, value: String| figures.push([name.into(), value]);
        if let Some(evaluation) = &self.history.evaluation {
            figure("test accuracy", percent(evaluation.accuracy));
            if self.has_many_classes() {
                figure("test top-5 accuracy", percent(evaluation.top5_accuracy));
            }
            figure("test loss", format!("{:.4}", evaluation.loss));
        }
        let rows = &self.history.epochs;
        let asked = self.settings["epochs"].as_u64().unwrap_or(rows.len() as u64);
        figure(
            "epochs",
            if asked == rows.len() as u64 { asked.to_string() } else { format!("{} of {asked}", rows.len()) },
        );
        let parameters = self.layers.iter().map(|layer| layer.parameters as u64).sum();
        figure("parameters", units::count(parameters));
        let seconds: f64 = rows.iter().map(|row| row.seconds).sum();
        if seconds > 0.0 {
            let images: f64 = rows.iter().map(|row| row.seconds * row.images_per_second).sum();
            figure("training images/s", units::count((images / seconds).round() as u64));
            figure("training time", duration(seconds));
        }
        figures
    }

    fn add_training(&self, blocks: &mut Vec<Block>) -> Result<(), ReportError> {
        let rows = &self.history.epochs[..];
        blocks.push(Block::Heading("Training".into()));
        let Some(last) = rows.last() else {
            blocks.push(Block::Paragraph("No epoch was finished.".into()));
            return Ok(());
        };
        blocks.push(Block::Paragraph(Generalization::read(rows).to_string()));
        blocks.push(Block::Paragraph(gap_line(last)));
        let accuracy = accuracy_plot(rows);
        let axis = match accuracy.y_extent().start {
            start if start < LEAST_ACCURACY => {
                format!("The axis starts at {start:.1}, because values fall below {LEAST_ACCURACY}.")
            }
            _ => format!("The axis starts at {LEAST_ACCURACY}."),
        };
        let timing = "Training figures are means over an epoch in which the weights change; validation follows it.";
        let mut plots = vec![
            plot("accuracy", &accuracy, axis)?,
            plot("loss", &loss_plot(rows), timing.into())?,
            plot("learning_rate", &learning_rate_plot(rows), String::new())?,
            plot("gradient_norm", &gradient_norm_plot(rows), String::new())?,
            plot("throughput", &throughput_plot(rows), String::new())?,
        ];
        if self.has_many_classes() {
            plots.insert(2, plot("top5_accuracy", &top5_plot(rows), String::new())?);
        }
        blocks.push(Block::Plots(plots));
        blocks.push(Block::Table(epoch_table(rows)));
        Ok(())
    }

    fn add_test(&self, predictions: &Predictions, blocks: &mut Vec<Block>) -> Result<(), ReportError> {
        let test = &self.dataset.test;
        let matrix = ConfusionMatrix::of(test, predictions);
        blocks.push(Block::Heading("Test images".into()));
        blocks.push(Block::Paragraph(answer_line(predictions.answer())));
        blocks.push(Block::Plots(vec![self.confusion_plot(&matrix)?]));
        if let confused @ [_, ..] = &matrix.confused(MOST_PAIRS)[..] {
            let share = |&(truth, _, count): &(usize, usize, u64)| percent(count as f64 / matrix.support(truth) as f64);
            let row = |pair: &(usize, usize, u64)| {
                vec![self.class(pair.0), self.class(pair.1), units::count(pair.2), share(pair)]
            };
            blocks.push(Block::Table(Table {
                title: "Most confused classes".into(),
                columns: vec![("true class", false), ("taken for", false), ("images", true), ("of the class", true)],
                rows: confused.iter().map(row).collect(),
            }));
        }
        blocks.push(Block::Table(self.class_table(&matrix)));
        let mistakes = confident_mistakes(test, predictions, MOST_MISTAKES);
        if mistakes.is_empty() {
            blocks.push(Block::Paragraph("No image was mistaken.".into()));
            return Ok(());
        }
        let mut pictures = Vec::new();
        let mut raster = Vec::new();
        for mistake in &mistakes {
            let image = picture(test.image(mistake.image).unwrap_or_default(), test.image_shape());
            pictures.push(Picture {
                png: image.to_png()?,
                lines: vec![
                    self.class(mistake.predicted),
                    percent(mistake.confidence),
                    format!("is {}", self.class(mistake.label)),
                    format!("image {}", mistake.image),
                ],
            });
            raster.push(image);
        }
        blocks.push(Block::Gallery(Gallery {
            file: "mistakes.png".into(),
            title: "Most confident mistakes: the predicted class, its probability, and the class of the image".into(),
            sheet: sheet(&raster).to_png()?,
            columns: COLUMNS,
            pictures,
        }));
        Ok(())
    }

    fn confusion_plot(&self, matrix: &ConfusionMatrix) -> Result<Plot, ReportError> {
        let mut caption = "A row for each true class, a column for each predicted one; the larger a cell's \
                           share of its row, the stronger its colour: blue where the prediction is right, orange where \
                           it is wrong."
            .to_owned();
        if matrix.classes() > MOST_CELLS {
            caption += &format!(" {0} classes in a row share a cell.", joined_classes(matrix));
        }
        Ok(Plot {
            file: "plots/confusion_matrix.svg".into(),
            title: "Confusion matrix".into(),
            svg: heat_map(matrix, &self.dataset.class_names)?,
            caption,
            large: matrix.classes() > MOST_NUMBERS,
        })
    }

    fn class_table(&self, matrix: &ConfusionMatrix) -> Table {
        let share = |share: Option<f64>| share.map_or("–".into(), |share| format!("{:.1} %", 100.0 * share));
        let row = |(class, score): (usize, super::ClassScore)| {
            vec![
                self.class(class),
                share(score.precision),
                share(score.recall),
                share(score.f1),
                units::count(score.support),
            ]
        };
        Table {
            title: "Classes".into(),
            columns: vec![("class", false), ("precision", true), ("recall", true), ("F1", true), ("images", true)],
            rows: matrix.scores().into_iter().enumerate().map(row).collect(),
        }
    }

    fn has_many_classes(&self) -> bool {
        self.dataset.class_names.len() > FEW_CLASSES
    }

    fn class(&self, class: usize) -> String {
        self.dataset.class_names.get(class).cloned().unwrap_or_else(|| format!("class {class}"))
    }

    fn network(&self) -> Table {
        let row = |layer: &LayerSummary| {
            let sizes: Vec<String> = layer.output_shape.dims().iter().map(usize::to_string).collect();
            let parameters = units::count(layer.parameters as u64);
            let is_frozen = layer.parameters > 0 && layer.non_trainable == layer.parameters;
            let frozen = if is_frozen { ", frozen" } else { "" };
            vec![layer.name.clone(), format!("{}{frozen}", layer.kind), sizes.join(" x "), parameters]
        };
        Table {
            title: "Layers".into(),
            columns: vec![("layer", false), ("type", false), ("output of an image", false), ("parameters", true)],
            rows: self.layers.iter().map(row).collect(),
        }
    }
}

fn plot(name: &str, plot: &LinePlot, caption: String) -> Result<Plot, ReportError> {
    let title = plot.title.clone();
    Ok(Plot { file: format!("plots/{name}.svg"), title, svg: plot.to_svg()?, caption, large: false })
}

/// Says how the predictions in the figures below it are made.
fn answer_line(answer: Answer) -> String {
    let rule = match answer {
        Answer::Softmax { .. } => "An image is counted for its most probable class.",
        Answer::Sigmoid { .. } => {
            "An image is counted for its most probable class; the probabilities of an image do not sum to 1."
        }
        Answer::Binary => {
            "An image is counted for the second class if that probability is above 0.5, else for the first."
        }
    };
    format!("Probabilities: {answer}. {rule}")
}
