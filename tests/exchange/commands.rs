//! `wgrad import` and `wgrad export`.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::Arc;

use wgrad::exchange::Imported;
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::model::Sequential;

use crate::{KERAS, bits, executor, odd_weights};

pub fn wgrad(folder: &Path, arguments: &str) -> Output {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("wgrad"));
    // The bits are those of a device that the tests open themselves.
    command.env("LP_NATIVE_VECTOR_WIDTH", std::env::var_os("LP_NATIVE_VECTOR_WIDTH").unwrap_or("256".into()));
    command.args(arguments.split_whitespace()).current_dir(folder).output().unwrap()
}

pub fn succeeds(folder: &Path, arguments: &str) -> String {
    let output = wgrad(folder, arguments);
    assert!(output.status.success(), "{arguments}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

pub fn fails(folder: &Path, arguments: &str, parts: &[&str]) {
    let output = wgrad(folder, arguments);
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(matches!(output.status.code(), Some(1 | 3 | 6)), "{arguments}: {stderr}");
    // Training opens the adapter before it reads weights.
    let lines: Vec<&str> = stderr.lines().filter(|line| !line.starts_with("no GPU was found")).collect();
    assert!(lines.len() == 1 && lines[0].starts_with("error: "), "{arguments}: {stderr}");
    assert!(parts.iter().all(|part| stderr.contains(part)), "{arguments}: {parts:?}: {stderr}");
}

#[test]
fn commands_carry_a_network_through_every_format() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let (_, mut weights) = executor(&gpu, &Sequential::tutorial([32, 32, 3], 10));
    fs::write(folder.join("a.safetensors"), weights.to_bytes().unwrap()).unwrap();

    let evaluate = |file: &str| {
        let file = format!(
            "eval --weights {file} --dataset shapes --limit 40 --logits logits.npz --batch-size 32 --ignore-class-names"
        );
        succeeds(folder, &file);
        fs::read(folder.join("logits.npz")).unwrap()
    };
    let logits = evaluate("a.safetensors");
    succeeds(folder, "export --weights a.safetensors --format onnx --out sub/a.onnx");
    assert_eq!(fs::read(folder.join("sub/a.onnx")).unwrap(), weights.to_onnx().unwrap());
    succeeds(folder, "export --weights a.safetensors --format keras-npz --out a.npz");
    // The tutorial's network is known without a model file.
    let table = succeeds(folder, "import a.npz --out b.safetensors");
    assert!(table.contains("122,570"), "{table}");
    assert!(logits == evaluate("b.safetensors"), "npz changed the answers");
    succeeds(folder, "export --weights b.safetensors --format safetensors --out a.safetensors");
    weights.class_names.clear();
    assert_eq!(fs::read(folder.join("a.safetensors")).unwrap(), weights.to_bytes().unwrap());

    let archive = Imported::read(&folder.join("logits.npz")).unwrap_err().to_string();
    assert!(archive.contains("`images` as `|u1`"), "{archive}");
    succeeds(folder, &format!("import {KERAS} --out k.safetensors"));
    let [written, read] =
        [&folder.join("k.safetensors"), Path::new(KERAS)].map(|path| Imported::read(path).unwrap().weights);
    assert_eq!((bits(&written), written.model), (bits(&read), read.model));
}

#[test]
fn commands_say_what_is_wrong_and_leave_what_was_there() {
    let folder = tempfile::tempdir().unwrap();
    let folder = folder.path();
    fs::write(folder.join("a.safetensors"), odd_weights().to_bytes().unwrap()).unwrap();
    fs::write(folder.join("a.npz"), odd_weights().to_npz().unwrap()).unwrap();
    fs::write(folder.join("model.toml"), "[[layers]]\ntype = \"flatten\"\n[[layers]]\ntype = \"dense\"\nunits = 2")
        .unwrap();
    fs::write(folder.join("old"), "old").unwrap();
    fs::create_dir(folder.join("dir")).unwrap();
    let export = "export --format onnx --out old --weights";
    for (arguments, parts) in [
        (format!("{export} none.safetensors"), ["cannot read none.safetensors", "give"]),
        (format!("{export} old"), ["old is a file of a kind that wgrad doesn't know", ".npz"]),
        (format!("{export} a.npz"), ["don't say which network", "--model"]),
        (format!("{export} a.safetensors --model model.toml"), ["`dense/kernel` as [3072, 2]", "--model"]),
        (format!("{export} a.safetensors --model none.toml"), ["cannot read none.toml", "model file"]),
        ("export --format onnx --out dir --weights a.safetensors".into(), ["dir is a directory", "name of a file"]),
        ("export --format onnx --out old/b --weights a.safetensors".into(), ["cannot write old", "permissions"]),
        ("import a.npz --out old".into(), ["don't say which network", "--model"]),
        ("eval --dataset shapes --limit 0 --weights a.safetensors".into(), ["--limit is 0", "give 1 to 2000"]),
    ] {
        fails(folder, &arguments, &parts);
    }
    assert_eq!(fs::read_to_string(folder.join("old")).unwrap(), "old");
    assert_eq!(fs::read_dir(folder).unwrap().count(), 5);
    let output = wgrad(folder, "export --weights a.safetensors --out b --format kera");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("keras-npz"));
}
