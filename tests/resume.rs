//! A run that was killed, interrupted or damaged can be resumed, and ends with the bits of one that never was.

#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

mod command;

use command::*;

/// Everything that could differ: a shuffle, random changes of images, dropout, a schedule, early stopping, weight decay.
const EVERYTHING: &str = "--limit 320 --epochs 3 --batch-size 16 --augment flip,crop:2,cutout:4 --lr-schedule cosine@1 \
                          --early-stopping 2 --weight-decay 1e-3 --label-smoothing 0.1 --keep-weights both --no-report";

const KILLED_RUNS: u32 = 3;

struct Run {
    place: TempDir,
}

impl Run {
    fn new() -> Self {
        Self { place: tempfile::tempdir().unwrap() }
    }

    fn out(&self) -> PathBuf {
        self.place.path().join("out")
    }

    /// A small network with dropout, trained with every feature.
    fn train(&self, arguments: &str) -> Command {
        self.train_as(EVERYTHING, arguments)
    }

    fn train_as(&self, settings: &str, arguments: &str) -> Command {
        let model = self.place.path().join("model.toml");
        let layers = "input = [32, 32, 3]\n\n[[layers]]\ntype = \"conv2d\"\nfilters = 4\nkernel_size = 3\nstrides = 2\n\
                      activation = \"relu\"\n\n[[layers]]\ntype = \"flatten\"\n\n[[layers]]\ntype = \"dropout\"\nrate = 0.25\n\n\
                      [[layers]]\ntype = \"dense\"\nunits = 10\n";
        fs::write(&model, layers).unwrap();
        let mut command = train(&self.out(), &format!("{settings} {arguments}"));
        command.arg("--model").arg(model);
        command
    }

    fn resume(&self, arguments: &str) -> Command {
        let mut command = wgrad(&format!("train {arguments} --resume"));
        command.arg(self.out());
        command
    }

    fn checkpoints(&self) -> Vec<PathBuf> {
        let files = fs::read_dir(self.out()).unwrap().map(|entry| entry.unwrap().path());
        let mut files: Vec<_> = files.filter(|path| name(path).starts_with("checkpoint-")).collect();
        files.sort();
        files
    }

    /// All that a run leaves which may not depend on how often it was stopped.
    fn result(&self) -> (Vec<u8>, Vec<u8>, Vec<u8>, Value) {
        let read = |name: &str| fs::read(self.out().join(name)).unwrap();
        let mut history = json(&self.out().join("history.json"));
        for row in history["epochs"].as_array_mut().unwrap() {
            for time in ["seconds", "images_per_second"] {
                row.as_object_mut().unwrap().remove(time).unwrap();
            }
        }
        history["evaluation"].as_object_mut().unwrap().remove("seconds").unwrap();
        (read("weights.safetensors"), read("best.safetensors"), read("last.safetensors"), history)
    }

