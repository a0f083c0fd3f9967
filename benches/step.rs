//! Measures whole training and evaluation steps of a network in images per second, the host's time to encode
//! them, and the time to the first step with and without the driver's cache of compiled shaders:
//! `cargo bench --bench step -- [batch size] [micro-kernel] [network]`. `--seconds=SECONDS` is the time of each of the two
//! measurements, and `--json=FILE` names the file of the results. `--part=train` or `--part=evaluate` measures steps of that
//! kind only, and no first step. `--precision=f16` keeps activations and their gradients in 16 bits.

mod arguments;
mod tutorial;

use std::error::Error;
use std::path::Path;
use std::process::Command;
use std::time::Instant;

use arguments::Arguments;
use serde_json::{Value, json};
use wgrad::data::Batch;
use wgrad::exec::Executor;
use wgrad::gpu::Gpu;
use wgrad::report::units;

/// Seconds of a measurement, if `--seconds` does not say them.
const SECONDS: f64 = 3.0;

/// Kinds of steps.
const PARTS: [&str; 2] = ["train", "evaluate"];

/// Most steps between two looks at the metrics.
const STEPS: usize = 10;

/// Number of steps that are encoded without being submitted.
const ENCODED: usize = 200;

/// Argument that makes this process print the time to its first step.
const FIRST_STEP: &str = "--first-step";

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = Arguments::parse()?;
    let seconds = match std::env::args().find_map(|option| Some(option.strip_prefix("--seconds=")?.parse())) {
        Some(seconds) => seconds?,
        None => SECONDS,
    };
    let part = std::env::args().find_map(|option| Some(option.strip_prefix("--part=")?.to_owned()));
    if let Some(part) = part.iter().find(|part| !PARTS.contains(&part.as_str())) {
        return Err(format!("--part={part}: there are {}", PARTS.join(" and ")).into());
    }
    let is_measured = |name: &str| part.as_ref().is_none_or(|part| part == name);
    let batch_size = arguments.batch_size.unwrap_or(32);
    let start = Instant::now();
    let gpu = tutorial::open()?;
    let open = if is_measured(PARTS[0]) { tutorial::first_step } else { tutorial::executor };
    let (mut executor, batch) = open(&gpu, &arguments.network, arguments.options(batch_size))?;
    if std::env::args().any(|argument| argument == FIRST_STEP) {
        println!("{}", start.elapsed().as_secs_f64());
        return Ok(());
    }
    let kernel = executor.graph().target().micro_kernel;
    let (precision, memory) = (arguments.precision, executor.device_bytes());
    println!(
        "{} ({}), batch size {batch_size}, {kernel}, {precision}, {} on the device",
        gpu.info().name,
        gpu.info().driver_info,
        units::bytes(memory)
    );
    let mut results = json!({
        "network": arguments.network,
        "batch_size": batch_size,
        "kernel": kernel.to_string(),
        "precision": precision,
        "device_bytes": memory,
    });
    for (index, name) in PARTS.into_iter().enumerate().filter(|(_, name)| is_measured(name)) {
        // The first one may compile shaders, as may the second training step.
        if index == 0 {
            gpu.block_on(executor.train_step(&batch))?;
        } else {
            gpu.block_on(executor.eval_step(&batch))?;
        }
        gpu.block_on(executor.metrics())?;
        let step = seconds_of_a_step(&mut executor, &batch, index == 0, seconds)?;
        let encode = encode_seconds(&executor, index)?;
        let plan = if index == 0 { executor.train_plan() } else { executor.infer_plan() };
        let dispatches = plan.dispatches().len();
        let touched: u64 = plan.dispatches().iter().map(|dispatch| dispatch.bytes(executor.graph())).sum();
        let rate = batch_size as f64 / step;
        println!(
            "{name}: {:.2} ms a step, {rate:.0} images/s; {:.0} us to encode {dispatches} dispatches, which touch {}",
            step * 1e3,
            encode * 1e6,
            units::bytes(touched)
        );
        results[name] = json!({
            "milliseconds": step * 1e3,
            "images_per_second": rate,
            "encode_microseconds": encode * 1e6,
            "dispatches": dispatches,
            "touched_bytes": touched,
        });
    }

    // The rest takes long on some drivers, and who ends it keeps this.
    write(&gpu, &arguments, &results)?;
    if part.is_some() {
        return Ok(());
    }
    let cache = tempfile::tempdir()?;
    let words = [
        FIRST_STEP.to_owned(),
        batch_size.to_string(),
        kernel.to_string(),
        arguments.network.clone(),
        format!("--precision={precision}"),
    ];
    let cold = first_step_elsewhere(cache.path(), &words)?;
    let warm = first_step_elsewhere(cache.path(), &words)?;
    println!("first step after {cold:.2} s with an empty cache of the driver, after {warm:.2} s with a full one");
    results["first_step_seconds"] = json!({ "cold": cold, "warm": warm });
    write(&gpu, &arguments, &results)?;
    Ok(())
}

fn write(gpu: &Gpu, arguments: &Arguments, results: &Value) -> std::io::Result<()> {
    tutorial::write_json(arguments.json.as_deref(), "step.json", gpu, json!([results]))
}

fn seconds_of_a_step(executor: &mut Executor, batch: &Batch, train: bool, seconds: f64) -> Result<f64, wgrad::Error> {
    let gpu = executor.gpu().clone();
    let start = Instant::now();
    let mut steps = 0;
    while start.elapsed().as_secs_f64() < seconds {
        for _ in 0..STEPS {
            // Slow steps get no more than their time.
            if steps > 0 && start.elapsed().as_secs_f64() >= seconds {
                break;
            }
            if train {
                gpu.block_on(executor.train_step(batch))?;
            } else {
                gpu.block_on(executor.eval_step(batch))?;
            }
            steps += 1;
        }
        gpu.block_on(executor.metrics())?;
    }
    Ok(start.elapsed().as_secs_f64() / steps as f64)
}

/// Median seconds to encode a schedule without submitting it.
fn encode_seconds(executor: &Executor, plan: usize) -> Result<f64, wgrad::Error> {
    let mut seconds: Vec<f64> = (0..ENCODED)
        .map(|_| {
            let start = Instant::now();
            let mut encoder = executor.gpu().encoder();
            executor.program().encode(plan, &mut encoder)?;
            let commands = encoder.finish();
            let seconds = start.elapsed().as_secs_f64();
            drop(commands);
            Ok(seconds)
        })
        .collect::<Result<_, wgrad::Error>>()?;
    seconds.sort_by(f64::total_cmp);
    Ok(seconds[ENCODED / 2])
}

/// Seconds that a new process takes from opening the adapter to the end of its first step. Its driver keeps compiled shaders
/// in `cache`.
fn first_step_elsewhere(cache: &Path, words: &[String]) -> Result<f64, Box<dyn Error>> {
    let output = Command::new(std::env::current_exe()?)
        .args(words)
        // These variables are Mesa's and NVIDIA's. With another driver the cache is always warm.
        .env("MESA_SHADER_CACHE_DIR", cache)
        .env("__GL_SHADER_DISK_CACHE_PATH", cache)
        .output()?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
    }
    Ok(String::from_utf8(output.stdout)?.trim().parse()?)
}
