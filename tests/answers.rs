//! Networks that end in one sigmoid unit, in several, or in none: what they answer, and how they are trained.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use image::{Rgb, RgbImage};
use serde::Deserialize;
use serde_json::Value;
use tempfile::TempDir;
use wgrad::data::Batch;
use wgrad::exchange::Weights;
use wgrad::exec::{Executor, Options};
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::model::{Activation, BuildOptions, NamedTensor, Sequential};
use wgrad::optim::Optimizer;

mod command;

use command::*;

/// Greys of the pictures that networks answer.
const GREYS: [u8; 4] = [0, 51, 153, 255];

fn temporary() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A network of `units` whose logits are `slope * grey + offset`, for greys from 0 to 1, and its slopes and offsets.
fn network(units: usize, last: impl Fn(Sequential) -> Sequential, class_names: &[&str]) -> (Weights, Vec<[f64; 2]>) {
    let lines: Vec<[f64; 2]> = (0..units).map(|unit| [6.0 - 4.0 * unit as f64, unit as f64 - 2.0]).collect();
    let column = |of: usize| lines.iter().map(move |line| line[of] as f32);
    let kernel = (0..12).flat_map(|_| column(0).map(|slope| slope / 12.0)).collect();
    let tensors = vec![
        NamedTensor { name: "dense/kernel".into(), shape: vec![12, units], values: kernel },
        NamedTensor { name: "dense/bias".into(), shape: vec![units], values: column(1).collect() },
    ];
    let model = last(Sequential::new([2, 2, 3]).rescaling(1.0 / 255.0).flatten().dense(units));
    let class_names = class_names.iter().map(|name| (*name).into()).collect();
    (Weights { tensors, model: Some(model.into()), class_names }, lines)
}

fn written(dir: &Path, weights: &Weights) -> PathBuf {
    let path = dir.join("weights.safetensors");
    fs::write(&path, weights.to_bytes().unwrap()).unwrap();
    path
}

fn pictures(dir: &Path) -> Vec<PathBuf> {
    let save = |grey: u8| {
        let path = dir.join(format!("{grey:03}.png"));
        RgbImage::from_pixel(2, 2, Rgb([grey; 3])).save(&path).unwrap();
        path
    };
    GREYS.map(save).into()
}

fn predict(weights: &Path, pictures: &[PathBuf], arguments: &str) -> Command {
    let mut command = wgrad(&format!("predict {ADAPTER} {arguments} --weights"));
    command.arg(weights).args(pictures);
    command
}

/// The kind of answer, and the probabilities of each picture by class.
fn answers(weights: &Path, pictures: &[PathBuf], classes: &[&str]) -> (Vec<String>, Vec<Vec<f64>>) {
    let output = succeeds(&mut predict(weights, pictures, "--json --top-k 9"));
    let lines = stdout(&output).lines().map(|line| serde_json::from_str::<Value>(line).unwrap()).collect::<Vec<_>>();
    let kinds = lines.iter().map(|line| line["answer"].as_str().unwrap().into()).collect();
    let probability = |line: &Value, class: &str| {
        let top = line["top"].as_array().unwrap();
        assert_eq!(top.len(), classes.len());
        top.iter().find(|entry| entry["class"] == class).unwrap()["probability"].as_f64().unwrap()
    };
    (kinds, lines.iter().map(|line| classes.iter().map(|class| probability(line, class)).collect()).collect())
}

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn close(found: &[f64], expected: &[f64]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert!((found - expected).abs() < 1e-6, "{found} {expected}");
    }
}

fn as_layer(activation: Activation) -> impl Fn(Sequential) -> Sequential {
    move |model| model.layer(wgrad::model::layers::Activation::new(activation))
}

