//! Data that goes while it is read.
#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::thread;
use std::time::Duration;

use wgrad::data::cifar::CIFAR10;

mod command;

use command::*;

/// Whether a process has a file open; waits until it has, or has ended.
fn opens(child: &mut Child, file: &Path) -> bool {
    let open = PathBuf::from(format!("/proc/{}/fd", child.id()));
    while child.try_wait().unwrap().is_none() {
        let files = fs::read_dir(&open).into_iter().flatten().flatten();
        if files.flat_map(|entry| fs::read_link(entry.path())).any(|path| path == file) {
            return true;
        }
        thread::sleep(Duration::from_millis(1));
    }
    false
}

#[test]
fn a_data_file_that_is_cut_while_it_is_read_is_an_error() {
    let out = tempfile::tempdir().unwrap();
    // Reading takes a tenth of a second, in which this process may not have had its turn.
    for _ in 0..20 {
        let dir = black_cifar10();
        let (name, _) = CIFAR10.files()[4];
        let path = dir.path().join(name).canonicalize().unwrap();
        let mut command = wgrad(&format!("train {ADAPTER} --epochs 1 --data-dir"));
        let command = command.arg(dir.path()).arg("--out").arg(out.path().join("out"));
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        assert!(opens(&mut child, &path));
        File::options().write(true).open(&path).unwrap().set_len(1000).unwrap();
        let mut late = false;
        while !late && child.try_wait().unwrap().is_none() {
            late = out.path().join("out").exists();
            thread::sleep(Duration::from_millis(1));
        }
        if late {
            child.kill().unwrap();
            child.wait().unwrap();
            fs::remove_dir_all(out.path().join("out")).unwrap();
            continue;
        }
        let output = child.wait_with_output().unwrap();
        let message = stderr(&output);
        assert_eq!(output.status.code(), Some(3), "{message}");
        assert!(message.starts_with("error: ") && message.contains(name) && message.contains("truncated"), "{message}");
        assert_eq!(message.lines().count(), 1, "{message}");
        return;
    }
    panic!("the file was never cut in time");
}
