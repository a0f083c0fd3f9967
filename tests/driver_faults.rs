//! Drivers that fail, in the middle of a command: one line, an exit code, and nothing lost.
#![cfg(target_os = "linux")]

use std::fmt::Display;
use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

mod command;

use command::*;

const OUT_OF_DEVICE_MEMORY: i32 = -2;
const INITIALIZATION_FAILED: i32 = -3;
const DEVICE_LOST: i32 = -4;
const MEMORY_MAP_FAILED: i32 = -5;

/// The type of a device.
const DISCRETE_GPU: &str = "2";

/// When the tensors of a network are allocated, so many buffers have been made, one less.
const BUFFER_OF_A_TENSOR: u32 = 16;

/// Exit code of a device that failed.
const DEVICE: i32 = 4;

/// A Vulkan layer that fails as it is told.
struct FaultyDriver(TempDir);

impl FaultyDriver {
    fn build() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let library = dir.path().join("layer.so");
        let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/faulty_driver/layer.rs");
        let mut rustc = Command::new("rustc");
        let rustc = rustc.args(["--edition", "2024", "--crate-type", "cdylib", "-D", "warnings", "-o"]);
        assert!(rustc.arg(&library).arg(source).status().unwrap().success());
        let manifest = format!(
            r#"{{"file_format_version": "1.0.0", "layer": {{"name": "VK_LAYER_WGRAD_faulty_driver", "type": "GLOBAL",
            "library_path": "{}", "api_version": "1.3.0", "implementation_version": "1", "description": "fails"}}}}"#,
            library.display()
        );
        fs::write(dir.path().join("layer.json"), manifest).unwrap();
        Self(dir)
    }

    /// Has `function` return `result` from its `nth` call on; a number behind the result is that of these calls.
    fn fails<'a>(&self, command: &'a mut Command, function: &str, nth: u32, result: impl Display) -> &'a mut Command {
        command
            .env("VK_LAYER_PATH", self.0.path())
            .env("VK_INSTANCE_LAYERS", "VK_LAYER_WGRAD_faulty_driver")
            .env("FAULTY_DRIVER", format!("{function} {nth} {result}"))
    }
}

#[test]
fn a_driver_that_does_not_start_is_an_error() {
    let driver = FaultyDriver::build();
    let out = tempfile::tempdir().unwrap();
    for (function, nth, result, message) in [
        ("vkCreateDevice", 1, INITIALIZATION_FAILED, "does not open"),
        ("vkAllocateMemory", 1, OUT_OF_DEVICE_MEMORY, "does not open: Not enough memory"),
        ("vkMapMemory", 1, MEMORY_MAP_FAILED, "does not open"),
        ("vkCreateComputePipelines", 3, OUT_OF_DEVICE_MEMORY, "the device is out of memory"),
        ("vkQueueSubmit", 1, DEVICE_LOST, "the device was lost"),
        ("vkWaitSemaphores", 1, DEVICE_LOST, "the device was lost"),
    ] {
        let mut command = train(out.path(), "--limit 64 --epochs 1");
        let code = fails(driver.fails(&mut command, function, nth, result), &[message]);
        assert_eq!(i32::from(code), DEVICE, "{function}");
        assert_eq!(entries(out.path()), 0, "{function}");
    }
}

/// wgpu holds the size of workgroups against what the driver says of itself.
#[test]
fn an_error_of_validation_is_an_error_of_the_command() {
    let driver = FaultyDriver::build();
    let out = tempfile::tempdir().unwrap();
    let mut command = train(out.path(), "--limit 64 --epochs 1");
    // Strict about WebGPU, wgpu would not list such an adapter.
    let lying = driver.fails(command.env_remove("WGRAD_LIMITS"), "vkGetPhysicalDeviceProperties", 1, 1);
    let code = fails(lying, &["the device reports an error: Validation Error", "wgrad devices"]);
    assert_eq!(i32::from(code), DEVICE);
    assert_eq!(entries(out.path()), 0);
}

/// A first block of memory is taken with the device; this needs more.
#[test]
fn tensors_that_the_driver_has_no_memory_for_are_an_error() {
    let driver = FaultyDriver::build();
    let out = tempfile::tempdir().unwrap();
    let model = out.path().join("model.toml");
    let convolutions = "{ type = 'conv2d', filters = 8, kernel_size = 3, padding = 'same' }, ".repeat(8);
    let head = "{ type = 'flatten' }, { type = 'dense', units = 'classes' }";
    fs::write(&model, format!("layers = [{convolutions}{head}]")).unwrap();
    let mut command = train(&out.path().join("out"), "--batch-size 1024");
    command.arg("--model").arg(model);
    let faulty = driver.fails(&mut command, "vkAllocateMemory", 2, OUT_OF_DEVICE_MEMORY);
    let code = fails(faulty, &["the device is out of memory", "--batch-size"]);
    assert_eq!(i32::from(code), DEVICE);
    assert_eq!(entries(&out.path().join("out")), 0);
}