#[test]
fn one_unit_is_the_probability_of_the_second_class() {
    let dir = temporary();
    let pictures = pictures(dir.path());
    type Last = Box<dyn Fn(Sequential) -> Sequential>;
    let ends: [Last; 4] = [
        Box::new(|model| model.activation(Activation::Sigmoid)),
        Box::new(as_layer(Activation::Sigmoid)),
        Box::new(|model| model.activation(Activation::Sigmoid).flatten()),
        Box::new(|model| model),
    ];
    for end in ends {
        let (weights, lines) = network(1, end, &["cat", "dog"]);
        let weights = written(dir.path(), &weights);
        let (kinds, found) = answers(&weights, &pictures, &["cat", "dog"]);
        assert_eq!(kinds, ["binary"; 4]);
        for (grey, found) in GREYS.iter().zip(found) {
            let p = sigmoid(lines[0][0] * f64::from(*grey) / 255.0 + lines[0][1]);
            close(&found, &[1.0 - p, p]);
        }
        // sigmoid(-2), sigmoid(-0.8), sigmoid(1.6) and sigmoid(4)
        let output = succeeds(&mut predict(&weights, &pictures, ""));
        let text = stdout(&output);
        for (line, expected) in text.lines().zip([
            "000.png: cat 88.08 %, dog 11.92 %",
            "051.png: cat 69.00 %, dog 31.00 %",
            "153.png: dog 83.20 %, cat 16.80 %",
            "255.png: dog 98.20 %, cat 1.80 %",
        ]) {
            assert!(line.ends_with(expected), "{line}");
        }
        assert!(stderr(&output).contains("sigmoid is the probability of dog"), "{}", stderr(&output));
    }
    // Without names too there are two classes.
    let (weights, _) = network(1, |model| model.activation(Activation::Sigmoid), &[]);
    let text = stdout(&succeeds(&mut predict(&written(dir.path(), &weights), &pictures[..1], "")));
    assert!(text.contains("000.png: class 0 88.08 %, class 1 11.92 %"), "{text}");
    // One name, or three, are not names of two classes.
    for names in [&["cat"][..], &["cat", "dog", "owl"]] {
        let (weights, _) = network(1, |model| model, names);
        fails(&mut predict(&written(dir.path(), &weights), &pictures[..1], ""), &["their network has 2"]);
    }
}

#[test]
fn several_sigmoid_units_answer_by_themselves() {
    let dir = temporary();
    let pictures = pictures(dir.path());
    let names = ["cat", "dog", "owl"];
    let (weights, lines) = network(3, |model| model.activation(Activation::Sigmoid), &names);
    let weights = written(dir.path(), &weights);
    let (kinds, found) = answers(&weights, &pictures, &names);
    assert_eq!(kinds, ["sigmoid"; 4]);
    for (grey, found) in GREYS.iter().zip(&found) {
        let expected: Vec<f64> =
            lines.iter().map(|line| sigmoid(line[0] * f64::from(*grey) / 255.0 + line[1])).collect();
        close(found, &expected);
    }
    let sum: f64 = found[3].iter().sum();
    assert!((sum - 1.0).abs() > 0.3, "{sum}");
    let output = succeeds(&mut predict(&weights, &pictures, ""));
    assert!(stderr(&output).contains("need not sum to 100 %"), "{}", stderr(&output));
}

#[test]
fn a_final_softmax_is_applied_once() {
    let dir = temporary();
    let pictures = pictures(dir.path());
    let names = ["cat", "dog", "owl"];
    for activation in [Activation::Softmax, Activation::Linear] {
        let (weights, lines) = network(3, |model| model.activation(activation), &names);
        let (kinds, found) = answers(&written(dir.path(), &weights), &pictures, &names);
        assert_eq!(kinds, ["softmax"; 4]);
        for (grey, found) in GREYS.iter().zip(&found) {
            let parts: Vec<f64> =
                lines.iter().map(|line| (line[0] * f64::from(*grey) / 255.0 + line[1]).exp()).collect();
            let sum: f64 = parts.iter().sum();
            close(found, &parts.iter().map(|part| part / sum).collect::<Vec<_>>());
        }
    }
}

#[test]
fn a_softmax_over_one_class_says_that_it_says_nothing() {
    let dir = temporary();
    let (weights, _) = network(1, |model| model.activation(Activation::Softmax), &[]);
    let output = succeeds(&mut predict(&written(dir.path(), &weights), &pictures(dir.path()), ""));
    assert!(stdout(&output).lines().all(|line| line.ends_with(": class 0 100.00 %")), "{}", stdout(&output));
    assert!(stderr(&output).contains("1 for every picture"), "{}", stderr(&output));
}

/// A directory of pictures of 2 x 2, `count` classes from dark to bright.
fn folder(dir: &Path, count: u8) -> PathBuf {
    let dir = dir.join(format!("{count}_classes"));
    for class in 0..count {
        for (split, pictures) in [("train", 24), ("test", 8)] {
            let path = dir.join(split).join(format!("class_{class}"));
            fs::create_dir_all(&path).unwrap();
            for i in 0..pictures {
                let grey = 20 + class * (200 / (count - 1)) + i;
                RgbImage::from_pixel(2, 2, Rgb([grey; 3])).save(path.join(format!("{i:02}.png"))).unwrap();
            }
        }
    }
    dir
}

fn with_data(arguments: &str, data: &Path) -> Command {
    let mut command = wgrad(&format!("{arguments} {ADAPTER} --image-size 2 --dataset"));
    command.arg(format!("folder:{}", data.display()));
    command
}

