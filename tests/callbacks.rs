//! Learning-rate schedules, early stopping, checkpoints, augmentation and the figures of the history, through the binary.

use std::fs;

use serde_json::Value;
use tempfile::TempDir;
use wgrad::exchange::Weights;

mod command;

use command::*;

/// A small network with dropout, so that an epoch takes a moment.
const MODEL: &str = r#"
[[layers]]
type = "conv2d"
filters = 8
kernel_size = 3
activation = "relu"

[[layers]]
type = "max_pooling2d"
pool_size = 4

[[layers]]
type = "dropout"
rate = 0.25

[[layers]]
type = "flatten"

[[layers]]
type = "dense"
units = "classes"
"#;

/// Every option at once.
const EVERYTHING: &str = "--lr-schedule one-cycle:0.01 --augment flip,crop:4,cutout:8 --weight-decay 0.004 \
                          --label-smoothing 0.1 --early-stopping 3 --monitor val_accuracy --keep-weights both";

fn dir() -> TempDir {
    tempfile::tempdir().unwrap()
}

/// Trains [`MODEL`], and returns what was printed.
fn train_small(out: &TempDir, arguments: &str) -> String {
    let model = out.path().join("model.toml");
    fs::write(&model, MODEL).unwrap();
    stdout(&succeeds(train(out.path(), arguments).arg("--model").arg(&model)))
}

fn file(out: &TempDir, name: &str) -> Vec<u8> {
    fs::read(out.path().join(name)).unwrap()
}

/// A column of the history.
fn column(out: &TempDir, name: &str) -> Vec<f64> {
    let history = json(&out.path().join("history.json"));
    history["epochs"].as_array().unwrap().iter().map(|row| row[name].as_f64().unwrap()).collect()
}

/// A rate so large that the test loss soon stops falling.
#[test]
fn early_stopping_ends_with_the_best_weights() {
    let out = dir();
    let arguments = "--limit 320 --epochs 40 --learning-rate 0.05 --early-stopping 2 --keep-weights both";
    let text = train_small(&out, arguments);
    let losses = column(&out, "val_loss");
    let best = (1..losses.len()).fold(0, |best, i| if losses[i] < losses[best] { i } else { best });
    assert!(losses.len() < 40, "{losses:?}");
    assert_eq!(losses.len(), best + 1 + 2, "{losses:?}");
    for line in [
        format!("Epoch {}: early stopping", losses.len()),
        format!("Restoring model weights from the end of the best epoch: {}.", best + 1),
        format!("best.safetensors has the weights of epoch {}, the best by val_loss", best + 1),
    ] {
        assert!(text.contains(&line), "{line}: {text}");
    }
    let [weights, best_weights, last] =
        ["weights", "best", "last"].map(|name| file(&out, &format!("{name}.safetensors")));
    assert!(weights == best_weights && weights != last);
    let history = json(&out.path().join("history.json"));
    assert_eq!(history["evaluation"]["loss"], losses[best]);
    assert_eq!(json(&out.path().join("config.json"))["early_stopping"], 2);

    let read = Weights::read(&out.path().join("best.safetensors")).unwrap();
    assert_eq!((read.class_names.len(), read.model.unwrap().classes().unwrap()), (10, 10));
    let mut eval = wgrad(&format!("eval --dataset shapes {ADAPTER} --json --weights"));
    let report = succeeds(eval.arg(out.path().join("best.safetensors")));
    let report: Value = serde_json::from_slice(&report.stdout).unwrap();
    assert_eq!(report["loss"], losses[best]);
}

#[test]
fn checkpoints_are_those_asked_for() {
    for (choice, files) in [
        ("", &["best"][..]),
        ("--keep-weights last", &["last"]),
        ("--keep-weights none", &[]),
        ("--keep-weights both", &["best", "last"]),
    ] {
        let out = dir();
        let text = train_small(&out, &format!("--limit 64 --epochs 1 {choice}"));
        for name in ["best", "last"] {
            let path = out.path().join(format!("{name}.safetensors"));
            assert_eq!(path.exists(), files.contains(&name), "{choice}: {name}");
            // After one epoch all are the same.
            assert!(!path.exists() || fs::read(path).unwrap() == file(&out, "weights.safetensors"));
        }
        assert_eq!(text.contains("best.safetensors has the weights of epoch 1"), files.contains(&"best"), "{text}");
    }
}