/// A driver that calls itself a GPU holds the images, and trains to the same bytes where it has no memory for them.
#[test]
fn images_that_the_driver_has_no_memory_for_are_sent() {
    let driver = FaultyDriver::build();
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("model.toml");
    let layers =
        "{ type = 'max_pooling2d', pool_size = 4 }, { type = 'flatten' }, { type = 'dense', units = 'classes' }";
    fs::write(&model, format!("layers = [{layers}]")).unwrap();
    let weights = |nth: u32, warns: bool| {
        let out = dir.path().join(nth.to_string());
        let mut command = wgrad("train --dataset shapes --adapter 0 --limit 64 --epochs 1 --no-report");
        command.arg("--model").arg(&model).arg("--out").arg(&out).env("FAULTY_DRIVER_TYPE", DISCRETE_GPU);
        let output = succeeds(driver.fails(&mut command, "vkCreateBuffer", nth, format!("{OUT_OF_DEVICE_MEMORY} 1")));
        let warning =
            "warning: the GPU has no memory for the images of the data set, so each minibatch is sent to it\n";
        assert_eq!(stderr(&output), if warns { warning } else { "" });
        fs::read(out.join("weights.safetensors")).unwrap()
    };
    // What the device itself needs comes first.
    assert!(weights(BUFFER_OF_A_TENSOR, true) == weights(u32::MAX, false));
}

#[test]
fn a_driver_that_fails_while_a_network_is_trained_loses_nothing() {
    let driver = FaultyDriver::build();
    let dir = tempfile::tempdir().unwrap();
    let model = dir.path().join("model.toml");
    let layers = "{ type = 'max_pooling2d', pool_size = 4 }, { type = 'dropout', rate = 0.25 }, { type = 'flatten' }, \
                  { type = 'dense', units = 'classes' }";
    fs::write(&model, format!("layers = [{layers}]")).unwrap();
    let begun = |out: &Path| {
        let mut command = train(out, "--limit 320 --epochs 3 --augment flip --checkpoint-every 3 --no-report");
        command.arg("--model").arg(&model);
        command
    };
    let whole = dir.path().join("whole");
    succeeds(&mut begun(&whole));
    for (function, nth, result, message) in [
        ("vkQueueSubmit", 60, DEVICE_LOST, "the device was lost"),
        ("vkQueueSubmit", 60, OUT_OF_DEVICE_MEMORY, "the device is out of memory"),
        ("vkWaitSemaphores", 15, DEVICE_LOST, "the device was lost"),
        ("vkGetSemaphoreCounterValue", 120, DEVICE_LOST, "the device was lost"),
        ("vkGetSemaphoreCounterValue", 120, OUT_OF_DEVICE_MEMORY, "the device is out of memory"),
    ] {
        let out = dir.path().join(format!("{function} {result}"));
        let output = driver.fails(&mut begun(&out), function, nth, result).output().unwrap();
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(DEVICE), "{function}: {text}");
        let lines: Vec<_> = text.lines().collect();
        let [kept, error] = lines[..] else { panic!("{function}: {text}") };
        let resume = format!("`wgrad train --resume {}` resumes the run", out.display());
        assert!(kept.starts_with("the run is saved up to step ") && kept.ends_with(&resume), "{text}");
        assert!(error.starts_with("error: ") && error.contains(message), "{text}");

        succeeds(wgrad("train --resume").arg(&out));
        for file in ["weights.safetensors", "best.safetensors"] {
            assert!(fs::read(out.join(file)).unwrap() == fs::read(whole.join(file)).unwrap(), "{function}: {file}");
        }
    }
}

#[test]
fn a_driver_that_fails_is_an_error_of_every_command() {
    let driver = FaultyDriver::build();
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    succeeds(&mut train(&out, "--limit 64 --epochs 1 --no-report"));
    let weights = out.join("weights.safetensors").display().to_string();
    let picture = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks/corpus/picture/valid.png");
    for arguments in [
        format!("eval --weights {weights} --dataset shapes {ADAPTER}"),
        format!("predict --weights {weights} {} {ADAPTER}", picture.display()),
        format!("tune {ADAPTER}"),
    ] {
        for (function, nth) in [("vkQueueSubmit", 2), ("vkWaitSemaphores", 1)] {
            let code =
                fails(driver.fails(&mut wgrad(&arguments), function, nth, DEVICE_LOST), &["the device was lost"]);
            assert_eq!(i32::from(code), DEVICE, "{arguments}");
        }
    }
}
