//! llvmpipe computes 256 or 512 bits at once, and its cache of compiled shaders does not tell them apart.

#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use serde_json::Value;
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::kernel::MicroKernel;
use wgrad::self_test::{self, CaseResult};

mod command;

use command::*;

const WIDTH: &str = "LP_NATIVE_VECTOR_WIDTH";

/// Cases of the self-test, by their check and the beginning of their name, with the micro-kernels in which they run; all if
/// none is named. The driver takes long to compile each. The shaders are those of 8 lanes with other sizes, with which
/// every case runs elsewhere, so those do here that have several tiles and parts in each, and under pooling.
const CASES: [(&str, &str, &[MicroKernel]); 5] = [
    ("conv2d", "odd lines of nine taps", &[]),
    ("conv2d", "lines of eight pixels:", &[MicroKernel::Taps64x16]),
    ("conv2d", "lines of five pixels in two parts", &[MicroKernel::Windows144x16, MicroKernel::Windows72x32]),
    ("conv2d_max_pool2d", "three channels and relu", &[MicroKernel::Broadcast64x32, MicroKernel::Taps64x16]),
    ("dense", "more rows than a tile", &[MicroKernel::Broadcast128x16]),
];

const MODEL: &str = r#"
version = 2

[[layers]]
type = "rescaling"
scale = 0.00392156862745098

[[layers]]
type = "conv2d"
filters = 20
kernel_size = 3
padding = "same"

[[layers]]
type = "flatten"

[[layers]]
type = "dense"
units = 10
"#;

fn has_avx512() -> bool {
    is_x86_feature_detected!("avx512bw") && is_x86_feature_detected!("avx512dq") && is_x86_feature_detected!("avx512vl")
}

/// Trains a little with everything that is kept below `home`; the last loss, and the bytes of the weights.
fn trained(home: &Path, bits: &str) -> (f64, Vec<u8>) {
    let model = home.join("model.toml");
    fs::write(&model, MODEL).unwrap();
    let out = home.join(format!("out-{bits}"));
    let mut command = train(&out, "--limit 160 --epochs 1 --no-report --overwrite");
    command.arg("--model").arg(&model).env("XDG_CACHE_HOME", home).env(WIDTH, bits).env_remove("MESA_SHADER_CACHE_DIR");
    succeeds(&mut command);
    let history: Value = serde_json::from_slice(&fs::read(out.join("history.json")).unwrap()).unwrap();
    let loss = history["epochs"][0]["loss"].as_f64().unwrap();
    (loss, fs::read(out.join("weights.safetensors")).unwrap())
}

/// With shaders of another width, half of the lanes would be missing, or too many would write.
#[test]
fn widths_do_not_share_compiled_shaders() {
    let home = tempfile::tempdir().unwrap();
    let (loss, weights) = trained(home.path(), "256");
    let mut others = vec!["128"];
    others.extend(has_avx512().then_some("512"));
    for bits in others {
        let (other, _) = trained(home.path(), bits);
        assert!((other - loss).abs() < 1e-4 * loss, "{bits}: {other}, {loss}");
        assert!(entries(&home.path().join(format!("wgrad/llvmpipe-{bits}"))) > 0);
        // The second time with what is compiled already.
        assert_eq!(trained(home.path(), bits).0, other);
    }
    assert!(trained(home.path(), "256") == (loss, weights));
}

/// What was measured at the first start is not measured again.
#[test]
fn the_first_start_chooses_a_width() {
    let home = tempfile::tempdir().unwrap();
    let choice = home.path().join("wgrad/vector-width.json");
    let mut times = Vec::new();
    for _ in 0..2 {
        let mut command = wgrad("devices --json");
        command.env("XDG_CACHE_HOME", home.path()).env_remove(WIDTH);
        let devices: Value = serde_json::from_str(&stdout(&succeeds(&mut command))).unwrap();
        if !has_avx512() {
            assert!(!choice.exists());
            return;
        }
        let bits =
            serde_json::from_str::<Value>(&fs::read_to_string(&choice).unwrap()).unwrap()["bits"].as_u64().unwrap();
        let software = devices.as_array().unwrap().iter().find(|device| device["type"] == "software").unwrap();
        assert_eq!(software["lanes"], serde_json::json!([bits / 32, bits / 32]));
        assert!(software["name"].as_str().unwrap().contains(&format!("{bits} bits")));
        times.push(fs::metadata(&choice).unwrap().modified().unwrap());
    }
    assert_eq!(times[0], times[1]);
}

/// Runs `products_of_sixteen_lanes` in a process whose driver computes 512 bits at once.
#[test]
fn products_are_right_at_512_bits() {
    // Within a browser's limits there are no subgroups, which these products need.
    if !has_avx512() || env::var_os("WGRAD_LIMITS").is_some() {
        return;
    }
    let shaders = tempfile::tempdir().unwrap();
    let output = Command::new(env::current_exe().unwrap())
        .args(["--ignored", "--exact", "products_of_sixteen_lanes"])
        .env(WIDTH, "512")
        .env("MESA_SHADER_CACHE_DIR", shaders.path())
        .output()
        .unwrap();
    assert!(output.status.success() && stdout(&output).contains("1 passed"), "{}{}", stdout(&output), stderr(&output));
}

#[test]
#[ignore = "it needs a driver that computes 512 bits at once, so `products_are_right_at_512_bits` runs it"]
fn products_of_sixteen_lanes() {
    let software = AdapterChoice { adapter: Some("software".into()), ..AdapterChoice::default() };
    let gpu = Arc::new(Gpu::open_blocking(&software).unwrap());
    let kernels = MicroKernel::ALL.into_iter().filter(|kernel| kernel.lanes() == Some(16));
    let kernels: Vec<_> = kernels.filter(|kernel| gpu.supports(*kernel).is_ok()).collect();
    assert_eq!(kernels.len(), 5, "{kernels:?}, {:?}", gpu.info());
    let checks = self_test::checks();
    for (name, start, run) in CASES {
        let check = checks.iter().find(|check| check.name == name).unwrap();
        let case = check.cases.iter().find(|case| case.name.starts_with(start)).unwrap();
        for kernel in kernels.iter().filter(|kernel| run.is_empty() || run.contains(kernel)) {
            let result = CaseResult::new(name, &case.name, *kernel, case.run(&gpu, *kernel));
            assert!(result.passed, "{}", result.failures().join("\n"));
        }
    }
}
