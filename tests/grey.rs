//! Networks for images of one channel and of four, through the binary: from data to predictions.

use std::fs;
use std::path::Path;

use image::{Luma, Rgb, RgbImage, Rgba, RgbaImage};
use tempfile::TempDir;
use wgrad::data::idx::MNIST;

mod command;

use command::*;

/// One dense layer.
const FLAT: &str = "[[layers]]\ntype = \"flatten\"\n[[layers]]\ntype = \"dense\"\nunits = \"classes\"\n";

/// A digit of `side` pixels: a bright block, whose place is the class, with some noise.
fn digit(class: usize, i: usize, side: usize) -> Vec<u8> {
    let block = |y: usize, x: usize| y / 5 == 1 + class / 5 && x / 5 == class % 5;
    let noise = |y: usize, x: usize| (i * 31 + y * 17 + x * 101) % 40;
    (0..side * side)
        .map(|at| (at / side, at % side))
        .map(|(y, x)| (noise(y, x) + if block(y, x) { 200 } else { 0 }) as u8)
        .collect()
}

/// A directory with files of MNIST's names and sizes.
fn generated_mnist() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    let files = MNIST.files();
    for (pair, offset) in files.chunks(2).zip([0, 7]) {
        let images = pair[1].1 as usize - 8;
        let count = (images as u32).to_be_bytes();
        let mut pixels = [&[0, 0, 8, 3], &count[..], &[0, 0, 0, 28, 0, 0, 0, 28]].concat();
        let mut labels = [&[0, 0, 8, 1], &count[..]].concat();
        for i in 0..images {
            let class = (i + offset) % 10;
            pixels.extend(digit(class, i + offset, 28));
            labels.push(class as u8);
        }
        fs::write(dir.path().join(pair[0].0), pixels).unwrap();
        fs::write(dir.path().join(pair[1].0), labels).unwrap();
    }
    dir
}

fn model(dir: &Path) -> String {
    let path = dir.join("flat.toml");
    fs::write(&path, FLAT).unwrap();
    path.display().to_string()
}

fn run(command: &str, options: &str, data: &Path) -> std::process::Output {
    succeeds(wgrad(&format!("{command} {ADAPTER} {options} --data-dir")).arg(data))
}

#[test]
fn a_network_for_mnist_is_trained_resumed_evaluated_and_predicts() {
    let (data, work) = (generated_mnist(), tempfile::tempdir().unwrap());
    let out = |name: &str| work.path().join(name);
    let model = model(work.path());
    let options = format!("--dataset mnist --model {model} --limit 640 --seed 3");

    let whole = out("whole");
    let output = run("train", &format!("{options} --epochs 2 --out {}", whole.display()), data.path());
    let printed = stdout(&output);
    assert!(printed.contains("640 training and 10,000 test images of 28 x 28 (grey) in 10 classes"), "{printed}");
    let config = json(&whole.join("config.json"));
    assert_eq!(config["dataset"]["image_shape"], serde_json::json!([28, 28, 1]));
    let history = json(&whole.join("history.json"));
    assert!(history["epochs"][1]["val_accuracy"].as_f64().unwrap() > 0.95, "{history}");
    let report = fs::read_to_string(whole.join("report.md")).unwrap();
    assert!(report.contains("mnist"), "{report}");

    // The same bytes in two parts.
    let parts = out("parts");
    run("train", &format!("{options} --epochs 1 --out {}", parts.display()), data.path());
    run("train", &format!("--resume {} --epochs 2", parts.display()), data.path());
    for file in ["weights.safetensors", "best.safetensors"] {
        assert_eq!(fs::read(whole.join(file)).unwrap(), fs::read(parts.join(file)).unwrap(), "{file}");
    }

    let weights = whole.join("weights.safetensors").display().to_string();
    let evaluation = stdout(&run("eval", &format!("--dataset mnist --weights {weights} --json"), data.path()));
    let evaluation: serde_json::Value = serde_json::from_str(&evaluation).unwrap();
    assert!(evaluation["accuracy"].as_f64().unwrap() > 0.95, "{evaluation}");

    // A picture of any format becomes grey.
    let seven = digit(7, 3, 28);
    let grey = image::GrayImage::from_fn(28, 28, |x, y| Luma([seven[(y * 28 + x) as usize]]));
    grey.save(out("grey.png")).unwrap();
    RgbImage::from_fn(28, 28, |x, y| Rgb([grey.get_pixel(x, y).0[0]; 3])).save(out("colour.png")).unwrap();
    let predict = format!("predict {ADAPTER} --weights {weights} --json --top-k 1");
    let mut command = wgrad(&predict);
    let lines = stdout(&succeeds(command.args(["grey.png", "colour.png"].map(out))));
    let lines: Vec<serde_json::Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[0]["top"][0]["class"], "7", "{lines:?}");
    assert_eq!(lines[0]["top"], lines[1]["top"]);
}

#[test]
fn folders_give_as_many_channels_as_asked_for() {
    let work = tempfile::tempdir().unwrap();
    let data = work.path().join("data");
    // Classes that differ in brightness and, the same, in transparency.
    for (class, value) in [("dark", 20), ("light", 230)] {
        fs::create_dir_all(data.join(class)).unwrap();
        for i in 0..10 {
            let picture = RgbaImage::from_pixel(6, 6, Rgba([value + i, value, value, 255 - value]));
            picture.save(data.join(class).join(format!("{i}.png"))).unwrap();
        }
    }
    let model = model(work.path());
    for channels in [1, 3, 4] {
        let out = work.path().join(format!("{channels}"));
        let options = format!("--image-size 6 --channels {channels} --epochs 1 --model {model} --no-report");
        let folder = format!("folder:{}", data.display());
        let mut command = wgrad(&format!("train {ADAPTER} {options}"));
        succeeds(command.args(["--dataset", &folder]).arg("--out").arg(&out));
        assert_eq!(json(&out.join("config.json"))["dataset"]["image_shape"], serde_json::json!([6, 6, channels]));
        let predict = format!("predict {ADAPTER} --weights {}/weights.safetensors", out.display());
        let lines = stdout(&succeeds(wgrad(&predict).arg(&data)));
        assert_eq!(lines.lines().count(), 20, "{lines}");
        // The pictures get the network's size and channels.
        let weights = format!("--weights {}/weights.safetensors", out.display());
        let evaluation = succeeds(wgrad(&format!("eval {ADAPTER} {weights}")).args(["--dataset", &folder]));
        assert!(stdout(&evaluation).contains("4 test images of 6 x 6"), "{}", stdout(&evaluation));
        let mut command = wgrad(&format!("eval {ADAPTER} {weights} --image-size 7"));
        let output = command.args(["--dataset", &folder]).output().unwrap();
        assert_eq!(output.status.code(), Some(3));
        let remedy = format!("give --image-size 6x6 --channels {channels}");
        assert!(stderr(&output).contains(&remedy), "{}", stderr(&output));
        let table = stdout(&succeeds(&mut wgrad(&format!("summary --from {}/weights.safetensors", out.display()))));
        assert!(table.contains(&format!("(None, {})", 36 * channels)), "{table}");
    }
    let table = stdout(&succeeds(&mut wgrad("summary --image-size 28 --channels 1")));
    assert!(table.contains("(None, 26, 26, 32)") && table.contains(" 320 "), "{table}");
    fails(
        wgrad(&format!("train {ADAPTER} --dataset shapes --channels 1")).arg("--out").arg(work.path().join("x")),
        &["shapes have 3 channels", "leave out --channels"],
    );
}
