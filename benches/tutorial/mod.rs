//! What the benches measure: the tutorial network on the default adapter, after its first step.

use std::sync::Arc;
use std::time::Instant;

use wgrad::data::Batch;
use wgrad::exec::{Executor, Options};
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::model::Sequential;

/// Opens the adapter and trains one step; the command line may give a batch size and a micro-kernel.
pub fn open() -> Result<(Arc<Gpu>, Executor, Batch), wgrad::Error> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|a| !a.starts_with("--")).collect();
    let batch_size = arguments.first().and_then(|a| a.parse().ok()).unwrap_or(32);
    let micro_kernel = arguments.get(1).and_then(|a| a.parse().ok());
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default())?);
    println!("{} ({}), batch size {batch_size}", gpu.info().name, gpu.info().driver_info);
    let start = Instant::now();
    let options = Options { batch_size, micro_kernel, ..Options::default() };
    let mut executor = Executor::new(gpu.clone(), &Sequential::tutorial([32, 32, 3], 10), options)?;
    let pixels = (0..batch_size * 3072).map(|i| (i * 7919 % 251) as u8).collect();
    let labels = (0..batch_size as u32).map(|i| i % 10).collect();
    let batch = Batch { pixels, labels, len: batch_size };
    gpu.block_on(executor.train_step(&batch))?;
    gpu.block_on(executor.metrics())?;
    println!("first step after {:.2} s", start.elapsed().as_secs_f64());
    Ok((gpu, executor, batch))
}
