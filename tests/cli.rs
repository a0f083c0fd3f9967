//! The command line as users meet it: wrong input, and what a run leaves.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

use serde_json::Value;
use wgrad::data::cifar::CIFAR10;
use wgrad::exchange::Weights;

mod command;

use command::*;

#[test]
fn numbers_that_make_no_sense_are_refused() {
    let out = tempfile::tempdir().unwrap();
    for (arguments, parts) in [
        ("--batch-size 0", ["--batch-size is 0", "give 1 or more"]),
        ("--epochs 0", ["--epochs is 0", "give 1 or more"]),
        ("--limit 0", ["--limit is 0", "leave it out"]),
        ("--limit 30000", ["30000", "20000 training images"]),
        ("--learning-rate 0", ["--learning-rate is 0", "above 0"]),
        ("--learning-rate -1", ["--learning-rate is -1", "above 0"]),
        ("--learning-rate nan", ["--learning-rate is NaN", "above 0"]),
        ("--group nolayer=0.5", ["no layer or variable", "`nolayer`"]),
        ("--config no-such-file", ["cannot read no-such-file: ", "--config"]),
        ("--limit 99 --batch-size 100000", ["more than 2^31 elements", "the largest batch that fits is "]),
        ("--limit 99 --batch-size 70000", ["this adapter allows", "the largest batch that fits is "]),
    ] {
        let code = fails(&mut train(out.path(), arguments), &parts);
        assert_eq!(
            code,
            if arguments.contains("--limit 99") {
                4
            } else if arguments.contains("--config") {
                3
            } else {
                1
            },
            "{arguments}"
        );
    }
    assert_eq!(entries(out.path()), 0);
    let output = train(out.path(), "--batch-size many").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}

/// A typing error does not cost the download of a data set.
#[test]
fn files_that_are_missing_are_found_before_data_is_looked_for() {
    let out = tempfile::tempdir().unwrap();
    for option in ["--model", "--from", "--append"] {
        let mut command = wgrad(&format!("train {ADAPTER} {option} no-such-file"));
        assert_eq!(fails(command.arg("--out").arg(out.path()), &["cannot read no-such-file: "]), 3);
    }
    assert_eq!(entries(out.path()), 0);
}

#[test]
fn an_unknown_adapter_is_an_error_that_lists_those_there_are() {
    for name in ["voodoo", "99"] {
        let mut command = wgrad(&format!("train --dataset shapes --adapter {name}"));
        assert_eq!(fails(&mut command, &[&format!("no adapter matches `{name}`"), "0 `"]), 4);
    }
}

/// There is nothing to install for a backend that the operating system does not have.
#[test]
fn a_backend_of_another_system_is_an_error_that_lists_those_of_this_one() {
    let others = if cfg!(target_os = "macos") { ["vulkan", "dx12"] } else { ["metal", "dx12"] };
    let others = if cfg!(windows) { &others[..1] } else { &others[..] };
    let out = tempfile::tempdir().unwrap();
    for backend in others {
        for command in [
            "train --dataset shapes",
            "train --dataset shapes --adapter software",
            "devices",
            "devices --json",
            "self-test",
        ] {
            let mut command = wgrad(&format!("{command} --backend {backend}"));
            if command.get_args().next() == Some("train".as_ref()) {
                command.arg("--out").arg(out.path());
            }
            let error = format!("error: this system has no `{backend}` backend; it has: ");
            assert_eq!(fails(&mut command, &[&error]), 4);
            assert!(!stderr(&command.output().unwrap()).contains("install"));
        }
    }
    assert_eq!(entries(out.path()), 0);
}

/// The environment may hide a driver that is installed.
#[cfg(target_os = "linux")]
#[test]
fn a_variable_that_hides_the_drivers_is_named() {
    for command in ["devices", "train --dataset shapes", "self-test --adapter software", "devices --backend vulkan"] {
        let mut command = wgrad(command);
        command.env_remove("VK_DRIVER_FILES").env("VK_ICD_FILENAMES", "/no/such/driver.json");
        assert_eq!(fails(&mut command, &["no usable adapter: none was found", "VK_ICD_FILENAMES is set"]), 4);
    }
    let mut command = wgrad("devices --json");
    command.env_remove("VK_DRIVER_FILES").env("VK_ICD_FILENAMES", "/no/such/driver.json");
    assert_eq!(stdout(&succeeds(&mut command)), "[]\n");
}

