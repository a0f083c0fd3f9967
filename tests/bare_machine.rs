//! The first hour of a new user, on a machine without a desktop, with nothing in the environment but where programs are.

#![cfg(unix)]

use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::{env, fs, thread};

use image::RgbImage;

mod command;

use command::{ADAPTER, stderr, succeeds};

/// What wgrad itself says on standard error where it has to compute on the CPU and was not asked to.
const NOTE: &str = "no GPU was found: computing on the CPU with a software adapter (see `wgrad devices`)\n";

fn bare(home: Option<&Path>, folder: &Path, arguments: &str) -> Command {
    let mut command = Command::new(assert_cmd::cargo::cargo_bin!("wgrad"));
    command.args(arguments.split_whitespace()).current_dir(folder).env_clear();
    command.env("PATH", env::var_os("PATH").unwrap_or_default());
    if let Some(home) = home {
        command.env("HOME", home);
    }
    command
}

/// No library that wgrad loads has anything to say on its own.
#[test]
fn nothing_is_printed_that_is_not_wgrads_own() {
    let folder = tempfile::tempdir().unwrap();
    // The driver keeps compiled shaders below it.
    let home = Path::new(env!("CARGO_TARGET_TMPDIR")).join("bare_home");
    fs::create_dir_all(&home).unwrap();
    RgbImage::new(40, 30).save(folder.path().join("picture.png")).unwrap();
    let weights = "out/weights.safetensors";
    for arguments in [
        "devices",
        "summary",
        "summary --plan",
        &format!("train --dataset shapes --limit 64 --epochs 1 --out out {ADAPTER}"),
        "train --dataset shapes --limit 64 --epochs 1 --out other",
        "train --resume other --epochs 2",
        &format!("eval --dataset shapes --limit 64 --weights {weights}"),
        &format!("predict --weights {weights} picture.png"),
        &format!("export --weights {weights} --format onnx --out network.onnx"),
        &format!("export --weights {weights} --format keras-npz --out network.npz"),
        "import network.npz --out imported.safetensors",
    ] {
        let output = succeeds(&mut bare(Some(&home), folder.path(), arguments));
        let said = stderr(&output);
        assert!(said.is_empty() || said == NOTE && !arguments.contains(ADAPTER), "{arguments}: {said}");
    }
    for arguments in ["devices", &format!("predict --weights {weights} picture.png {ADAPTER}")] {
        let output = succeeds(&mut bare(None, folder.path(), arguments));
        assert_eq!(stderr(&output), "", "without a home directory: {arguments}");
    }
}

/// A desktop may be there and not answer, or be another machine's.
#[cfg(target_os = "linux")]
#[test]
fn no_display_is_connected_to() {
    use std::net::TcpListener;
    use std::os::unix::net::UnixListener;

    let folder = tempfile::tempdir().unwrap();
    let wayland = UnixListener::bind(folder.path().join("wayland-0")).unwrap();
    let x = TcpListener::bind("127.0.0.1:0").unwrap();
    // X's display N listens on port 6000 + N.
    let display = format!("127.0.0.1:{}", x.local_addr().unwrap().port() - 6000);
    let connections = Arc::new(AtomicUsize::new(0));
    // Each connection is closed at once, lest a client waits for an answer.
    let counter = connections.clone();
    thread::spawn(move || {
        wayland.incoming().for_each(|_| {
            counter.fetch_add(1, Ordering::SeqCst);
        })
    });
    let counter = connections.clone();
    thread::spawn(move || {
        x.incoming().for_each(|_| {
            counter.fetch_add(1, Ordering::SeqCst);
        })
    });
    let mut command = bare(Some(folder.path()), folder.path(), "devices");
    let output = succeeds(command.env("XDG_RUNTIME_DIR", folder.path()).env("DISPLAY", display));
    assert_eq!(stderr(&output), "");
    assert_eq!(connections.load(Ordering::SeqCst), 0);
}
