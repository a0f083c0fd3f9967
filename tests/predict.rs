//! `wgrad predict`, and training on directories of pictures, as users meet them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use image::{Rgb, RgbImage};
use serde_json::Value;
use wgrad::data::{Batch, Split, cifar::CIFAR10, shapes};
use wgrad::exchange::Weights;
use wgrad::exec::{Executor, Options};
use wgrad::gpu::{AdapterChoice, Gpu};

mod command;

use command::*;

const PICTURES: usize = 40;

/// Weights of a short training on `shapes`, made once.
fn weights() -> &'static Path {
    static WEIGHTS: OnceLock<PathBuf> = OnceLock::new();
    WEIGHTS.get_or_init(|| {
        let out = Path::new(env!("CARGO_TARGET_TMPDIR")).join("predict");
        succeeds(&mut train(&out, "--limit 640 --epochs 2"));
        out.join("weights.safetensors")
    })
}

fn predict(arguments: &str, paths: &[&Path]) -> Command {
    let mut command = wgrad(&format!("predict {ADAPTER} {arguments} --weights"));
    command.arg(weights()).args(paths);
    command
}

fn lines(command: &mut Command) -> Vec<String> {
    stdout(&succeeds(command)).lines().map(Into::into).collect()
}

fn picture(split: &Split, i: usize) -> RgbImage {
    RgbImage::from_raw(32, 32, split.image(i).unwrap().to_vec()).unwrap()
}

/// Logits of the first images of a split, from the library.
fn logits(split: &Split) -> Vec<Vec<f32>> {
    let weights = Weights::read(weights()).unwrap();
    let choice = AdapterChoice { adapter: ADAPTER.split(' ').next_back().map(Into::into), ..Default::default() };
    let gpu = Arc::new(Gpu::open_blocking(&choice).unwrap());
    let options = Options { batch_size: PICTURES, ..Options::default() };
    let mut executor = Executor::new(gpu.clone(), weights.model.as_ref().unwrap(), options).unwrap();
    gpu.block_on(executor.set_parameters(&weights.tensors)).unwrap();
    let pixels = split.pixels()[..PICTURES * split.image_len()].to_vec();
    let batch = Batch { pixels, labels: vec![0; PICTURES], len: PICTURES };
    let logits = gpu.block_on(executor.logits(&batch)).unwrap();
    logits.chunks(10).map(Into::into).collect()
}

#[test]
fn pictures_get_the_classes_that_the_network_gives_their_pixels() {
    let split = shapes::generate(PICTURES, 0).train;
    let dir = tempfile::tempdir().unwrap();
    // Two batches, the second of which is padded; files and directories in sorted order.
    let names: Vec<_> = (0..PICTURES).map(|i| format!("{}/{i:02}.png", ["a", "b/c", "d"][i * 3 / PICTURES])).collect();
    for (i, name) in names.iter().enumerate().rev() {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        picture(&split, i).save(path).unwrap();
    }
    let json = lines(&mut predict("--json --top-k 99", &[dir.path()]));
    assert_eq!(json.len(), PICTURES);
    for ((line, name), logits) in json.iter().zip(&names).zip(logits(&split)) {
        let line: Value = serde_json::from_str(line).unwrap();
        assert_eq!(line["path"], dir.path().join(name).to_str().unwrap());
        assert_eq!(line["answer"], "softmax");
        let top: Vec<_> = (line["top"].as_array().unwrap().iter())
            .map(|entry| (entry["class"].as_str().unwrap(), entry["probability"].as_f64().unwrap()))
            .collect();
        assert_eq!(top.len(), 10, "capped at the number of classes");
        assert!(top.is_sorted_by(|a, b| a.1 >= b.1), "{top:?}");
        assert!((top.iter().map(|(_, probability)| probability).sum::<f64>() - 1.0).abs() < 1e-9);
        let sum: f64 = logits.iter().map(|logit| f64::from(*logit).exp()).sum();
        for (class, probability) in top {
            let class = shapes::CLASS_NAMES.iter().position(|name| *name == class).unwrap();
            assert!((probability - f64::from(logits[class]).exp() / sum).abs() < 1e-5, "{name}: {class}");
        }
    }

    let text = lines(&mut predict("--top-k 2", &[&dir.path().join("d"), &dir.path().join("a/00.png")]));
    assert_eq!(text.len(), PICTURES - 27 + 1);
    let first: Value = serde_json::from_str(&json[0]).unwrap();
    let start = format!("{}: {} ", dir.path().join("a/00.png").display(), first["top"][0]["class"].as_str().unwrap());
    assert!(text[PICTURES - 27].starts_with(&start), "{text:?}");
    assert!(text.iter().all(|line| line.matches(" %").count() == 2), "{text:?}");
}