#[test]
fn the_rate_follows_its_schedule() {
    let outs = [dir(), dir(), dir()];
    let small = "--limit 128 --batch-size 16 --epochs 4";
    let text = train_small(&outs[0], &format!("{small} --lr-schedule cosine@1"));
    let rates = column(&outs[0], "learning_rate");
    // 8 updates an epoch: the line's eighth has 7/8 of the rate, the cosine's last 1/24 of its way to go.
    let last = 1e-3 * 0.5 * (1.0 + (std::f64::consts::PI * 23.0 / 24.0).cos());
    assert!((rates[0] - 0.875e-3).abs() < 1e-15 && (rates[3] - last).abs() < 1e-15, "{rates:?}");
    assert!(rates[3] < 1e-5, "{rates:?}");
    assert!(text.contains(" - learning_rate: 8.7500e-4\n"), "{text}");
    assert_eq!(json(&outs[0].path().join("config.json"))["learning_rate_schedule"], "cosine@1");

    let text = train_small(&outs[1], &format!("{small} --lr-schedule step:0.1@2"));
    let rates = column(&outs[1], "learning_rate");
    assert!(rates.iter().zip([1e-3, 1e-3, 1e-4, 1e-4]).all(|(a, b)| (a - b).abs() < 1e-15), "{rates:?}");
    assert!(text.contains(" - learning_rate: 0.0010\n"), "{text}");
    let text = train_small(&outs[2], small);
    assert_eq!(column(&outs[2], "learning_rate"), [1e-3; 4]);
    assert!(!text.contains("learning_rate"), "{text}");
    // The rates are those that the updates have: two epochs alike, then none.
    let [stepped, constant] = [1, 2].map(|i| column(&outs[i], "loss"));
    assert_eq!(stepped[..2], constant[..2]);
    assert!(stepped[2] != constant[2] && stepped[3] != constant[3], "{stepped:?}");
}

#[test]
fn the_history_has_every_figure_in_one_order() {
    let out = dir();
    let text = train_small(&out, "--limit 96 --epochs 2");
    let csv = String::from_utf8(file(&out, "history.csv")).unwrap();
    let header: Vec<&str> = csv.lines().next().unwrap().split(',').collect();
    let names = String::from_utf8(file(&out, "history.json")).unwrap();
    let first_row = names.split('}').next().unwrap();
    let places: Vec<usize> = header.iter().map(|name| first_row.find(&format!("\"{name}\"")).unwrap()).collect();
    assert!(places.is_sorted(), "{header:?}: {first_row}");
    for [top1, top5] in [["accuracy", "top5_accuracy"], ["val_accuracy", "val_top5_accuracy"]] {
        for (top1, top5) in column(&out, top1).iter().zip(column(&out, top5)) {
            assert!(*top1 < top5 && top5 <= 1.0, "{top1} {top5}");
        }
    }
    assert!(column(&out, "gradient_norm").iter().all(|norm| *norm > 0.0 && norm.is_finite()));
    let evaluation = &json(&out.path().join("history.json"))["evaluation"];
    assert_eq!(evaluation["top5_accuracy"], column(&out, "val_top5_accuracy")[1]);
    let line = format!(" - top5_accuracy: {:.4}\n", evaluation["top5_accuracy"].as_f64().unwrap());
    assert!(text.contains(&line), "{text}");
}

/// The norm of the one minibatch of an epoch is what the update has: without a rate to speak of, weights stay, and the
/// next epoch finds the same norm.
#[test]
fn the_gradient_s_norm_is_of_the_network_s_own_parameters() {
    let norms = |freeze: &str| {
        let out = dir();
        train_small(&out, &format!("--limit 32 --epochs 1 --learning-rate 1e-30 {freeze}"));
        column(&out, "gradient_norm")[0]
    };
    let [all, convolution, dense, none] = ["", "--freeze dense", "--freeze conv2d", "--freeze conv2d,dense"].map(norms);
    assert!(all > dense && all > convolution && convolution > 0.0 && dense > 0.0, "{all} {convolution} {dense}");
    assert!((all - convolution.hypot(dense)).abs() < 1e-5 * all, "{all} {convolution} {dense}");
    assert_eq!(none, 0.0);
}

