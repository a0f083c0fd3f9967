//! Weights and data whose classes have the same names in another order, other names, fewer or none, through the binary.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::OnceLock;

use image::{Rgb, RgbImage};
use serde_json::Value;
use tempfile::TempDir;
use wgrad::exchange::Weights;

mod command;

use command::*;

/// Classes, and the colour that tells the pictures of each from the others.
const CLASSES: [(&str, [u8; 3]); 3] = [("apple", [220, 30, 30]), ("banana", [30, 220, 30]), ("cherry", [30, 30, 220])];

const MODEL: &str = "[[layers]]\ntype = \"flatten\"\n\n[[layers]]\ntype = \"dense\"\nunits = \"classes\"\n";

fn temporary() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// A directory `name` below `dir` with pictures of `classes`: the name of each directory, and the class of its pictures.
fn pictures(dir: &Path, name: &str, classes: &[(&str, &str)]) -> PathBuf {
    let dir = dir.join(name);
    for (directory, class) in classes {
        let colour = CLASSES.iter().find(|(name, _)| name == class).unwrap().1;
        for (split, count) in [("train", 6), ("test", 4)] {
            let path = dir.join(split).join(directory);
            fs::create_dir_all(&path).unwrap();
            for i in 0..count {
                let picture = RgbImage::from_fn(8, 8, |x, y| Rgb(colour.map(|c| c + ((x * y + i) % 16) as u8)));
                picture.save(path.join(format!("{i}.png"))).unwrap();
            }
        }
    }
    dir
}

/// Directories named after their classes.
fn own_names(names: &[&'static str]) -> Vec<(&'static str, &'static str)> {
    names.iter().map(|name| (*name, *name)).collect()
}

/// A command with a folder of pictures; the value of its last argument may follow.
fn with_data(subcommand: &str, data: &Path, arguments: &str) -> Command {
    let mut command = wgrad(&format!("{subcommand} {ADAPTER} --image-size 8 --dataset"));
    command.arg(format!("folder:{}", data.display())).args(arguments.split_whitespace());
    command
}

fn train_on(data: &Path, out: &Path, arguments: &str) -> Command {
    let mut command = with_data("train", data, "--no-report --learning-rate 1e-2 --out");
    command.arg(out).args(arguments.split_whitespace());
    command
}

/// A directory with `data`, three classes; `weights.safetensors`, which tells them apart; and `other_order.safetensors`,
/// the same network with its outputs and their names in another order.
fn trained() -> &'static Path {
    static TRAINED: OnceLock<PathBuf> = OnceLock::new();
    TRAINED.get_or_init(|| {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("class_names");
        let _ = fs::remove_dir_all(&dir);
        let data = pictures(&dir, "data", &own_names(&["apple", "banana", "cherry"]));
        fs::write(dir.join("model.toml"), MODEL).unwrap();
        succeeds(train_on(&data, &dir, "--epochs 30 --overwrite").arg("--model").arg(dir.join("model.toml")));
        let weights = Weights::read(&dir.join("weights.safetensors")).unwrap();
        assert_eq!(weights.class_names, ["apple", "banana", "cherry"]);
        fs::write(dir.join("other_order.safetensors"), reordered(weights, [2, 0, 1]).to_bytes().unwrap()).unwrap();
        dir
    })
}

/// The network with output `order[i]` at place `i`.
fn reordered(mut weights: Weights, order: [usize; 3]) -> Weights {
    weights.class_names = order.map(|class| weights.class_names[class].clone()).into();
    for tensor in &mut weights.tensors {
        tensor.values = tensor.values.chunks(3).flat_map(|row| order.map(|class| row[class])).collect();
    }
    weights
}

fn weights(name: &str) -> PathBuf {
    trained().join(name)
}

fn data() -> PathBuf {
    trained().join("data")
}

fn eval(weights: &Path, data: &Path, arguments: &str) -> Command {
    let mut command = with_data("eval", data, &format!("--json {arguments} --weights"));
    command.arg(weights);
    command
}