#[test]
fn broken_data_is_an_error_that_names_the_file() {
    let named = |dir: &Path, parts: &[&str]| {
        for dataset in ["cifar10", "auto"] {
            let mut command = wgrad(&format!("train --dataset {dataset} --data-dir"));
            assert_eq!(fails(command.arg(dir), parts), 3);
        }
    };
    named(Path::new("/no/such/place"), &["no directory /no/such/place", "--data-dir"]);

    let dir = black_cifar10();
    let (name, bytes) = CIFAR10.files()[2];
    let path = dir.path().join(name);
    let file = File::options().write(true).open(&path).unwrap();
    file.set_len(bytes - 1).unwrap();
    named(dir.path(), &[name, "truncated", "download it again"]);
    file.set_len(bytes + 1).unwrap();
    named(dir.path(), &[name, "not a file of CIFAR-10"]);
    file.set_len(bytes).unwrap();
    (&file).write_all(&[11]).unwrap();
    named(dir.path(), &[name, "label 11", "record 0"]);

    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join(CIFAR10.archives[0].name), b"not an archive").unwrap();
    named(dir.path(), &[CIFAR10.archives[0].name, "14 bytes", "download it again"]);
}

#[test]
fn weights_that_do_not_fit_are_an_error() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("weights.safetensors");
    let eval = || {
        let mut command = wgrad(&format!("eval --dataset shapes {ADAPTER} --weights"));
        command.arg(&path);
        command
    };
    fails(&mut eval(), &["cannot read", "weights.safetensors"]);
    fs::write(&path, b"nonsense").unwrap();
    fails(&mut eval(), &["weights.safetensors is not a whole safetensors file"]);
    let tensors: [(&str, safetensors::tensor::TensorView); 0] = [];
    fs::write(&path, safetensors::serialize(tensors, None).unwrap()).unwrap();
    assert_eq!(fails(&mut eval(), &["weights.safetensors", "`conv2d/kernel` is missing"]), 3);
}

#[test]
fn a_file_that_cannot_be_written_has_its_exit_code() {
    let dir = tempfile::tempdir().unwrap();
    succeeds(&mut train(&dir.path().join("run"), "--limit 32 --epochs 1"));
    let mut export = wgrad("export --format keras-npz --weights");
    export.arg(dir.path().join("run/weights.safetensors")).arg("--out").arg(dir.path().join("run/config.json/a.npz"));
    assert_eq!(fails(&mut export, &["cannot write", "config.json", "check its permissions"]), 6);
}

// Windows keeps its cache directory where no variable moves it.
#[cfg(not(windows))]
#[test]
fn without_cifar10_auto_says_so_loudly() {
    let cache = tempfile::tempdir().unwrap();
    let out = tempfile::tempdir().unwrap();
    let mut command = wgrad(&format!("train --limit 32 --epochs 1 {ADAPTER}"));
    command.env("XDG_CACHE_HOME", cache.path()).env("HOME", cache.path()).arg("--out").arg(out.path());
    let output = succeeds(&mut command);
    assert!(stderr(&output).contains("NOT on CIFAR-10"), "{}", stderr(&output));
    assert!(stderr(&output).contains("https://www.cs.toronto.edu"), "{}", stderr(&output));
    assert!(stdout(&output).contains("Data set: shapes (generated)"));
    assert!(stdout(&output).contains("Test set of shapes:"));
    assert_eq!(json(&out.path().join("config.json"))["dataset"]["name"], "shapes");
    assert_eq!(json(&out.path().join("history.json"))["dataset"], "shapes");
}

