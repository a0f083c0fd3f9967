//! Checkpoints that were made to harm the user who resumes them, and have the right checksum. Each must give an error of
//! one line or a run that ends. Nothing may panic, and nothing may be written outside the directory of the run.

use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tempfile::TempDir;

mod command;

use command::*;

const CHECKSUM_LEN: usize = 32;

/// A checkpoint's file, in parts.
struct Parts {
    header: Value,
    metadata: Value,
    data: Vec<u8>,
}

impl Parts {
    fn read(bytes: &[u8]) -> Self {
        let len = u64::from_le_bytes(*bytes.first_chunk().unwrap()) as usize;
        let header: Value = serde_json::from_slice(&bytes[8..8 + len]).unwrap();
        let metadata = serde_json::from_str(header["__metadata__"]["wgrad"].as_str().unwrap()).unwrap();
        Self { header, metadata, data: bytes[8 + len..].to_vec() }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let mut header = self.header.clone();
        header["__metadata__"]["wgrad"] = self.metadata.to_string().into();
        let header = header.to_string();
        let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
        bytes.extend(header.bytes().chain(self.data.iter().copied()));
        let end = bytes.len() - CHECKSUM_LEN;
        let checksum = Sha256::digest(&bytes[..end]);
        bytes[end..].copy_from_slice(&checksum);
        bytes
    }

    fn spec(&mut self) -> &mut Value {
        &mut self.metadata["run"]["spec"]
    }

    fn execution(&mut self) -> &mut Value {
        &mut self.metadata["run"]["execution"]
    }
}

/// A change that somebody made to a checkpoint.
type Change = Box<dyn FnOnce(&mut Parts)>;

/// A finished run of one epoch.
struct Run {
    place: TempDir,
    checkpoint: PathBuf,
    whole: Vec<u8>,
}

impl Run {
    fn new() -> Self {
        let place = tempfile::tempdir().unwrap();
        let model = place.path().join("model.toml");
        let dense = "input = [32, 32, 3]\n[[layers]]\ntype = \"flatten\"\n[[layers]]\ntype = \"dense\"\nunits = 10\n";
        fs::write(&model, dense).unwrap();
        let out = place.path().join("out");
        let mut command = train(&out, "--limit 64 --batch-size 16 --epochs 1 --early-stopping 3 --no-report");
        succeeds(command.arg("--model").arg(model));
        let mut files = fs::read_dir(&out).unwrap().map(|entry| entry.unwrap().path());
        let checkpoint = files.find(|path| path.to_str().unwrap().ends_with("4.safetensors")).unwrap();
        let whole = fs::read(&checkpoint).unwrap();
        Self { place, checkpoint, whole }
    }

    fn out(&self) -> &Path {
        self.checkpoint.parent().unwrap()
    }

    fn checkpoints(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.out()).unwrap().map(|entry| entry.unwrap().path());
        files.filter(|file| file.file_name().unwrap().to_str().unwrap().starts_with("checkpoint-")).collect()
    }

    /// The command that resumes from the checkpoint that `change` makes, which is the only one.
    fn resume(&self, change: impl FnOnce(&mut Parts)) -> std::process::Command {
        for file in self.checkpoints() {
            fs::remove_file(file).unwrap();
        }
        let mut parts = Parts::read(&self.whole);
        change(&mut parts);
        fs::write(&self.checkpoint, parts.to_bytes()).unwrap();
        let mut command = wgrad("train --epochs 2 --resume");
        command.arg(self.out());
        command
    }
}

#[test]
fn places_in_training_that_there_are_none_of_are_refused() {
    let run = Run::new();
    succeeds(&mut run.resume(|_| ()));
    let position = |name: &'static str, value: Value| move |parts: &mut Parts| parts.metadata["position"][name] = value;
    let changes: [(Change, &str); 9] = [
        (Box::new(position("epoch", json!(0))), "it stands in epoch 0, after 1 others"),
        (Box::new(position("epoch", json!(u64::MAX))), "after 1 others"),
        (Box::new(position("step", json!(3))), "it stands after step 3, but 0 are measured"),
        (Box::new(position("seconds", json!(-1.0))), "its epoch took -1 s"),
        (Box::new(position("seconds", json!(1e300))), "its epoch took 1"),
        (Box::new(position("history", json!([]))), "it stands in epoch 2, after 0 others"),
        (
            Box::new(|parts| parts.metadata["position"]["history"][0]["epoch"] = 7.into()),
            "row 1 of its history is of epoch 7",
        ),
        // As earlier versions wrote it.
        (
            Box::new(|parts| {
                let position = parts.metadata["position"].take();
                let settings = json!({ "options": { "epochs": "1" }, "wgrad": "0.0.9" });
                parts.metadata = json!({ "version": 1, "updates": 4, "position": position, "settings": settings });
            }),
            "version 1, but this wgrad reads version 3; finish the run with wgrad 0.0.9",
        ),
        (Box::new(|parts| parts.metadata["version"] = 4.into()), "version 4, but this wgrad reads version 3"),
    ];
    for (change, words) in changes {
        assert_eq!(fails(&mut run.resume(change), &["can't be used", words]), 7);
    }
    let too_far = |parts: &mut Parts| {
        let position = &mut parts.metadata["position"];
        position["step"] = json!(u64::MAX >> 3);
        position["measured"]["steps"] = position["step"].clone();
    };
    assert_eq!(fails(&mut run.resume(too_far), &["an epoch has 4"]), 7);
}

