//! Reports of made-up runs: the files, what stands in them, and names that mean something to HTML and Markdown. What was
//! written lies under the target directory afterwards, in `tmp/report-*`.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pulldown_cmark::{self as markdown, Event, Parser, Tag, TagEnd};
use serde_json::{Value, json};
use wgrad::data::{Dataset, Split, shapes};
use wgrad::exec::{Executor, Options};
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::model::{Answer, Sequential};
use wgrad::report::{ConfusionMatrix, Curve, Report, comparison_plot};
use wgrad::train::{Evaluation, History, HistoryRow, Predictions, Validation, evaluate, evaluate_and_predict};

/// Loss, accuracy, validation loss and validation accuracy of the tutorial's network on CIFAR-10.
const TUTORIAL: [[f64; 4]; 10] = [
    [1.4967, 0.4529, 1.2935, 0.5322],
    [1.1401, 0.5976, 1.0627, 0.6246],
    [0.9897, 0.6510, 0.9699, 0.6570],
    [0.8847, 0.6902, 0.9673, 0.6576],
    [0.8173, 0.7120, 0.9554, 0.6706],
    [0.7561, 0.7359, 0.9757, 0.6687],
    [0.7033, 0.7539, 0.8836, 0.7024],
    [0.6592, 0.7677, 0.8909, 0.7030],
    [0.6206, 0.7831, 0.9030, 0.7003],
    [0.5776, 0.7968, 0.9209, 0.7031],
];

/// Names that would be markup if they weren't escaped.
const NAMES: [&str; 5] = ["<b>bold</b>", "a|b", "R&D &amp; \"x\"", "**_`[y](z)`_**", "back\\slash $1$ ~~z~~"];

struct Run {
    history: History,
    settings: Value,
    dataset: Dataset,
    predictions: Option<Predictions>,
}

impl Run {
    fn new(dataset: Dataset, epochs: usize) -> Self {
        let mut history = History::new(&dataset.name, Validation::TestImages);
        for (i, &[loss, accuracy, val_loss, val_accuracy]) in TUTORIAL[..epochs].iter().enumerate() {
            let images_per_second = 1137.0 + 40.0 * (i as f64).sin();
            let seconds = dataset.train.len() as f64 / images_per_second;
            history.epochs.push(HistoryRow {
                epoch: i + 1,
                loss,
                accuracy,
                val_loss,
                val_accuracy,
                top5_accuracy: (1.0 + accuracy) / 2.0,
                val_top5_accuracy: (1.0 + val_accuracy) / 2.0,
                learning_rate: 1e-3 * 0.7_f64.powi(i as i32),
                gradient_norm: 1.0 + 0.3 * (i as f64 * 2.0).sin(),
                seconds,
                images_per_second,
                ..HistoryRow::default()
            });
        }
        let settings = json!({
            "adapter": {
                "name": "llvmpipe (LLVM 15.0.6, 256 bits)", "backend": "vulkan", "driver": "llvmpipe",
                "driver_info": "Mesa 22.3.6 (LLVM 15.0.6)",
            },
            "model": "[[layer]]\nkind = \"<conv2d>\"\n", "batch_size": 32, "epochs": 10, "epsilon": 1e-7, "kernel": "broadcast64x16", "learning_rate": 0.001,
            "products": { "forward of 32 x 32 x 32 x 3": { "kernel": "broadcast64x16", "parts": 1 } },
            "dataset": { "checksum": dataset.checksum.get(), "limit": null, "name": dataset.name },
        });
        Self { history, settings, dataset, predictions: None }
    }

    /// Evaluates with logits that are right three times of four and else favour a neighbouring class.
    fn evaluated(mut self) -> Self {
        let (test, classes) = (&self.dataset.test, self.dataset.class_names.len());
        let mut logits = Vec::new();
        let mut state = 1_u32;
        let mut random = || {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            f64::from(state >> 8) / f64::from(1 << 24)
        };
        for &label in test.labels() {
            let label = usize::from(label);
            let likely =
                if random() < 0.75 { label } else { (label + 1 + (random() * random() * 4.0) as usize) % classes };
            logits.extend(
                (0..classes)
                    .map(|class| (random() * 2.0 + if class == likely { 2.0 + 6.0 * random() } else { 0.0 }) as f32),
            );
        }
        let predictions = Predictions::new(Answer::Softmax { classes }, logits);
        let [accuracy, top5_accuracy] = [1, 5].map(|k| top_accuracy(test, &predictions, k));
        let images = test.len() as u64;
        self.history.evaluation =
            Some(Evaluation { loss: 0.9209, accuracy, top5_accuracy, images, steps: 313, seconds: 2.9 });
        self.predictions = Some(predictions);
        self
    }