    /// Starts a run and waits until it has trained for some steps.
    fn spawn(&self, mut command: Command, steps: u64) -> Training {
        let training = Training(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
        let started = Instant::now();
        let has_come = |path: &PathBuf| name(path)[11..20].parse::<u64>().unwrap() >= steps;
        while !self.out().is_dir() || !self.checkpoints().iter().any(has_come) {
            assert!(started.elapsed() < Duration::from_secs(120), "no checkpoint of step {steps}");
            sleep(Duration::from_millis(5));
        }
        training
    }
}

/// A process that does not outlive its test.
struct Training(Child);

impl Training {
    fn kill(mut self) {
        self.0.kill().unwrap();
        self.0.wait().unwrap();
    }
}

impl Drop for Training {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

fn signal(child: &Child, signal: &str) {
    assert!(Command::new("kill").arg(signal).arg(child.id().to_string()).status().unwrap().success());
}

fn uninterrupted() -> Run {
    let run = Run::new();
    succeeds(&mut run.train(""));
    run
}

#[test]
fn killed_at_any_moment_it_ends_with_the_same_bytes() {
    let begun = Instant::now();
    let expected = uninterrupted().result();
    // A run is killed at a moment that may be after its end. On a machine where a run takes longer, so does the way to the first
    // checkpoint, and a run that never gets there would never end.
    let within = begun.elapsed().as_millis().max(1) as u64 * 5 / 4;
    // More of them: WGRAD_KILLED_RUNS=100 cargo test --release --test resume killed, or make soak.
    let number = |name| std::env::var(name).ok().map(|number| number.parse::<u32>().unwrap());
    let least = number("WGRAD_KILLED_RUNS").unwrap_or(KILLED_RUNS);
    let until = Instant::now() + Duration::from_secs(60 * u64::from(number("WGRAD_KILL_MINUTES").unwrap_or(0)));
    let mut random = u64::from(std::process::id());
    let (mut runs, mut kills) = (0, 0);
    while runs < least || Instant::now() < until {
        let run = Run::new();
        let mut command = run.train("--checkpoint-every 3");
        let before = kills;
        loop {
            let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
            random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            sleep(Duration::from_millis((random >> 33) % within));
            if let Some(status) = child.try_wait().unwrap() {
                assert!(status.success(), "after {kills} kills: {command:?}");
                break;
            }
            child.kill().unwrap();
            child.wait().unwrap();
            kills += 1;
            let begun = run.out().is_dir() && !run.checkpoints().is_empty();
            command = if begun { run.resume("") } else { run.train("--checkpoint-every 3") };
        }
        assert!(run.result() == expected, "the bytes differ after {kills} kills");
        let entries = fs::read_dir(run.out()).unwrap().map(|entry| entry.unwrap().file_name());
        assert_eq!(entries.filter(|name| name.to_string_lossy().starts_with(".partial")).count(), 0);
        runs += u32::from(kills > before);
    }
    println!("{runs} runs, killed {kills} times: all bytes equal");
}

#[test]
fn a_request_to_end_saves_the_step_and_the_run_goes_on_from_it() {
    let expected = uninterrupted().result();
    for (request, code) in [("-INT", 130), ("-TERM", 130)] {
        let run = Run::new();
        let mut training = run.spawn(run.train("--checkpoint-every 1"), 7);
        signal(&training.0, request);
        assert_eq!(training.0.wait().unwrap().code(), Some(code));
        succeeds(&mut run.resume(""));
        assert!(run.result() == expected, "{request}");
    }
}

#[test]
fn settings_stay_and_the_length_may_change() {
    // A schedule that does not depend on the length.
    let settings = EVERYTHING.replace("cosine@1", "step:0.5@2");
    let run = Run::new();
    succeeds(&mut run.train_as(&settings, ""));
    for (arguments, parts) in [
        ("--batch-size 64", ["--batch-size 64", "begun with 16"]),
        ("--seed 1", ["--seed 1", "begun with 0"]),
        ("--dataset shapes --augment flip", ["--augment flip", "flip,crop:2,cutout:4"]),
        ("--limit 100", ["--limit 100", "begun with 320"]),
        ("--freeze dense", ["--freeze dense", "begun without --freeze"]),
        ("--epochs 1", ["--epochs is 1", "has 3"]),
        ("--data-dir /no/such/place --dataset cifar10", ["no directory /no/such/place", "--data-dir"]),
    ] {
        fails(&mut run.resume(arguments), &parts);
    }
    // What is given once more changes nothing, and a longer run is the longer run.
    succeeds(&mut run.resume("--batch-size 16 --epochs 4"));
    let long = Run::new();
    succeeds(&mut long.train_as(&settings.replace("--epochs 3", "--epochs 4"), ""));
    assert!(run.result() == long.result());
    let black = black_cifar10();
    let mut other = run.resume("");
    other.args(["--dataset", "cifar10", "--data-dir"]).arg(black.path());
    fails(&mut other, &["is not the data that the run was begun with"]);
}

#[test]
fn a_damaged_checkpoint_is_said_and_the_one_before_is_taken() {
    let expected = uninterrupted().result();
    let run = Run::new();
    let training = run.spawn(run.train("--checkpoint-every 2"), 6);
    training.kill();
    let checkpoints = run.checkpoints();
    // Two, or three where it was killed before the oldest was deleted.
    assert!(checkpoints.len() >= 2);
    let newest = &checkpoints[checkpoints.len() - 1];
    let mut bytes = fs::read(newest).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(newest, &bytes).unwrap();
    let output = succeeds(&mut run.resume(""));
    assert!(stderr(&output).contains(&format!("{} can't be used", newest.display())), "{}", stderr(&output));
    assert!(run.result() == expected);
    for path in run.checkpoints() {
        fs::write(path, b"").unwrap();
    }
    assert_eq!(fails(&mut run.resume(""), &["checkpoint-", "checksum", "begin anew"]), 7);
    for path in run.checkpoints() {
        fs::remove_file(path).unwrap();
    }
    assert_eq!(fails(&mut run.resume(""), &["has no checkpoint", "without --resume"]), 7);
}

#[test]
fn a_run_is_not_lost_to_another() {
    let run = Run::new();
    let endless = EVERYTHING.replace("--epochs 3", "--epochs 9999").replace("--early-stopping 2", "");
    let training = run.spawn(run.train_as(&endless, "--checkpoint-every 1"), 3);
    for mut other in [run.train(""), run.train("--overwrite"), run.resume("")] {
        assert_eq!(fails(&mut other, &["is in use by another wgrad", "--out"]), 7);
    }
    training.kill();
    assert_eq!(fails(&mut run.train(""), &["was stopped in epoch", "--resume", "--overwrite"]), 7);
    succeeds(&mut run.train("--overwrite"));
    assert!(run.result() == uninterrupted().result());
    succeeds(&mut run.train(""));
}

#[test]
fn a_run_may_go_on_elsewhere() {
    let expected = uninterrupted().result();
    let run = Run::new();
    let training = run.spawn(run.train("--checkpoint-every 1"), 25);
    training.kill();
    let there = Run::new();
    let mut command = run.resume("");
    command.arg("--out").arg(there.out());
    succeeds(&mut command);
    assert!(there.result() == expected);
}