#[test]
fn settings_and_networks_that_there_are_none_of_are_refused() {
    let run = Run::new();
    let changes: [(Change, &str, u8); 17] = [
        (Box::new(|parts| parts.metadata["run"] = json!([])), "can't be used", 7),
        (Box::new(|parts| parts.spec()["batch_size"] = "many".into()), "invalid type", 7),
        (Box::new(|parts| parts.spec()["no_such"] = "1".into()), "unknown field `no_such`", 7),
        (Box::new(|parts| parts.execution()["out"] = "elsewhere".into()), "unknown field `out`", 7),
        (Box::new(|parts| parts.execution()["backend"] = "cuda".into()), "`cuda` is no backend", 7),
        (Box::new(|parts| parts.execution()["steps_per_submit"] = 256.into()), "256", 7),
        (Box::new(|parts| parts.spec()["batch_size"] = 0.into()), "--batch-size is 0", 1),
        (Box::new(|parts| parts.spec()["learning_rate"] = (-1).into()), "--learning-rate is -1", 1),
        (Box::new(|parts| parts.spec()["limit"] = u64::MAX.into()), "--limit is 18446744073709551615", 1),
        (Box::new(|parts| parts.spec()["batch_size"] = 4_294_967_295_u64.into()), "the largest batch that fits", 4),
        (Box::new(|parts| parts.execution()["adapter"] = "\n\u{1b}[2J".into()), "no adapter", 4),
        (Box::new(|parts| parts.metadata["run"]["network"] = "input = 3".into()), "input", 3),
        (
            Box::new(|parts| {
                let model = parts.metadata["run"]["network"].as_str().unwrap().replace("units = 10", "units = 9");
                parts.metadata["run"]["network"] = model.into();
            }),
            "dense",
            3,
        ),
        (
            Box::new(|parts| {
                let header = parts.header.as_object_mut().unwrap();
                let moment = header.remove("optimizer/first_moment/dense/bias").unwrap();
                header.insert("optimizer/first_moment/other/bias".into(), moment);
            }),
            "`first_moment/dense/bias` is missing",
            3,
        ),
        (
            Box::new(|parts| {
                let header = parts.header.as_object_mut().unwrap();
                let kept = header.remove("kept/early_stopping/dense/bias").unwrap();
                header.insert("kept/early_stopping/other/bias".into(), kept);
            }),
            "`dense/bias` is missing",
            3,
        ),
        (Box::new(|parts| parts.header["parameter/dense/bias"]["shape"] = json!([2, 5])), "is [2, 5]", 3),
        (Box::new(|parts| parts.header["parameter/dense/bias"]["dtype"] = "I32".into()), "which no checkpoint has", 7),
    ];
    for (change, words, code) in changes {
        assert_eq!(fails(&mut run.resume(change), &[words]), code, "{words}");
        assert_eq!(run.checkpoints(), std::slice::from_ref(&run.checkpoint), "{words}: it was trained on");
    }
}

/// Odd numbers that a file may have: whatever comes of them, nothing panics.
#[test]
fn odd_numbers_do_no_harm() {
    let run = Run::new();
    for name in ["loss", "val_loss", "learning_rate", "gradient_norm", "seconds", "images_per_second"] {
        for number in [f64::MAX, -f64::MAX, f64::MIN_POSITIVE] {
            let mut command = run.resume(|parts| {
                parts.metadata["position"]["history"][0][name] = number.into();
                parts.execution()["report"] = true.into();
            });
            succeeds(&mut command);
        }
    }
    for updates in [0, u64::MAX] {
        let output = run.resume(|parts| parts.metadata["updates"] = updates.into()).output().unwrap();
        assert!(matches!(output.status.code(), Some(0 | 5)), "{updates}: {}", stderr(&output));
    }
}

#[test]
fn nothing_is_written_where_a_checkpoint_says() {
    let run = Run::new();
    let outside = run.place.path().join("outside");
    let place: Value = outside.to_str().unwrap().into();
    let output = succeeds(&mut run.resume(|parts| parts.metadata["run"]["tensorboard"] = place));
    assert!(stderr(&output).contains("--tensorboard"), "{}", stderr(&output));
    assert!(!outside.exists());
    let own = run.place.path().join("own");
    succeeds(run.resume(|_| ()).arg("--tensorboard").arg(&own));
    assert!(own.join("train").is_dir());
}