#[test]
fn broken_pictures_are_named_and_the_rest_goes_on() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    let split = shapes::generate(2, 0).train;
    picture(&split, 0).save(at("a.png")).unwrap();
    fs::write(at("b.jpg"), b"broken").unwrap();
    let large = image::imageops::resize(&picture(&split, 1), 90, 60, image::imageops::FilterType::Triangle);
    large.save(at("c.JPEG")).unwrap();
    fs::write(at("d.txt"), b"no picture").unwrap();

    let output = predict("", &[dir.path(), &at("missing.png")]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let stdout = stdout(&output);
    let lines: Vec<_> = stdout.lines().collect();
    assert_eq!(lines.len(), 2, "{stdout}");
    assert!(lines[0].contains("a.png: ") && lines[1].contains("c.JPEG: "), "{stdout}");
    let stderr = stderr(&output);
    let lines: Vec<_> = stderr.lines().collect();
    assert_eq!(lines.len(), 4, "{stderr}");
    assert!(
        lines[0].starts_with("WARNING: left out: 1 file that is not a picture") && lines[0].contains("d.txt"),
        "{stderr}"
    );
    assert!(lines[1].starts_with("error: ") && lines[1].contains("b.jpg"), "{stderr}");
    assert!(lines[2].starts_with("error: ") && lines[2].contains("missing.png"), "{stderr}");
    assert_eq!(lines[3], "2 of 4 pictures could not be used");

    let output = predict("--json", &[&at("b.jpg")]).output().unwrap();
    assert_eq!((output.status.code(), output.stdout.len()), (Some(1), 0));
}

#[test]
fn wrong_arguments_are_errors() {
    let dir = tempfile::tempdir().unwrap();
    let png = dir.path().join("a.png");
    fails(&mut predict("", &[dir.path()]), &["holds no pictures", "put pictures into it"]);
    RgbImage::new(3, 3).save(&png).unwrap();
    for (arguments, parts) in [
        ("--top-k 0", ["--top-k is 0", "1 or more"]),
        ("--batch-size 0", ["--batch-size is 0", "1 or more"]),
        ("--classes cifar100 --ignore-class-names", ["100 classes", "the network has 10"]),
        ("--classes cifar100", ["100 classes that the network does not have", "--ignore-class-names"]),
        ("--classes no-such-file", ["no-such-file", "fashion-mnist, or a file"]),
    ] {
        fails(&mut predict(arguments, &[&png]), &parts);
    }
    fails(wgrad("predict --weights none.safetensors").arg(&png), &["cannot read none.safetensors"]);
    assert_eq!(predict("", &[]).output().unwrap().status.code(), Some(2));
}

#[test]
fn names_and_the_network_may_come_from_elsewhere() {
    let dir = tempfile::tempdir().unwrap();
    let png = dir.path().join("a.png");
    RgbImage::new(40, 30).save(&png).unwrap();
    let file = dir.path().join("names.txt");
    fs::write(&file, (0..10).map(|i| format!("name {i}\n")).collect::<String>()).unwrap();
    let line = lines(predict("--top-k 1 --ignore-class-names", &[&png]).arg("--classes").arg(&file)).concat();
    assert!(line.contains(": name "), "{line}");

    // Another program's weights, which say nothing of the network.
    let mut weights = Weights::read(weights()).unwrap();
    (weights.model, weights.class_names) = (None, Vec::new());
    let foreign = dir.path().join("foreign.safetensors");
    fs::write(&foreign, weights.to_bytes().unwrap()).unwrap();
    let line = |arguments: &str| {
        let mut command = wgrad(&format!("predict {ADAPTER} --top-k 1 {arguments} --weights"));
        lines(command.arg(&foreign).arg(&png)).concat()
    };
    let unnamed = line("");
    assert!(unnamed.contains(": class "), "{unnamed}");
    let named = line("--classes cifar10");
    assert!(CIFAR10.class_names.iter().any(|name| named.contains(name)), "{named}");
    let mut command = wgrad(&format!("predict {ADAPTER} --top-k 1 --model"));
    command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/models/tutorial.toml"));
    assert_eq!(lines(command.arg("--weights").arg(&foreign).arg(&png)).concat(), unnamed);
}