    fn files(&self, name: &str) -> Files {
        let layers = Sequential::tutorial([32, 32, 3], self.dataset.class_names.len()).summary().unwrap();
        let report = Report {
            history: &self.history,
            settings: &self.settings,
            layers: &layers,
            dataset: &self.dataset,
            predictions: self.predictions.as_ref(),
        };
        let files = Files(report.files().unwrap());
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("report-{name}"));
        for (name, bytes) in &files.0 {
            let path = folder.join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        files
    }
}

/// Share of the images whose class is among the `k` of the largest logits.
fn top_accuracy(split: &Split, predictions: &Predictions, k: usize) -> f64 {
    let found = |i: &usize| predictions.top(*i, k).contains(&usize::from(split.labels()[*i]));
    (0..split.len()).filter(found).count() as f64 / split.len() as f64
}

struct Files(Vec<(String, Vec<u8>)>);

impl Files {
    fn names(&self) -> Vec<&str> {
        self.0.iter().map(|(name, _)| name.as_str()).collect()
    }

    fn text(&self, name: &str) -> &str {
        let (_, bytes) = self.0.iter().find(|(file, _)| file == name).unwrap();
        std::str::from_utf8(bytes).unwrap()
    }

    /// The texts of `report.html`, each from one element.
    fn html_texts(&self) -> Vec<String> {
        let options = roxmltree::ParsingOptions { allow_dtd: true, ..Default::default() };
        let document = roxmltree::Document::parse_with_options(self.text("report.html"), options).unwrap();
        for node in document.descendants() {
            for attribute in node.attributes().filter(|attribute| ["src", "href"].contains(&attribute.name())) {
                assert!(attribute.value().starts_with("data:image/png;base64,"), "{attribute:?}");
            }
            assert!(!node.has_tag_name(("http://www.w3.org/1999/xhtml", "script")));
        }
        document.descendants().filter(|node| node.is_text()).map(|node| node.text().unwrap().trim().into()).collect()
    }

    /// The texts of `report.md`, each from one block or cell, and the files that it refers to.
    fn markdown_texts(&self) -> (Vec<String>, Vec<String>) {
        let (mut texts, mut links, mut text) = (Vec::new(), Vec::new(), String::new());
        let mut tables: Vec<usize> = Vec::new();
        for event in Parser::new_ext(self.text("report.md"), markdown::Options::ENABLE_TABLES) {
            match event {
                Event::Text(part) => text += &part,
                Event::Html(html) | Event::InlineHtml(html) => {
                    assert_eq!(&*html, "<br>");
                    texts.push(std::mem::take(&mut text));
                }
                Event::Start(Tag::Image { dest_url, .. }) => links.push(dest_url.to_string()),
                Event::Start(Tag::Table(columns)) => tables.push(columns.len()),
                Event::Start(Tag::Emphasis | Tag::CodeBlock(_) | Tag::Link { .. }) | Event::Code(_) => {
                    panic!("markup where there should be text: {event:?}")
                }
                Event::Start(Tag::Paragraph | Tag::TableCell | Tag::Heading { .. }) => text.clear(),
                Event::End(TagEnd::Paragraph | TagEnd::TableCell | TagEnd::Heading(_)) => texts.push(text.clone()),
                _ => {}
            }
        }
        assert!(tables.iter().all(|&columns| columns > 0));
        (texts, links)
    }
}

#[test]
fn both_formats_tell_the_same() {
    let run = Run::new(shapes::generate(2000, 400), 10).evaluated();
    let files = run.files("tutorial");
    let plots = ["accuracy", "loss", "learning_rate", "gradient_norm", "throughput", "confusion_matrix"]
        .map(|name| format!("plots/{name}.svg"));
    let mut expected = vec!["report.html", "report.md"];
    expected.extend(plots.iter().map(String::as_str));
    expected.push("mistakes.png");
    assert_eq!(files.names(), expected);
    let (markdown, links) = files.markdown_texts();
    assert_eq!(links, expected[2..]);
    let html = files.html_texts();
    let accuracy = format!("{:.2} %", 100.0 * run.history.evaluation.unwrap().accuracy);
    for text in [
        accuracy.as_str(),
        "0.9209",
        "122,570",
        "Adapter: llvmpipe (LLVM 15.0.6, 256 bits), vulkan, llvmpipe, Mesa 22.3.6 (LLVM 15.0.6).",
        "In epoch 10 accuracy is 79.68 % in training and 70.31 % in validation: training is ahead by 9.4 points.",
        "The axis starts at 0.4, because values fall below 0.5.",
        "vertical stripes",
        "products: forward of 32 x 32 x 32 x 3",
        "kernel broadcast64x16, parts 1",
        "7.000e-4",
        "conv2d_1",
        "13 x 13 x 64",
        "–",
    ] {
        assert!(html.iter().any(|found| found == text), "no `{text}` in HTML");
        assert!(markdown.iter().any(|found| found == text), "no `{text}` in Markdown");
    }
    let overfitting = |texts: &[String]| texts.iter().any(|text| text.starts_with("Overfitting since epoch 7: "));
    assert!(overfitting(&html) && overfitting(&markdown));
    for name in &plots {
        let svg = roxmltree::Document::parse(files.text(name)).unwrap();
        let first = svg.root_element().first_element_child().unwrap();
        assert_eq!((first.tag_name().name(), first.attribute("fill")), ("rect", Some("#FFFFFF")), "{name}");
    }
}

