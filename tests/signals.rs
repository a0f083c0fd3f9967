//! Ctrl-C, and the request of a scheduler to end.
#![cfg(unix)]

use std::io::Read;
use std::process::Command;

use wgrad::exchange::Weights;

mod command;

use command::*;

#[test]
fn signals_stop_after_the_step_and_leave_files() {
    for signal in ["-INT", "-TERM"] {
        let out = tempfile::tempdir().unwrap();
        let (child, mut reader) = spawn_until(&mut train(out.path(), "--limit 64 --epochs 1000"), "Epoch 2/");
        // The shell's own, since a bare system has no other.
        let status = Command::new("sh").args(["-c", &format!("kill {signal} {}", child.id())]).status().unwrap();
        assert!(status.success());
        let mut rest = String::new();
        reader.read_to_string(&mut rest).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
        assert!(stderr(&output).contains("interrupted: "), "{}", stderr(&output));
        let history = json(&out.path().join("history.json"));
        assert!(history["evaluation"].is_null());
        assert_eq!(history["epochs"][0]["epoch"], 1);
        assert_eq!(json(&out.path().join("config.json"))["epochs"], 1000);
        assert_eq!(Weights::read(&out.path().join("weights.safetensors")).unwrap().tensors.len(), 10);
    }
}

#[test]
fn a_second_signal_ends_at_once() {
    let out = tempfile::tempdir().unwrap();
    let cache = tempfile::tempdir().unwrap();
    // A step takes seconds, so that it does not end between the two. Nothing is compiled yet, so that threads compile.
    let mut train = train(out.path(), "--limit 4000 --batch-size 2000 --epochs 1000");
    train.env("MESA_SHADER_CACHE_DIR", cache.path());
    let (child, _reader) = spawn_until(&mut train, "Epoch 1/");
    let signals = format!("kill -INT {0} && sleep 0.2 && kill -INT {0}", child.id());
    assert!(Command::new("sh").args(["-c", &signals]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", stderr(&output));
    assert!(!stderr(&output).contains("interrupted: "), "{}", stderr(&output));
    assert!(!out.path().join("weights.safetensors").exists());
}