#[test]
fn one_seed_gives_equal_files_with_everything_on() {
    let outs = [dir(), dir(), dir()];
    for (out, seed) in outs.iter().zip([3, 3, 4]) {
        train_small(out, &format!("--limit 200 --epochs 3 --seed {seed} {EVERYTHING}"));
    }
    for name in ["weights", "best", "last"].map(|name| format!("{name}.safetensors")) {
        assert!(file(&outs[0], &name) == file(&outs[1], &name), "{name} differs");
        assert!(file(&outs[0], &name) != file(&outs[2], &name), "{name} has no seed");
    }
    for name in ["loss", "val_loss", "top5_accuracy", "learning_rate", "gradient_norm"] {
        assert_eq!(column(&outs[0], name), column(&outs[1], name));
    }
    let config = json(&outs[0].path().join("config.json"));
    let expected = [
        ("learning_rate_schedule", "one-cycle:0.01".into()),
        ("weight_decay", 0.004.into()),
        ("label_smoothing", 0.1.into()),
        ("augmentation", serde_json::json!({ "flip": true, "crop": 4, "cutout": 8 })),
        ("early_stopping", 3.into()),
        ("monitor", "val_accuracy".into()),
        ("kept_weights", "both".into()),
    ];
    for (name, value) in expected {
        assert_eq!(config[name], value, "{name}");
    }
    let model = wgrad::model::Network::from_toml(config["model"].as_str().unwrap(), None).unwrap();
    assert_eq!(model.nodes().len(), 6);
}

/// Each option alone changes what is trained.
#[test]
fn every_option_has_an_effect() {
    let loss = |arguments: &str| {
        let out = dir();
        train_small(&out, &format!("--limit 128 --epochs 2 {arguments}"));
        (column(&out, "loss"), column(&out, "val_loss"))
    };
    let plain = loss("");
    for arguments in ["--weight-decay 0.5", "--augment flip", "--augment crop:4", "--augment cutout:8"] {
        let (training, test) = loss(arguments);
        assert!(training != plain.0 && test != plain.1, "{arguments}");
    }
    // Smoothing is part of the loss of the test images too: it keeps the loss of an untrained network at ln 10.
    let (training, test) = loss("--label-smoothing 0.9 --learning-rate 1e-30");
    let (training_plain, test_plain) = loss("--learning-rate 1e-30");
    for (smooth, plain) in training.iter().chain(&test).zip(training_plain.iter().chain(&test_plain)) {
        assert!(smooth != plain && (smooth - 10.0_f64.ln()).abs() < 0.2, "{smooth} {plain}");
    }
}

#[test]
fn wrong_values_are_refused_and_the_right_ones_named() {
    let out = dir();
    for (arguments, parts) in [
        ("--learning-rate 0", ["--learning-rate is 0", "above 0"]),
        ("--weight-decay -1", ["--weight-decay is -1", "0 or more"]),
        ("--weight-decay nan", ["--weight-decay is NaN", "0 or more"]),
        ("--label-smoothing 1", ["--label-smoothing is 1", "less than 1"]),
        ("--early-stopping 0", ["--early-stopping is 0", "1 or more"]),
        ("--lr-schedule cosine@10", ["--lr-schedule warms up for 10 epochs", "the run has 10"]),
        ("--lr-schedule one-cycle:1e-4", ["--lr-schedule rises to 0.0001", "learning rate 0.001"]),
        ("--augment crop:32", ["--augment: crop of 32 pixels", "images of 32 x 32 pixels"]),
        ("--augment flip,cutout:99999999", ["--augment: cutout of 99999999 pixels", "give fewer"]),
    ] {
        fails(&mut train(out.path(), arguments), &parts);
    }
    for (arguments, parts) in [
        ("--lr-schedule linear", ["step:FACTOR@EPOCHS", "one-cycle:MAX"]),
        ("--lr-schedule step:0.5@many", ["`many`", "1 or more"]),
        ("--augment rotate", ["`rotate`", "flip, crop:PIXELS or cutout:PIXELS"]),
        ("--monitor loss", ["val_loss", "val_accuracy"]),
        ("--keep-weights all", ["best, last, both, none", "--keep-weights"]),
    ] {
        let output = train(out.path(), arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments}");
        assert!(parts.iter().all(|part| stderr(&output).contains(part)), "{arguments}: {}", stderr(&output));
    }
    assert_eq!(fs::read_dir(out.path()).unwrap().count(), 0);
}

/// Training ends with an error, and the weights of the epoch before are still whole.
#[cfg(unix)]
#[test]
fn a_checkpoint_that_can_not_be_written_is_an_error() {
    let out = dir();
    let place = out.path().join("run");
    let (child, reader) = spawn_until(&mut train(&place, "--limit 64 --epochs 1000 --keep-weights last"), "Epoch 2/");
    let kept = Weights::read(&place.join("last.safetensors")).unwrap();
    assert_eq!(kept.tensors.len(), 10);
    // No file can be made in a directory that is gone.
    fs::rename(&place, out.path().join("elsewhere")).unwrap();
    drop(reader);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(6));
    assert!(stderr(&output).contains("cannot write") && stderr(&output).contains("last.safetensors"));
    assert!(Weights::read(&out.path().join("elsewhere").join("last.safetensors")).is_ok());
}
