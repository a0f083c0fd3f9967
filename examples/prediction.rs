//! Prediction inside a program: the most probable class of each picture.
//!
//! ```text
//! cargo run --release --example prediction weights.safetensors cat.jpg dog.png
//! ```

use std::error::Error;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use wgrad::data::{Batch, picture};
use wgrad::exchange::Weights;
use wgrad::exec::{Executor, Options};
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::train::Predictions;

/// The most probable class of each picture, with its probability, by the weights that `wgrad train` wrote.
pub fn predict(gpu: &Arc<Gpu>, weights: &Path, pictures: &[PathBuf]) -> Result<Vec<(String, f64)>, Box<dyn Error>> {
    let weights = Weights::read(weights)?;
    let network = weights.model.as_ref().ok_or("the weights do not say which network they belong to")?;
    let class_names = weights.class_names_of(network)?;
    // One picture at a time, in a minibatch for one.
    let mut executor = Executor::new(gpu.clone(), network, Options { batch_size: 1, ..Options::default() })?;
    gpu.block_on(executor.set_parameters(&weights.tensors))?;
    let mut answers = Vec::new();
    for path in pictures {
        let pixels = picture::read(path, network.input())?;
        let logits = gpu.block_on(executor.logits(&Batch { pixels, labels: vec![0], len: 1 }))?;
        let predictions = Predictions::new(executor.answer(), logits);
        let class = predictions.predicted(0).ok_or("the network has no output")?;
        let name = class_names.get(class).cloned().unwrap_or_else(|| format!("class {class}"));
        answers.push((name, predictions.probabilities(0)[class]));
    }
    Ok(answers)
}

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args_os().skip(1).map(PathBuf::from);
    let weights = arguments.next().ok_or("name a file of weights, and then pictures")?;
    let pictures: Vec<PathBuf> = arguments.collect();
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default())?);
    for (picture, (class, probability)) in pictures.iter().zip(predict(&gpu, &weights, &pictures)?) {
        println!("{}: {class} {:.2} %", picture.display(), 100.0 * probability);
    }
    Ok(())
}
