//! `tools/gpu_report.sh`: what it reports in a short time, and when it is ended before.
#![cfg(unix)]

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

mod command;

use command::json;

/// Stands for a benchmark: writes figures to the file of `--json`, and for the tutorial's network and a batch of 512 never ends.
const BENCHMARK: &str = r#"#!/bin/sh
batch=$1
for word; do case $word in --json=*) file=${word#--json=} ;; esac; done
if [ "$batch $2" = "512 tutorial" ]; then
    echo $$ >"$(dirname "$file")/endless.pid"
    exec sleep 1000
fi
cat >"$file" <<END
RESULTS
END
"#;

const STEP: &str = r#"{ "adapter": "another", "results": [{ "batch_size": $batch, "kernel": "tile",
    "train": { "milliseconds": 0.25, "images_per_second": 640, "encode_microseconds": 20, "dispatches": 9 },
    "evaluate": { "milliseconds": 0.125, "images_per_second": 1280, "encode_microseconds": 8, "dispatches": 5 },
    "first_step_seconds": { "cold": 1.5, "warm": 0.25 } }] }"#;

const DISPATCH: &str = r#"{ "results": { "kernel": "tile", "profiles": [{ "title": "Training step", "sum_microseconds": 250,
    "ceilings": { "flops_per_second": 5e13, "bytes_per_second": 2e12 },
    "steps": [{ "name": "conv2d dw", "microseconds": 13.6, "gflops_per_second": 5000, "roofline": 0.1 }] }] } }"#;

/// Runs this build's wgrad, but for what takes long.
const WGRAD: &str = r#"#!/bin/sh
case "$*" in
devices* | train*--tuning\ none\ --dataset*) exec "PROGRAM" "$@" ;;
*) echo "takes too long" >&2; exit 1 ;;
esac
"#;

/// A directory of programs: this build's wgrad, and stand-ins for the benchmarks.
fn programs(folder: &Path) {
    fs::create_dir(folder).unwrap();
    let wgrad = assert_cmd::cargo::cargo_bin!("wgrad").display().to_string();
    for (name, script) in [
        ("wgrad", WGRAD.replace("PROGRAM", &wgrad)),
        ("step", BENCHMARK.replace("RESULTS", STEP)),
        ("dispatch", BENCHMARK.replace("RESULTS", DISPATCH)),
    ] {
        let path = folder.join(name);
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
}

/// The script with a Python that has no PyTorch, or nothing where Python is missing and may be.
fn report(folder: &Path, minutes: &str) -> Option<Command> {
    let found = Command::new("python3").arg("--version").stdout(Stdio::null()).status().is_ok();
    assert!(found || std::env::var_os("CI").is_none(), "python3 is missing");
    if !found {
        println!("not tested: python3 is missing");
        return None;
    }
    programs(&folder.join("bin"));
    let mut command = Command::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tools/gpu_report.sh"));
    command
        .args(["--minutes", minutes, "--python", "/nonexistent/python", "--out"])
        .arg(folder.join("out"))
        .env("BIN", folder.join("bin"))
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdout(Stdio::null())
        .stderr(Stdio::piped());
    Some(command)
}

fn rows<'a>(report: &'a Value, part: &str) -> Vec<&'a Value> {
    report[part].as_array().unwrap().iter().collect()
}

#[test]
fn a_short_report_has_all_parts_and_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut command) = report(folder.path(), "2") else { return };
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));

    let out = folder.path().join("out");
    let found = json(&out.join("gpu-report.json"));
    assert!(found["ended"].is_null(), "{}", found["ended"]);
    assert_eq!(found["parts"]["devices"]["state"], "done", "{found:#}");
    assert!(rows(&found, "devices")[0]["name"].is_string());
    for (part, entry) in found["parts"].as_object().unwrap() {
        assert!(["done", "incomplete"].contains(&entry["state"].as_str().unwrap()), "{part}: {entry}");
    }
    let steps = rows(&found, "steps");
    assert_eq!(steps[0]["train"]["milliseconds"], 0.25);
    let endless: Vec<_> = steps.iter().filter(|row| !row["problem"].is_null()).collect();
    assert!(endless[0]["problem"].as_str().unwrap().starts_with("cut off after 20 s"), "{endless:?}");
    assert_eq!((steps.len(), endless.len()), (9, 1));
    let training = rows(&found, "training");
    assert!(training[0]["images_per_second"].as_f64().unwrap() > 1.0, "{training:?}");
    assert_eq!(training[1]["problem"], "takes too long");
    assert!(found["pytorch"].is_null());
    assert!(found["parts"]["pytorch"]["problem"].as_str().unwrap().contains("/nonexistent/python"));

    let tables = fs::read_to_string(out.join("gpu-report.md")).unwrap();
    for line in [
        "| network, batch | wgrad |",
        "| tutorial, 32 | **0.25** |",
        "| conv2d dw | 13.6 | 5,000 | 10.0 % |",
        "- steps, tutorial, 512: cut off",
        "- self_test: takes too long",
    ] {
        assert!(tables.contains(line), "no `{line}` in {tables}");
    }
}