#[test]
fn a_folder_of_pictures_is_trained_on_and_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    for i in 0..150 {
        for (class, [red, blue]) in [("blue", [20, 200]), ("red", [200, 20])] {
            let path = dir.path().join(format!("pictures/{class}/{i:03}.png"));
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            RgbImage::from_fn(40, 30, |x, y| Rgb([red, ((x * y + i) % 200) as u8, blue])).save(path).unwrap();
        }
    }
    fs::write(dir.path().join("pictures/blue/999.png"), b"broken").unwrap();
    let out = dir.path().join("out");
    let with_data = |arguments: &str| {
        let mut command = wgrad(&format!("{arguments} {ADAPTER} --image-size 26x24 --dataset"));
        command.arg(format!("folder:{}", dir.path().join("pictures").display()));
        command
    };
    let output = succeeds(with_data("train --limit 200 --epochs 5").arg("--out").arg(&out));
    let text = stdout(&output);
    assert!(text.contains("200 training and 60 test images of 26 x 24 in 2 classes"), "{text}");
    let notes = stderr(&output);
    assert!(
        ["every fifth picture", "999.png", "1 picture that cannot be decoded"].iter().all(|part| notes.contains(part)),
        "{notes}"
    );
    assert_eq!(json(&out.join("config.json"))["dataset"]["image_shape"], serde_json::json!([26, 24, 3]));

    let weights = out.join("weights.safetensors");
    let output = succeeds(with_data("eval --json").arg("--weights").arg(&weights));
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["dataset"], "folder");
    assert!(report["accuracy"].as_f64().unwrap() > 0.95, "{report}");
    let mut command = wgrad(&format!("predict {ADAPTER} --weights"));
    let tests = ["blue/004.png", "red/004.png"].map(|name| dir.path().join("pictures").join(name));
    let lines = lines(command.arg(&weights).args(tests));
    assert!(lines[0].contains("004.png: blue ") && lines[1].contains("004.png: red "), "{lines:?}");
}

#[test]
fn data_options_that_do_not_fit_are_errors() {
    fails(
        &mut wgrad("train --dataset shapes --image-size 64x48"),
        &["shapes have 32 x 32 pixels", "cannot be given 64x48", "leave out --image-size"],
    );
    fails(&mut wgrad("train --dataset folder:no/such/place"), &["no directory no/such/place"]);
    for (arguments, part) in [
        ("--dataset kmnist", "auto, cifar10, cifar100, mnist, fashion-mnist, shapes or folder:DIR"),
        ("--dataset folder:", "name a directory"),
        ("--image-size 0", "N or HxW"),
    ] {
        let output = wgrad(&format!("train {arguments}")).output().unwrap();
        assert_eq!(output.status.code(), Some(2));
        assert!(stderr(&output).contains(part), "{}", stderr(&output));
    }
}

/// This file made an earlier decoder panic.
#[test]
fn a_picture_that_a_decoder_panicked_at_is_an_error_like_others() {
    let dir = tempfile::tempdir().unwrap();
    let whole = dir.path().join("whole.png");
    RgbImage::from_pixel(8, 8, Rgb([1, 2, 3])).save(&whole).unwrap();
    let broken = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/decoder_panic.jpg");
    let output = predict("", &[&broken, &whole]).output().unwrap();
    assert!(!stderr(&output).contains("panicked"), "{}", stderr(&output));
    assert!(stderr(&output).contains("decoder_panic.jpg cannot be read: it"), "{}", stderr(&output));
    assert!(stdout(&output).contains("whole.png"), "{}", stdout(&output));
}
