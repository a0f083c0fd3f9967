//! Disks that are full, or become so.
#![cfg(target_os = "linux")]

use std::fs::{self, File};
use std::io::{self, Write};
use std::process::Command;

use tempfile::TempDir;

mod command;

use command::*;

/// A file system of its own size, gone when dropped; none where this user may not mount.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn new(size: &str) -> Option<Self> {
        let dir = tempfile::tempdir().unwrap();
        let options = format!("size={size}");
        let mut mount = Command::new("mount");
        let mount = mount.args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(dir.path()).output();
        let mounted = mount.is_ok_and(|output| output.status.success());
        if !mounted {
            let _ = writeln!(io::stderr(), "skipped: no tmpfs can be mounted here");
        }
        mounted.then_some(Self(dir))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_is_an_error_before_training() {
    let Some(disk) = SmallDisk::new("16k") else { return };
    let path = disk.0.path();
    let parts = ["cannot write", &path.display().to_string(), "free space", "--out"];
    assert_eq!(fails(&mut train(path, "--limit 32"), &parts), 6);
    assert_eq!(entries(path), 0);
}

#[test]
fn a_disk_that_fills_during_training_keeps_the_files_of_before() {
    let Some(disk) = SmallDisk::new("12m") else { return };
    let path = disk.0.path();
    fs::write(path.join("weights.safetensors"), b"good").unwrap();
    let (child, _reader) = spawn_until(&mut train(path, "--limit 640 --epochs 1 --keep-weights none"), "Epoch 1/");
    let mut filler = File::create(path.join("filler")).unwrap();
    let full = io::copy(&mut io::repeat(0), &mut filler).unwrap_err();
    assert_eq!(full.kind(), io::ErrorKind::StorageFull);
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(6));
    let stderr = stderr(&output);
    assert!(stderr.contains("error: cannot write") && stderr.contains("--out"), "{stderr}");
    assert_eq!(stderr.lines().count(), 1, "{stderr}");
    assert_eq!(fs::read(path.join("weights.safetensors")).unwrap(), b"good");
    // The filler, the weights, and the checkpoint of the begin.
    assert_eq!(entries(path), 3);
}