fn accuracy(output: &Output) -> f64 {
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    report["accuracy"].as_f64().unwrap()
}

const DIFFER: [&str; 3] = [
    "3 classes that the network does not have: a_cherry, b_banana, c_apple",
    "apple, banana, cherry",
    "--ignore-class-names",
];

fn renamed(dir: &Path) -> PathBuf {
    pictures(dir, "renamed", &[("a_cherry", "cherry"), ("b_banana", "banana"), ("c_apple", "apple")])
}

#[test]
fn evaluation_finds_classes_by_name_whatever_their_order() {
    let output = succeeds(&mut eval(&weights("weights.safetensors"), &data(), ""));
    assert_eq!((accuracy(&output), stderr(&output).contains("order")), (1.0, false));
    let output = succeeds(&mut eval(&weights("other_order.safetensors"), &data(), ""));
    assert_eq!(accuracy(&output), 1.0);
    assert!(stderr(&output).contains("in another order than the network"), "{}", stderr(&output));
    // By place each class is taken for its neighbour.
    let output = succeeds(&mut eval(&weights("other_order.safetensors"), &data(), "--ignore-class-names"));
    assert_eq!(accuracy(&output), 0.0);
}

#[test]
fn evaluation_stops_where_names_differ() {
    let dir = temporary();
    let renamed = renamed(dir.path());
    assert_eq!(fails(&mut eval(&weights("weights.safetensors"), &renamed, ""), &DIFFER), 3);
    let output = succeeds(&mut eval(&weights("weights.safetensors"), &renamed, "--ignore-class-names"));
    assert!((accuracy(&output) - 1.0 / 3.0).abs() < 1e-6);
    // Sets other than directories have names as well.
    let mut command = wgrad(&format!("eval {ADAPTER} --dataset shapes --weights"));
    fails(command.arg(weights("weights.safetensors")), &["10 classes that the network does not have", "and 5 more"]);
    // More classes than there are outputs.
    let data = pictures(
        dir.path(),
        "more",
        &[("apple", "apple"), ("banana", "banana"), ("cherry", "cherry"), ("date", "apple")],
    );
    let error = ["a class that the network does not have: date"];
    fails(&mut eval(&weights("weights.safetensors"), &data, ""), &error);
    let error = ["3 classes, but the data set has 4 classes"];
    fails(&mut eval(&weights("weights.safetensors"), &data, "--ignore-class-names"), &error);
}

#[test]
fn fewer_classes_are_evaluated_by_name() {
    let dir = temporary();
    // At places 0 and 1 there, and 1 and 2 in the network.
    let data = pictures(dir.path(), "fewer", &own_names(&["banana", "cherry"]));
    let npz = dir.path().join("logits.npz");
    let output = succeeds(eval(&weights("weights.safetensors"), &data, "").arg("--logits").arg(&npz));
    assert_eq!(accuracy(&output), 1.0);
    assert!(stderr(&output).contains("has 2 of the network's 3 classes"), "{}", stderr(&output));
    let fewer = ["3 classes, but the data set has 2 classes"];
    fails(&mut eval(&weights("weights.safetensors"), &data, "--ignore-class-names"), &fewer);
}

#[test]
fn weights_without_names_are_matched_by_place() {
    let dir = temporary();
    let file = dir.path().join("unnamed.safetensors");
    let mut unnamed = Weights::read(&weights("weights.safetensors")).unwrap();
    unnamed.class_names.clear();
    fs::write(&file, unnamed.to_bytes().unwrap()).unwrap();
    let output = succeeds(&mut eval(&file, &data(), ""));
    assert_eq!(accuracy(&output), 1.0);
    assert!(stderr(&output).contains("do not name their classes"), "{}", stderr(&output));
    // More names than outputs belong to no network.
    unnamed.class_names = ["apple", "banana", "cherry", "date"].map(Into::into).into();
    fs::write(&file, unnamed.to_bytes().unwrap()).unwrap();
    fails(&mut eval(&file, &data(), ""), &["name 4 classes, but their network has 3"]);
}

