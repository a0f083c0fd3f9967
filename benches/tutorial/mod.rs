//! What the benchmarks share: a network after its first step, and files of results.

use std::error::Error;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use serde_json::{Value, json};
use wgrad::data::Batch;
use wgrad::exec::{Executor, Options};
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::model::Network;
use wgrad::model::zoo::ZooModel;

/// Opens the best adapter of this machine.
pub fn open() -> Result<Arc<Gpu>, wgrad::Error> {
    Ok(Arc::new(Gpu::open_blocking(&AdapterChoice::default())?))
}

/// Trains one step of the network of this name or model file on images of 32 x 32, or of the size behind an `@`, as in
/// `mobilenet_v2@96`. Returns the executor with the minibatch.
pub fn first_step(gpu: &Arc<Gpu>, network: &str, options: Options) -> Result<(Executor, Batch), Box<dyn Error>> {
    let (mut executor, batch) = executor(gpu, network, options)?;
    gpu.block_on(executor.train_step(&batch))?;
    gpu.block_on(executor.metrics())?;
    Ok((executor, batch))
}

/// What [`first_step`] returns, before any step.
pub fn executor(gpu: &Arc<Gpu>, network: &str, options: Options) -> Result<(Executor, Batch), Box<dyn Error>> {
    let (name, size) = network.split_once('@').unwrap_or((network, "32"));
    let size: usize = size.parse()?;
    let (input, classes) = ([size, size, 3], 10);
    let network = match ZooModel::named(name, input, classes) {
        Some(network) => network?,
        None => Network::from_toml(&std::fs::read_to_string(name)?, Some((input, classes)))?,
    };
    let batch_size = options.batch_size;
    let executor = Executor::new(gpu.clone(), &network, options)?;
    let pixels = (0..batch_size * 3 * size * size).map(|i| (i * 7919 % 251) as u8).collect();
    let labels = (0..batch_size as u32).map(|i| i % 10).collect();
    Ok((executor, Batch { pixels, labels, len: batch_size }))
}

/// Writes `results` with the adapter and the driver to `file`, or else to the file of this name in `target/bench`. The file
/// is replaced at once, so that a reader never sees half of it.
pub fn write_json(file: Option<&Path>, name: &str, gpu: &Gpu, results: Value) -> std::io::Result<()> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = file.map_or_else(|| target.parent().unwrap_or(target).join("bench").join(name), Path::to_path_buf);
    let info = gpu.info();
    let report = json!({
        "adapter": info.name,
        "backend": info.backend.to_string(),
        "driver": info.driver,
        "driver_info": info.driver_info,
        "results": results,
    });
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder)?;
    let mut whole = tempfile::NamedTempFile::new_in(folder)?;
    writeln!(whole, "{report:#}")?;
    whole.persist(&path)?;
    println!("\n{}", path.display());
    Ok(())
}