#[test]
fn one_seed_gives_equal_files_and_eval_agrees() {
    let outs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let output = outs.each_ref().map(|out| succeeds(&mut train(out.path(), "--limit 300 --epochs 2 --seed 7")));
    let bytes = |name: &str| outs.each_ref().map(|out| fs::read(out.path().join(name)).unwrap());
    let [a, b] = bytes("weights.safetensors");
    assert!(a == b, "the weights differ");
    let [a, b] = bytes("history.json").map(|text| {
        let text = String::from_utf8(text).unwrap();
        let is_time = |line: &&str| line.contains("\"seconds\"") || line.contains("\"images_per_second\"");
        text.lines().filter(|line| !is_time(line)).map(String::from).collect::<Vec<_>>()
    });
    assert_eq!(a, b);

    let text = stdout(&output[0]);
    assert!(!text.contains(['\x1b', '\r']) && !stderr(&output[0]).contains(['\x1b', '\r']), "{text}");
    assert!(text.contains("\n10/10 - "), "{text}");
    let csv = fs::read_to_string(outs[0].path().join("history.csv")).unwrap();
    let header = "epoch,loss,accuracy,top5_accuracy,val_loss,val_accuracy,val_top5_accuracy,learning_rate,gradient_norm,\
                  seconds,images_per_second\n1,";
    assert!(csv.starts_with(header), "{csv}");
    assert_eq!(csv.lines().count(), 3);
    let config = json(&outs[0].path().join("config.json"));
    assert_eq!((&config["seed"], &config["dataset"]["train_images"]), (&7.into(), &300.into()));

    let weights = outs[0].path().join("weights.safetensors");
    let mut eval = wgrad(&format!("eval --dataset shapes {ADAPTER} --json --weights"));
    let report: Value = serde_json::from_slice(&succeeds(eval.arg(&weights)).stdout).unwrap();
    let history = json(&outs[0].path().join("history.json"));
    for figure in ["loss", "accuracy", "top5_accuracy", "images"] {
        assert_eq!(report[figure], history["evaluation"][figure], "{figure}");
    }
    assert_eq!(history["evaluation"]["loss"], history["epochs"][1]["val_loss"]);

    let mut shapes: Vec<_> =
        Weights::read(&weights).unwrap().tensors.into_iter().map(|tensor| (tensor.name, tensor.shape)).collect();
    shapes.sort();
    let shapes: Vec<_> = shapes.iter().map(|(name, shape)| (name.as_str(), shape.as_slice())).collect();
    let expected: [(&str, &[usize]); 10] = [
        ("conv2d/bias", &[32]),
        ("conv2d/kernel", &[3, 3, 3, 32]),
        ("conv2d_1/bias", &[64]),
        ("conv2d_1/kernel", &[3, 3, 32, 64]),
        ("conv2d_2/bias", &[64]),
        ("conv2d_2/kernel", &[3, 3, 64, 64]),
        ("dense/bias", &[64]),
        ("dense/kernel", &[1024, 64]),
        ("dense_1/bias", &[10]),
        ("dense_1/kernel", &[64, 10]),
    ];
    assert_eq!(shapes, expected);
}

#[test]
fn a_profile_lists_the_plan_and_changes_no_result() {
    let outs = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
    let arguments = "--limit 100 --epochs 2 --batch-size 16";
    succeeds(&mut train(outs[0].path(), arguments));
    let text = stdout(&succeeds(&mut train(outs[1].path(), &format!("{arguments} --profile"))));
    let [a, b] = outs.each_ref().map(|out| fs::read(out.path().join("weights.safetensors")).unwrap());
    assert!(a == b, "the weights differ");
    for part in ["Training step, 16 images", "Evaluation step, 16 images", "GFLOP/s", "device waited for data: "] {
        assert!(text.contains(part), "{part}: {text}");
    }
    assert!(!text.contains(['\x1b', '\r']), "{text}");
    assert!(!outs[0].path().join("profile.json").exists());

    let profile = json(&outs[1].path().join("profile.json"));
    let trace = json(&outs[1].path().join("trace.json"));
    let plan = stdout(&succeeds(&mut wgrad(&format!("summary --plan {ADAPTER} --batch-size 16"))));
    let tables: Vec<&str> = plan.split(" step, 16 images").skip(1).collect();
    let events = trace["traceEvents"].as_array().unwrap();
    for (schedule, table) in ["training", "evaluation"].into_iter().zip(tables) {
        let planned: Vec<&str> = (table.lines())
            .filter(|line| line.trim_start().starts_with(|first: char| first.is_ascii_digit()))
            .map(|line| line.trim_start_matches(|c: char| c == ' ' || c.is_ascii_digit()))
            .collect();
        let steps = profile[schedule]["steps"].as_array().unwrap();
        assert_eq!(steps.len(), planned.len());
        for (step, line) in steps.iter().zip(planned) {
            let name = step["name"].as_str().unwrap();
            assert!(line.starts_with(name), "{line}: {step}");
            assert!(step["microseconds"].as_f64().unwrap() > 0.0, "{step}");
            assert!(events.iter().any(|event| event["cat"] == "profile" && event["name"] == name), "{name}");
        }
        let shares: f64 = steps.iter().map(|step| step["share"].as_f64().unwrap()).sum();
        assert!((shares - 1.0).abs() < 1e-9, "{shares}");
        assert!(profile[schedule]["ceilings"]["flops_per_second"].as_f64().unwrap() > 0.0);
    }
    let waited = profile["device_waited_for_data_share"].as_f64().unwrap();
    assert!((0.0..=1.0).contains(&waited), "{waited}");

    let count = |name: &str| events.iter().filter(|event| event["cat"] == "run" && event["name"] == name).count();
    assert_eq!([count("epoch"), count("train step"), count("readback")], [2, 2 * 7, 2]);
    // The loader's start and end are waits too. The final evaluation is that of the last epoch, whose weights it has.
    assert_eq!([count("load wait"), count("evaluation")], [2 * (7 + 2), 2]);
    assert!(count("encode") >= 2 * 7 && count("encode") == count("submit"));
    // The last submission copies the weights, and was seen to finish.
    assert_eq!(count("submission"), count("submit"));
    for event in events.iter().filter(|event| event["ph"] == "X") {
        assert!(event["ts"].as_f64().unwrap() >= 0.0 && event["dur"].as_f64().unwrap() >= 0.0, "{event}");
    }
}

