//! Runs the binary in tests.

// Each test file uses only some of these functions.
#![allow(dead_code)]

use std::env;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;
use wgrad::data::cifar::CIFAR10;

/// The adapter of all tests. A software adapter gives the same bits every time, but macOS has none.
pub const ADAPTER: &str = if cfg!(target_os = "macos") { "--adapter 0" } else { "--adapter software" };

/// A command that finds no CIFAR-10, whose downloads fail at once, and that has no desktop.
pub fn wgrad(arguments: &str) -> Command {
    let empty = env!("CARGO_TARGET_TMPDIR");
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("wgrad"));
    command
        .args(arguments.split_whitespace())
        .current_dir(empty)
        .env_remove("CIFAR10_DIR")
        .env_remove("CIFAR100_DIR")
        .env_remove("MNIST_DIR")
        .env_remove("FASHION_MNIST_DIR")
        .env_remove("RUST_LOG")
        .env("ALL_PROXY", "http://127.0.0.1:9")
        .env_remove("NO_PROXY")
        .env_remove("XDG_RUNTIME_DIR")
        .env_remove("WAYLAND_DISPLAY")
        .env_remove("DISPLAY")
        // Nothing is measured at the start, and the bits are those of a device that the tests open themselves.
        .env("LP_NATIVE_VECTOR_WIDTH", env::var_os("LP_NATIVE_VECTOR_WIDTH").unwrap_or("256".into()));
    command
}

/// A short training.
pub fn train(out: &Path, arguments: &str) -> Command {
    let mut command = wgrad(&format!("train --dataset shapes {ADAPTER} {arguments}"));
    command.arg("--out").arg(out);
    command
}

pub fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

pub fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

/// Asserts that a command fails with one line that holds all of `parts`, and with a code that wgrad has for errors.
pub fn fails(command: &mut Command, parts: &[&str]) -> u8 {
    let output = command.output().unwrap();
    let stderr = stderr(&output);
    let code = output.status.code().and_then(|code| u8::try_from(code).ok()).unwrap();
    assert!([1, 3, 4, 5, 6, 7].contains(&code), "{command:?}: {code}: {stderr}");
    assert!(stderr.starts_with("error: ") && stderr.lines().count() == 1, "{command:?}: {stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{command:?}: no `{part}` in {stderr}");
    }
    code
}

/// How many files and directories there are in a directory, besides its lock.
pub fn entries(directory: &Path) -> usize {
    let entries = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name());
    entries.filter(|name| name != ".lock").count()
}

pub fn succeeds(command: &mut Command) -> Output {
    let output = command.output().unwrap();
    assert!(output.status.success(), "{command:?}: {}", stderr(&output));
    output
}

pub fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).unwrap()).unwrap()
}

/// Starts a command and waits for a line that starts with `start`.
#[cfg(unix)]
pub fn spawn_until(
    command: &mut Command,
    start: &str,
) -> (std::process::Child, std::io::BufReader<std::process::ChildStdout>) {
    use std::io::BufRead;
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut reader = std::io::BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.starts_with(start) {
        line.clear();
        if reader.read_line(&mut line).unwrap() == 0 {
            let output = child.wait_with_output().unwrap();
            panic!("no line `{start}`: {}", stderr(&output));
        }
    }
    (child, reader)
}

/// A directory with CIFAR-10's six files, sparse, black and of label 0.
pub fn black_cifar10() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, bytes) in CIFAR10.files() {
        File::create(dir.path().join(name)).unwrap().set_len(bytes).unwrap();
    }
    dir
}