/// Evaluates, and compares with the loss and the accuracy that the library's logits give.
fn evaluated(weights: &Path, data: &Path, loss: impl Fn(&[f64], usize) -> f64) -> Value {
    let archive = weights.with_file_name("logits.npz");
    let mut command = with_data("eval --json", data);
    let output = succeeds(command.arg("--weights").arg(weights).arg("--logits").arg(&archive));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    let bytes = fs::read(&archive).unwrap();
    let array = |name: &str| {
        let zip = rawzip::ZipArchive::from_slice(&bytes).unwrap();
        let mut entries = zip.entries();
        loop {
            let header = entries.next_entry().unwrap().unwrap();
            if header.file_path().as_bytes() == name.as_bytes() {
                let (start, end) = zip.get_entry(header.wayfinder()).unwrap().compressed_data_range();
                let array = &bytes[start as usize..end as usize];
                // After the magic, the version and the header, which says how long it is.
                return &array[10 + usize::from(u16::from_le_bytes([array[8], array[9]]))..];
            }
        }
    };
    let labels: Vec<usize> =
        array("labels.npy").chunks(2).map(|b| usize::from(u16::from_le_bytes([b[0], b[1]]))).collect();
    let logits: Vec<f64> =
        array("logits.npy").chunks(4).map(|b| f64::from(f32::from_le_bytes(b.try_into().unwrap()))).collect();
    let units = logits.len() / labels.len();
    let losses = logits.chunks(units).zip(&labels).map(|(z, label)| loss(z, *label));
    let mean = losses.sum::<f64>() / labels.len() as f64;
    let found = report["loss"].as_f64().unwrap();
    assert!((found - mean).abs() < 1e-5 * mean.max(1e-2), "{found} {mean}");
    report
}

/// Binary cross-entropy of a logit and its target.
fn bce(z: f64, target: f64) -> f64 {
    target * (-z).exp().ln_1p() + (1.0 - target) * z.exp().ln_1p()
}

#[test]
fn one_unit_is_trained_on_two_classes() {
    let dir = temporary();
    let data = folder(dir.path(), 2);
    let model = dir.path().join("model.toml");
    let dense = "[[layers]]\ntype = \"flatten\"\n[[layers]]\ntype = \"dense\"\nunits = 1\n";
    for (i, activation) in ["activation = \"sigmoid\"", ""].into_iter().enumerate() {
        fs::write(&model, format!("{dense}{activation}")).unwrap();
        let out = dir.path().join(format!("out_{i}"));
        let mut command = with_data("train --epochs 12 --learning-rate 0.1 --batch-size 7", &data);
        let output = succeeds(command.arg("--model").arg(&model).arg("--out").arg(&out));
        assert!(stdout(&output).contains("accuracy: 1.0000"), "{}", stdout(&output));
        let losses: Vec<f64> = json(&out.join("history.json"))["epochs"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["loss"].as_f64().unwrap())
            .collect();
        assert!(losses[11] < losses[0] / 2.0, "{losses:?}");
        let weights = out.join("weights.safetensors");
        assert_eq!(Weights::read(&weights).unwrap().class_names, ["class_0", "class_1"]);
        let report = evaluated(&weights, &data, |z, label| bce(z[0], label as f64));
        assert_eq!((&report["accuracy"], &report["answer"]), (&Value::from(1.0), &Value::from("binary")));
        let pictures = ["class_0/03.png", "class_1/03.png"].map(|name| data.join("test").join(name));
        let text = stdout(&succeeds(&mut predict(&weights, &pictures, "--top-k 1")));
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].contains(": class_0 ") && lines[1].contains(": class_1 "), "{text}");
        let report = fs::read_to_string(out.join("report.md")).unwrap();
        assert!(report.contains("one sigmoid, which is the probability of the second of 2 classes"), "{report}");
        assert!(report.contains("No image was mistaken"), "{report}");
    }
    // Three classes are too many for one unit.
    let data = folder(dir.path(), 3);
    let mut command = with_data("train --epochs 1", &data);
    fails(command.arg("--model").arg(&model).arg("--out").arg(dir.path().join("three")), &["2 classes", "3 classes"]);
}

#[test]
fn a_unit_for_each_class_is_trained_by_itself() {
    let dir = temporary();
    let data = folder(dir.path(), 3);
    let model = dir.path().join("model.toml");
    let layer = |units: &str, activation| {
        format!("[[layers]]\ntype = \"dense\"\nunits = {units}\nactivation = \"{activation}\"\n")
    };
    let flatten = "[[layers]]\ntype = \"flatten\"\n";
    fs::write(&model, [flatten, &layer("8", "tanh"), &layer("\"classes\"", "sigmoid")].concat()).unwrap();
    let out = dir.path().join("out");
    let mut command = with_data("train --epochs 20 --learning-rate 0.05 --batch-size 8 --label-smoothing 0.1", &data);
    succeeds(command.arg("--model").arg(&model).arg("--out").arg(&out));
    let report = evaluated(&out.join("weights.safetensors"), &data, |z, label| {
        z.iter().enumerate().map(|(unit, z)| bce(*z, f64::from(u8::from(unit == label)))).sum::<f64>() / 3.0
    });
    assert_eq!(report["answer"], "sigmoid");
    assert!(report["accuracy"].as_f64().unwrap() > 0.9, "{report}");
    let report = fs::read_to_string(out.join("report.md")).unwrap();
    assert!(report.contains("a sigmoid for each of 3 classes by itself"), "{report}");
}