/// `wgrad tune` keeps its choices, training takes and records them, and a recorded choice repeats a run bit for bit.
#[test]
fn a_run_leaves_a_report_unless_told_not_to() {
    let (with, without) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let arguments = "--limit 64 --epochs 2";
    let mut command = train(with.path(), arguments);
    let text = stdout(&succeeds(command.arg("--tensorboard").arg(with.path().join("tensorboard"))));
    assert!(text.contains("The report is ") && text.contains("report.html"), "{text}");
    let read = |name: &str| fs::read_to_string(with.path().join(name)).unwrap();
    let accuracy = json(&with.path().join("history.json"))["evaluation"]["accuracy"].as_f64().unwrap();
    for name in ["report.html", "report.md"] {
        assert!(read(name).contains(&format!("{:.2} %", 100.0 * accuracy)), "{name}");
    }
    let links: Vec<String> = (read("report.md").lines())
        .filter_map(|line| line.strip_prefix("![")?.split_once("](")?.1.strip_suffix(')').map(String::from))
        .collect();
    assert_eq!(links.len(), 7);
    for link in links {
        assert!(with.path().join(&link).metadata().unwrap().len() > 1000, "{link}");
    }
    for part in ["train", "validation"] {
        assert_eq!(fs::read_dir(with.path().join("tensorboard").join(part)).unwrap().count(), 1);
    }
    let text = stdout(&succeeds(&mut train(without.path(), &format!("{arguments} --no-report"))));
    assert!(!text.contains("report"), "{text}");
    for name in ["report.html", "report.md", "plots", "mistakes.png"] {
        assert!(with.path().join(name).exists() && !without.path().join(name).exists(), "{name}");
    }
}

#[test]
fn a_loss_of_nan_stops_and_keeps_the_files_of_before() {
    let out = tempfile::tempdir().unwrap();
    fs::write(out.path().join("weights.safetensors"), b"good").unwrap();
    let mut command = train(out.path(), "--limit 320 --learning-rate 1e30");
    let code = fails(&mut command, &["the loss is", "epoch 1, step ", " has a ", "--learning-rate"]);
    assert_eq!(code, 5);
    assert_eq!(fs::read(out.path().join("weights.safetensors")).unwrap(), b"good");
    assert!(out.path().join("checkpoint-000000000.safetensors").exists(), "the last one that was good");
    assert_eq!(entries(out.path()), 2);
}

#[test]
fn a_place_that_takes_no_files_is_an_error_before_training() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let out = file.path().join("below");
    fails(&mut train(&out, "--limit 32"), &["cannot write", &out.display().to_string(), "--out"]);
}

#[test]
fn the_summary_counts_as_keras_does() {
    let text = stdout(&succeeds(&mut wgrad("summary")));
    for count in [" 896 ", " 18,496 ", " 36,928 ", " 65,600 ", " 650 ", "Total params: 122,570 (478.79 KB)"] {
        assert!(text.contains(count), "{count}: {text}");
    }
}

#[test]
fn the_plan_lists_both_schedules() {
    let text = stdout(&succeeds(&mut wgrad(&format!("summary --plan {ADAPTER} --batch-size 8"))));
    for part in ["Training step, 8 images", "Evaluation step, 8 images", "update", "slot 0", "Memory on the device"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn adapters_are_listed() {
    let text = stdout(&succeeds(&mut wgrad("devices")));
    assert!(text.starts_with("0: ") && text.contains("kernel: "), "{text}");
    let list: Value = serde_json::from_slice(&succeeds(&mut wgrad("devices --json")).stdout).unwrap();
    assert_eq!(list[0]["index"], 0);
    assert!(list.as_array().unwrap().iter().any(|adapter| adapter["compute"] == true));
}

#[test]
fn a_closed_pipe_is_no_error() {
    let mut child = wgrad("summary").stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", stderr(&output));
}