/// Programs that fail write nothing, so what lies in the output directory is of an earlier report.
#[test]
fn figures_of_an_earlier_report_are_not_reported_again() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut command) = report(folder.path(), "2") else { return };
    let out = folder.path().join("out");
    fs::create_dir_all(out.join("run-tutorial")).unwrap();
    let step = STEP.replace("$batch", "32");
    for (name, text) in [
        ("self-test.json", r#"{ "passed": false, "results": [] }"#),
        ("step-tutorial-32.json", step.as_str()),
        ("run-tutorial/history.json", r#"{ "epochs": [{ "images_per_second": 640 }] }"#),
        ("dispatch-tutorial.json", DISPATCH),
        ("gpu-report.md", "| tutorial, 32 | **0.25** |"),
    ] {
        fs::write(out.join(name), text).unwrap();
    }
    for program in ["wgrad", "step", "dispatch"] {
        fs::write(folder.path().join("bin").join(program), "#!/bin/sh\nexit 1\n").unwrap();
    }
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));

    let found = json(&out.join("gpu-report.json"));
    assert!(found["self_test"].is_null(), "{}", found["self_test"]);
    assert_eq!(found["parts"]["self_test"]["problem"], "exit code 1");
    for (part, figures, count) in
        [("steps", "train", 9), ("training", "images_per_second", 3), ("dispatches", "profiles", 3)]
    {
        let rows = rows(&found, part);
        assert_eq!(rows.len(), count, "{part}");
        for row in rows {
            assert!(row[figures].is_null(), "{part}: {row}");
            assert_eq!(row["problem"], "exit code 1", "{part}");
        }
    }
    let tables = fs::read_to_string(out.join("gpu-report.md")).unwrap();
    assert!(!tables.contains("0.25"), "{tables}");
}

#[test]
fn all_parts_end_with_the_time() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut command) = report(folder.path(), "0.1") else { return };
    // Everything is endless.
    fs::write(folder.path().join("bin/wgrad"), "#!/bin/sh\nexec sleep 1000").unwrap();
    let start = Instant::now();
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    // The limit is 6 s, and what Python takes to begin is not counted.
    let seconds = start.elapsed().as_secs_f64();
    assert!((3.0..16.0).contains(&seconds), "{seconds}");
    let found = json(&folder.path().join("out/gpu-report.json"));
    for part in ["self_test", "training", "tune"] {
        assert_eq!(found["parts"][part]["state"], "incomplete", "{found:#}");
    }
    assert_eq!(found["parts"]["dispatches"]["state"], "done");
}

#[test]
fn an_ended_report_keeps_what_it_had() {
    for (signal, ended) in [("TERM", "stopped by SIGTERM"), ("KILL", "killed")] {
        let folder = tempfile::tempdir().unwrap();
        let Some(mut command) = report(folder.path(), "8") else { return };
        let mut child = command.spawn().unwrap();
        let out = folder.path().join("out");
        let start = Instant::now();
        let pid = loop {
            match fs::read_to_string(out.join("endless.pid")) {
                Ok(pid) if pid.ends_with('\n') => break pid.trim().to_owned(),
                _ => std::thread::sleep(Duration::from_millis(20)),
            }
            assert!(start.elapsed() < Duration::from_secs(60));
        };
        let kill = |signal: &str, pid: &str| {
            let script = format!("kill -{signal} {pid} 2>/dev/null");
            Command::new("sh").args(["-c", &script]).status().unwrap().success()
        };
        assert!(kill(signal, &child.id().to_string()));
        let status = child.wait().unwrap();
        // Only what was killed itself has no time to end what it started.
        assert_eq!(kill("KILL", &pid), signal == "KILL", "{signal}");
        assert_eq!(status.code(), (signal == "TERM").then_some(1));

        let found = json(&out.join("gpu-report.json"));
        assert_eq!(found["ended"], ended);
        assert_eq!(found["parts"]["steps"]["state"], "begun");
        assert_eq!(found["parts"]["dispatches"]["state"], "not begun");
        assert_eq!(rows(&found, "steps")[0]["train"]["milliseconds"], 0.25);
        if signal == "TERM" {
            let tables = fs::read_to_string(out.join("gpu-report.md")).unwrap();
            assert!(tables.contains("| tutorial, 32 | **0.25** |"), "{tables}");
        }
    }
}
