//! Images per second of whole training and evaluation steps of the tutorial network:
//! `cargo bench --bench step -- [batch size] [micro-kernel]`.

use std::sync::Arc;
use std::time::Instant;

use wgrad::data::Batch;
use wgrad::exec::{Executor, Options};
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::model::Sequential;

const SECONDS: f64 = 3.0;

fn main() -> Result<(), wgrad::Error> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let batch_size = arguments.first().and_then(|a| a.parse().ok()).unwrap_or(32);
    let micro_kernel = arguments.get(1).and_then(|a| a.parse().ok());
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default())?);
    println!("{} ({}), batch size {batch_size}", gpu.info().name, gpu.info().driver_info);
    let options = Options { batch_size, micro_kernel, ..Options::default() };
    let start = Instant::now();
    let mut executor = Executor::new(gpu.clone(), &Sequential::tutorial([32, 32, 3], 10), options)?;
    let pixels = (0..batch_size * 3072).map(|i| (i * 7919 % 251) as u8).collect();
    let labels = (0..batch_size as u32).map(|i| i % 10).collect();
    let batch = Batch { pixels, labels, len: batch_size };
    gpu.block_on(executor.train_step(&batch))?;
    gpu.block_on(executor.metrics())?;
    println!("first step after {:.2} s", start.elapsed().as_secs_f64());
    for train in [true, false] {
        let start = Instant::now();
        let mut steps = 0;
        while start.elapsed().as_secs_f64() < SECONDS {
            for _ in 0..10 {
                if train {
                    gpu.block_on(executor.train_step(&batch))?;
                } else {
                    gpu.block_on(executor.eval_step(&batch))?;
                }
            }
            gpu.block_on(executor.metrics())?;
            steps += 10;
        }
        let seconds = start.elapsed().as_secs_f64() / f64::from(steps);
        let name = if train { "train" } else { "evaluate" };
        println!("{name}: {:.2} ms a step, {:.0} images/s", seconds * 1e3, batch_size as f64 / seconds);
    }
    Ok(())
}
