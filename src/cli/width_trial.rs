//! A short computation on the software adapter, timed by a process of its own for each vector width.

use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use anyhow::bail;
use wgrad::exec::{Options, Program};
use wgrad::gpu::{AdapterChoice, Gpu, RuntimeChecks};
use wgrad::graph::{Graph, Mode, Plan};
use wgrad::ops::{Conv2d, Padding};

/// Images, and their size and channels.
const INPUT: [usize; 4] = [8, 16, 16, 32];

/// Runs; the fastest counts, because other programs can only make one slower.
const RUNS: usize = 100;

/// Prints the seconds that a convolution and a sum of tensors take. The one is bound by arithmetic and the other by memory:
/// on some processors a greater width makes the former faster and the latter slower.
pub fn run() -> anyhow::Result<ExitCode> {
    let choice = AdapterChoice { adapter: Some("software".into()), ..AdapterChoice::default() };
    let gpu = Arc::new(Gpu::open_blocking(&choice)?);
    let convolution = Conv2d {
        input: INPUT,
        filters: INPUT[3],
        kernel: [3, 3],
        stride: [1, 1],
        padding: Padding::Same,
        bias: true,
        relu: false,
    };
    let mut graph = Graph::new(Options::default().target(&gpu)?);
    let x = graph.input("x", INPUT);
    let w = graph.add_weights("conv2d", convolution.variables("conv2d"))?;
    let y = graph.conv2d("y", convolution, x, w)?;
    let z = graph.add("z", x, y)?;
    let dispatches = graph.record_forward(Mode::Infer);
    let plan = Plan::new(&graph, dispatches, &[z])?;
    let program = Program::new(gpu.clone(), &graph, &[&plan], RuntimeChecks::Off)?;
    let mut seconds = f64::INFINITY;
    for _ in 0..RUNS {
        let start = Instant::now();
        program.run(0)?;
        gpu.block_on(gpu.finished());
        seconds = seconds.min(start.elapsed().as_secs_f64());
    }
    gpu.check()?;
    if !seconds.is_finite() || seconds <= 0.0 {
        bail!("the clock stands still");
    }
    println!("{seconds}");
    Ok(ExitCode::SUCCESS)
}