#[test]
fn predictions_keep_the_names_of_the_weights() {
    let dir = temporary();
    let names = dir.path().join("names.txt");
    let picture = data().join("test/banana/0.png");
    let predict = |file: &str, arguments: &str| {
        let mut command = wgrad(&format!("predict {ADAPTER} --top-k 1 {arguments} --classes"));
        command.arg(&names).arg("--weights").arg(weights(file)).arg(&picture);
        command
    };
    fs::write(&names, "cherry\nbanana\napple\n").unwrap();
    for file in ["weights.safetensors", "other_order.safetensors"] {
        let line = stdout(&succeeds(&mut predict(file, "")));
        assert!(line.contains("0.png: banana "), "{file}: {line}");
    }
    fs::write(&names, "pomme\nbanane\ncerise\n").unwrap();
    fails(&mut predict("weights.safetensors", ""), &["pomme, banane, cerise", "--ignore-class-names"]);
    let line = stdout(&succeeds(&mut predict("weights.safetensors", "--ignore-class-names")));
    assert!(line.contains("0.png: banane "), "{line}");
    fs::write(&names, "banana\napple\n").unwrap();
    fails(&mut predict("weights.safetensors", ""), &["names 2 of the network's 3 classes"]);
}

#[test]
fn training_from_weights_keeps_their_order() {
    let dir = temporary();
    let [out, again] = ["out", "again"].map(|name| dir.path().join(name));
    let from = |data: &Path, out: &Path, arguments: &str| {
        let mut command = train_on(data, out, &format!("--epochs 1 {arguments} --from"));
        command.arg(weights("other_order.safetensors"));
        command
    };
    let output = succeeds(&mut from(&data(), &out, ""));
    assert!(stderr(&output).contains("in another order"), "{}", stderr(&output));
    let first = json(&out.join("history.json"))["epochs"][0]["accuracy"].as_f64().unwrap();
    assert_eq!(first, 1.0, "labels are those of the network from the first step on");
    let after = out.join("weights.safetensors");
    assert_eq!(Weights::read(&after).unwrap().class_names, ["cherry", "apple", "banana"]);
    assert_eq!(accuracy(&succeeds(&mut eval(&after, &data(), ""))), 1.0);

    // A run that goes on has the same labels, and no other names.
    let mut command = with_data("train", &data(), "--epochs 3 --resume");
    command.arg(&out).arg("--out").arg(&again);
    succeeds(&mut command);
    let weights = Weights::read(&again.join("weights.safetensors")).unwrap();
    assert_eq!(weights.class_names, ["cherry", "apple", "banana"]);
    let epochs = json(&again.join("history.json"))["epochs"].as_array().unwrap().clone();
    assert!(epochs.len() == 3 && epochs.iter().all(|row| row["accuracy"] == 1.0), "{epochs:?}");
    // Names have no part in the checksum of the data.
    let other = pictures(dir.path(), "other", &[("a", "apple"), ("b", "banana"), ("c", "cherry")]);
    fails(with_data("train", &other, "--resume").arg(&out), &["a, b, c", "cherry, apple, banana"]);
}

#[test]
fn training_from_weights_stops_where_names_differ() {
    let dir = temporary();
    let (renamed, out) = (renamed(dir.path()), dir.path().join("out"));
    let from = |arguments: &str| {
        let mut command = train_on(&renamed, &out, &format!("--epochs 1 --overwrite {arguments} --from"));
        command.arg(weights("weights.safetensors"));
        command
    };
    fails(&mut from(""), &DIFFER);
    assert!(!out.join("weights.safetensors").exists());
    succeeds(&mut from("--ignore-class-names"));
    let written = || Weights::read(&out.join("weights.safetensors")).unwrap().class_names;
    assert_eq!(written(), ["a_cherry", "b_banana", "c_apple"]);
    // A new last layer has no classes yet.
    let head = trained().join("model.toml");
    let output = succeeds(from("").arg("--append").arg(head));
    assert!(!stderr(&output).contains("place"), "{}", stderr(&output));
    assert_eq!(written(), ["a_cherry", "b_banana", "c_apple"]);
}