/// What Keras made of a network that ends in sigmoid; see tests/fixtures/keras_sigmoid.py.
#[derive(Deserialize)]
struct Figures {
    units: usize,
    smoothing: f64,
    losses: Vec<f64>,
    correct: Vec<u32>,
    weights: Vec<Vec<f64>>,
    probabilities: Vec<f64>,
}

fn hash(t: u32, i: u32) -> u32 {
    let mut x = i.wrapping_mul(2_654_435_761).wrapping_add(t.wrapping_mul(2_246_822_519)).wrapping_add(374_761_393);
    x = (x ^ (x >> 15)).wrapping_mul(2_246_822_519);
    x = (x ^ (x >> 13)).wrapping_mul(3_266_489_917);
    x ^ (x >> 16)
}

#[test]
fn training_is_that_of_keras() {
    let figures: Vec<Figures> = serde_json::from_str(include_str!("fixtures/sigmoid.json")).unwrap();
    assert_eq!(figures.len(), 4);
    let choice = AdapterChoice { adapter: ADAPTER.split(' ').next_back().map(Into::into), ..Default::default() };
    let gpu = Arc::new(Gpu::open_blocking(&choice).unwrap());
    for Figures { units, smoothing, losses, correct, weights, probabilities } in figures {
        let model = Sequential::new([4, 4, 3]).rescaling(1.0 / 255.0).flatten().dense(6).activation(Activation::Tanh);
        let model = model.dense(units).activation(Activation::Sigmoid);
        let options = Options {
            batch_size: 7,
            optimizer: Optimizer { learning_rate: 1e-2, ..Optimizer::default() },
            build: BuildOptions { label_smoothing: smoothing, ..BuildOptions::default() },
            ..Options::default()
        };
        let mut executor = Executor::new(gpu.clone(), &model, options).unwrap();
        let mut parameters = gpu.block_on(executor.parameters()).unwrap();
        for (tensor, t) in parameters.iter_mut().zip(0..) {
            for (value, i) in tensor.values.iter_mut().zip(0..) {
                *value = (f64::from(hash(t, i)) / 4_294_967_296.0 - 0.5) as f32;
            }
        }
        gpu.block_on(executor.set_parameters(&parameters)).unwrap();
        let batch = |step: u32| {
            let pixels = (0..7 * 48).map(|i| (hash(1000 + step, i) >> 24) as u8).collect();
            let labels = (0..7).map(|j| hash(2000 + step, j) % units.max(2) as u32).collect();
            Batch { pixels, labels, len: 7 }
        };
        let mut steps = Vec::new();
        for step in 0..losses.len() as u32 {
            gpu.block_on(executor.train_step(&batch(step))).unwrap();
            steps.extend(gpu.block_on(executor.metrics()).unwrap());
        }
        let relative = |found: f64, expected: f64| (found - expected).abs() / expected.abs().max(1e-2);
        let worst = |pairs: Vec<(f64, f64)>| pairs.iter().fold(0.0_f64, |most, (a, b)| most.max(relative(*a, *b)));
        let of_loss = worst(steps.iter().map(|step| step.loss).zip(losses).collect());
        assert_eq!(steps.iter().map(|step| step.correct).collect::<Vec<_>>(), correct);
        let found = gpu.block_on(executor.parameters()).unwrap();
        let values = found.iter().flat_map(|tensor| tensor.values.iter().map(|value| f64::from(*value)));
        let of_weights = worst(values.zip(weights.into_iter().flatten()).collect());
        let answer = executor.answer();
        let logits = gpu.block_on(executor.logits(&batch(0))).unwrap();
        let found = logits.chunks(units).flat_map(|row| {
            let all = answer.probabilities(row);
            if units == 1 { vec![all[1]] } else { all }
        });
        let of_probabilities = worst(found.zip(probabilities).collect());
        println!(
            "{units} units, smoothing {smoothing}: losses {of_loss:.1e}, weights {of_weights:.1e}, probabilities {of_probabilities:.1e}"
        );
        assert!(of_loss < 1e-5 && of_weights < 1e-3 && of_probabilities < 1e-4);
    }
}