/// A hundred classes, names that are markup, grey pictures that are not square.
#[test]
fn names_are_shown_as_they_are() {
    let names: Vec<String> = (0..100).map(|i| format!("{} {i}", NAMES[i % NAMES.len()])).collect();
    let split = |images: usize| {
        let pixels = (0..images * 28 * 20).map(|i| (i * 7 % 251) as u8).collect();
        Split::new([20, 28, 1], pixels, (0..images).map(|i| (i % 100).try_into().unwrap()).collect())
    };
    let dataset = Dataset::new("<set>", "a|b", names.clone(), split(100), split(3000));
    let files = Run::new(dataset, 3).evaluated().files("hundred");
    let html = files.html_texts();
    let (markdown, _) = files.markdown_texts();
    for name in names {
        for texts in [&html, &markdown] {
            assert!(texts.contains(&name), "{name}");
            assert!(texts.iter().any(|text| text == "3 of 10"));
        }
    }
    let sheet = image::load_from_memory(&files.0.last().unwrap().1).unwrap();
    // Each pixel is three wide.
    assert_eq!((sheet.width(), sheet.height()), (5 * (3 * 28 + 8) + 8, 5 * (3 * 20 + 8) + 8));
}

/// What the report counts is what the device counted.
#[test]
fn predictions_agree_with_the_evaluation() {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let model = Sequential::new([32, 32, 3]).rescaling(1.0 / 255.0).max_pool2d(2).flatten().dense(10);
    // The last minibatch is short.
    let mut executor = Executor::new(gpu, &model, Options { batch_size: 16, ..Options::default() }).unwrap();
    let test = shapes::generate(0, 150).test;
    let stop = AtomicBool::new(false);
    let evaluation = evaluate(&mut executor, &test, &stop).unwrap().unwrap();
    let (again, predictions) = evaluate_and_predict(&mut executor, &test, &stop).unwrap().unwrap();
    assert_eq!(again, Evaluation { seconds: again.seconds, ..evaluation });
    assert_eq!((predictions.len(), predictions.classes()), (150, 10));
    let matrix = ConfusionMatrix::of(&test, &predictions);
    let right: u64 = (0..10).map(|class| matrix.count(class, class)).sum();
    assert_eq!(right as f64 / 150.0, evaluation.accuracy);
    assert_eq!(top_accuracy(&test, &predictions, 5), evaluation.top5_accuracy);
    assert_eq!((0..10).map(|class| matrix.support(class)).sum::<u64>(), 150);
    let losses = (0..150).map(|i| -predictions.probabilities(i)[usize::from(test.labels()[i])].ln());
    assert!((losses.sum::<f64>() / 150.0 - evaluation.loss).abs() < 1e-5);
    stop.store(true, Ordering::Relaxed);
    assert_eq!(evaluate_and_predict(&mut executor, &test, &stop).unwrap(), None);
}

#[test]
fn runs_are_compared_in_one_plot() {
    let run = |name: &str, shift: f64| {
        Curve::new(name, TUTORIAL.iter().zip(1..).map(|([.., accuracy], epoch)| (f64::from(epoch), accuracy + shift)))
    };
    let runs = vec![run("wgrad, seed 0", 0.0), run("wgrad, seed 1", 0.02), run("wgrad, dropout", 0.05)];
    let svg = comparison_plot("Validation accuracy", runs, &[("Keras", 0.6884)]).to_svg().unwrap();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("report-comparison");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("accuracy.svg"), &svg).unwrap();
    let document = roxmltree::Document::parse(&svg).unwrap();
    let texts: Vec<&str> = document.descendants().filter_map(|node| node.text()).map(str::trim).collect();
    for name in ["wgrad, seed 0", "wgrad, seed 1", "wgrad, dropout", "Keras"] {
        assert!(texts.contains(&name), "{name}");
    }
    let strokes: HashSet<&str> = (document.descendants())
        .filter(|node| node.attribute("stroke-width") == Some("2"))
        .filter_map(|node| node.attribute("stroke"))
        .collect();
    assert_eq!(strokes.len(), 4, "a colour for each");
}

#[test]
fn an_interrupted_run_has_a_report() {
    for (epochs, name) in [(0, "nothing"), (1, "interrupted")] {
        let files = Run::new(shapes::generate(32, 8), epochs).files(name);
        for texts in [files.html_texts(), files.markdown_texts().0] {
            assert!(texts.iter().any(|text| text.contains("the run was interrupted")), "{texts:?}");
            assert!(texts.iter().any(|text| *text == format!("{epochs} of 10")), "{texts:?}");
        }
        assert_eq!(files.names().len(), 2 + 5 * epochs);
    }
}
