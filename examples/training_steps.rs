//! Takes steps of plain SGD on given minibatches from given weights, and writes what came of them, to be compared with what
//! another program makes of the same. `tools/check_keras_applications.py` does that.
//!
//! ```text
//! cargo run --release --example training_steps weights.safetensors minibatches.safetensors 0.01 folder
//! ```
//!
//! The minibatches are `pixels` `[steps, n, h, w, c]`, numbers from 0 to 255, and `labels` `[steps, n]`. It prints the loss of
//! each step when it is known, and writes `gradients.safetensors`, those of the first step, and `weights.safetensors`, those
//! behind the last.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;

use wgrad::data::Batch;
use wgrad::exchange::{Imported, Weights};
use wgrad::exec::{Executor, Options};
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::model::NamedTensor;
use wgrad::optim::{Optimizer, Rule, Sgd};

/// What the steps came to.
pub struct Steps {
    /// The gradients of the first.
    pub gradients: Vec<NamedTensor>,
    /// The weights behind the last.
    pub weights: Vec<NamedTensor>,
}

/// The minibatches among `tensors`.
pub fn minibatches(tensors: &[NamedTensor]) -> Result<Vec<Batch>, Box<dyn Error>> {
    let find = |name: &str| tensors.iter().find(|tensor| tensor.name == name).ok_or(format!("there are no `{name}`"));
    let (pixels, labels) = (find("pixels")?, find("labels")?);
    let [steps, len] = labels.shape[..] else { return Err("`labels` are not [steps, n]".into()) };
    let pixels_of_step = pixels.values.len() / steps.max(1);
    let parts = labels.values.chunks(len.max(1)).zip(pixels.values.chunks(pixels_of_step.max(1)));
    let batches = parts.map(|(labels, pixels)| Batch {
        pixels: pixels.iter().map(|pixel| *pixel as u8).collect(),
        labels: labels.iter().map(|label| *label as u32).collect(),
        len,
    });
    Ok(batches.collect())
}

/// Takes a step of SGD on each of `batches`, which are of one size. `report` gets the loss of each.
pub fn steps(
    gpu: &Arc<Gpu>,
    weights: &Weights,
    batches: &[Batch],
    rate: f64,
    mut report: impl FnMut(f64),
) -> Result<Steps, Box<dyn Error>> {
    let model = weights.model.as_ref().ok_or("the weights have no network with them")?;
    let optimizer = Optimizer { rule: Rule::Sgd(Sgd::default()), learning_rate: rate, ..Optimizer::default() };
    let batch_size = batches.first().ok_or("there are no minibatches")?.len;
    let mut executor = Executor::new(gpu.clone(), model, Options { batch_size, optimizer, ..Options::default() })?;
    gpu.block_on(executor.set_parameters(&weights.tensors))?;
    let mut gradients = Vec::new();
    for batch in batches {
        gpu.block_on(executor.train_step(batch))?;
        let metrics = gpu.block_on(executor.metrics())?;
        metrics.iter().for_each(|step| report(step.loss));
        if gradients.is_empty() {
            gradients = gpu.block_on(executor.gradients())?;
        }
    }
    Ok(Steps { gradients, weights: gpu.block_on(executor.parameters())? })
}

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [weights, batches, rate, folder] = &arguments[..] else {
        return Err("give weights, minibatches, a learning rate and a folder".into());
    };
    let weights = Imported::read(weights.as_ref())?.weights;
    let batches = minibatches(&Imported::read(batches.as_ref())?.weights.tensors)?;
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default())?);
    let Steps { gradients, weights } = steps(&gpu, &weights, &batches, rate.parse()?, |loss| println!("{loss}"))?;
    for (name, tensors) in [("gradients", gradients), ("weights", weights)] {
        let weights = Weights { tensors, model: None, class_names: Vec::new() };
        std::fs::write(Path::new(folder).join(name).with_extension("safetensors"), weights.to_bytes()?)?;
    }
    Ok(())
}
