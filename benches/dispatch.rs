//! Measures every dispatch of a network's schedules and compares them with the adapter's ceilings: `cargo bench --bench
//! dispatch -- [batch size] [micro-kernel] [network]`. The network is the tutorial's if left out; then larger products are
//! measured too. Without a batch size it measures 32, 128 and 1024. `--precision=f16` keeps activations in 16 bits, and `--json=FILE`
//! names the file of the results.

mod arguments;
mod tutorial;

use std::error::Error;
use std::time::Instant;

use serde_json::json;
use wgrad::exec::{Profile, Profiler, Program, Subject};
use wgrad::gpu::RuntimeChecks;
use wgrad::graph::{Graph, Mode, Plan, Target, TensorId};
use wgrad::ops::{Conv2d, Dense, Padding};

fn main() -> Result<(), Box<dyn Error>> {
    let arguments = arguments::Arguments::parse()?;
    let gpu = tutorial::open()?;
    println!("{} ({})\n", gpu.info().name, gpu.info().driver_info);
    let start = Instant::now();
    let clock = || start.elapsed();
    let profiler = gpu.block_on(Profiler::new(gpu.clone(), &clock))?;
    let mut profiles = Vec::new();
    let mut measure = |subject: &Subject<'_>| -> Result<(), wgrad::Error> {
        let profile = gpu.block_on(profiler.profile(subject, &mut |_, _| {}))?;
        println!("{profile}\n");
        profiles.push(profile);
        Ok(())
    };

    let mut target = None;
    for batch_size in arguments.batch_size.map_or(vec![32, 128, 1024], |one| vec![one]) {
        let (executor, _) = tutorial::first_step(&gpu, &arguments.network, arguments.options(batch_size))?;
        let (graph, program) = (executor.graph(), executor.program());
        for (index, (name, plan)) in
            [("Training", executor.train_plan()), ("Evaluation", executor.infer_plan())].into_iter().enumerate()
        {
            let title = format!("{name} step, {batch_size} images");
            measure(&Subject { title: &title, graph, plan, program, index })?;
        }
        target = Some(graph.target());
    }
    let Some(target) = target else { return Ok(()) };
    let more = if arguments.network == "tutorial" { products(target)? } else { Vec::new() };
    for (title, (graph, plan)) in &more {
        let program = Program::new(gpu.clone(), graph, &[plan], RuntimeChecks::default())?;
        measure(&Subject { title, graph, plan, program: &program, index: 0 })?;
    }
    let micro_kernel = target.micro_kernel.to_string();
    let results: Vec<&Profile> = profiles.iter().collect();
    let results = json!({ "network": arguments.network, "kernel": micro_kernel, "profiles": results });
    tutorial::write_json(arguments.json.as_deref(), "dispatch.json", &gpu, results)?;
    Ok(())
}

/// A title, and what is measured under it.
type Subjects = Vec<(&'static str, (Graph, Plan))>;

fn products(target: Target) -> Result<Subjects, wgrad::Error> {
    Ok(vec![
        ("3 x 3 convolution of 32 images of 16 x 16 x 128 to 128", convolution(target)?),
        ("Dense layer of 32 rows of 4096 to 4096", dense(target)?),
    ])
}

fn convolution(target: Target) -> Result<(Graph, Plan), wgrad::Error> {
    let mut graph = Graph::new(target);
    let geometry = Conv2d {
        input: [32, 16, 16, 128],
        filters: 128,
        kernel: [3, 3],
        stride: [1, 1],
        padding: Padding::Same,
        bias: true,
        relu: false,
    };
    let x = graph.input("x", geometry.input);
    let w = graph.add_weights("conv2d", geometry.variables("conv2d"))?;
    let y = graph.conv2d("conv2d", geometry, x, w)?;
    forward_and_backward(graph, x, y)
}

fn dense(target: Target) -> Result<(Graph, Plan), wgrad::Error> {
    let mut graph = Graph::new(target);
    let geometry = Dense { input: [32, 4096], units: 4096, bias: true, relu: false };
    let x = graph.input("x", geometry.input);
    let w = graph.add_weights("dense", geometry.variables("dense"))?;
    let y = graph.dense("dense", geometry, x, w)?;
    forward_and_backward(graph, x, y)
}

fn forward_and_backward(mut graph: Graph, x: TensorId, y: TensorId) -> Result<(Graph, Plan), wgrad::Error> {
    let dy = graph.input("dy", graph.tensor(y).shape.clone());
    let mut dispatches = graph.record_forward(Mode::Train);
    let (backward, gradients) = graph.record_backward(&[(y, dy)], &[x])?;
    dispatches.extend(backward);
    let plan = Plan::new(&graph, dispatches, &[y, gradients[&x]])?;
    Ok((graph, plan))
}
