//! A training loop of one's own: a residual network, SGD with Nesterov's momentum, and a learning rate that the loop
//! chooses for each step. It writes the weights to a file, which `examples/prediction.rs` and `wgrad predict` read:
//!
//! ```text
//! cargo run --release --example training_loop shapes.safetensors
//! ```

use std::error::Error;
use std::f64::consts::PI;
use std::path::Path;
use std::sync::Arc;

use wgrad::data::{Loader, Sampler, shapes};
use wgrad::exchange::Weights;
use wgrad::exec::{Executor, Options};
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::model::layers::{
    Activation, Add, BatchNormalization, Conv2d, Dense, GlobalAveragePooling2d, MaxPooling2d, Rescaling,
};
use wgrad::model::{self, Functional, ModelError, Network};
use wgrad::ops::Padding;
use wgrad::optim::{Optimizer, Rule, Sgd};

const BATCH_SIZE: usize = 32;

/// A network with one residual block.
fn network(image: [usize; 3], classes: usize) -> Result<Network, ModelError> {
    let convolution = || Conv2d { padding: Padding::Same, use_bias: false, ..Conv2d::new(16, 3) };
    let relu = || Activation::new(model::Activation::Relu);
    let mut net = Functional::new(image);
    let x = net.apply(Rescaling::new(1.0 / 255.0), [net.input()])?;
    let x = net.apply(convolution(), [x])?;
    let x = net.apply(BatchNormalization::default(), [x])?;
    let x = net.apply(relu(), [x])?;
    let x = net.apply(MaxPooling2d::new(4), [x])?;
    let y = net.apply(convolution(), [x])?;
    let y = net.apply(BatchNormalization::default(), [y])?;
    let y = net.apply(Add {}, [y, x])?;
    let y = net.apply(relu(), [y])?;
    let y = net.apply(GlobalAveragePooling2d::default(), [y])?;
    let y = net.apply(Dense::new(classes), [y])?;
    Ok(net.output(y))
}

/// Trains for some epochs on generated shapes, writes the weights to `path`, and returns the mean loss of each epoch.
pub fn train(gpu: &Arc<Gpu>, epochs: u64, path: &Path) -> Result<Vec<f64>, Box<dyn Error>> {
    let data = shapes::generate(1280, 10);
    let network = network(data.train.image_shape(), data.class_names.len())?;
    let rule = Rule::Sgd(Sgd { momentum: 0.9, nesterov: true, ..Sgd::default() });
    let optimizer = Optimizer { rule, learning_rate: 0.1, weight_decay: 5e-4, ..Optimizer::default() };
    let options = Options { batch_size: BATCH_SIZE, optimizer, ..Options::default() };
    let mut executor = Executor::new(gpu.clone(), &network, options)?;

    let sampler = Sampler::new(data.train.len(), 0);
    let steps = epochs as f64 * (data.train.len() / BATCH_SIZE) as f64;
    let (mut losses, mut step) = (Vec::new(), 0.0);
    for epoch in 0..epochs {
        let mut batches = Loader::new(data.train.clone(), sampler.permutation(epoch), BATCH_SIZE, 2)?;
        while let Some(batch) = batches.next() {
            let rate = 0.05 * (1.0 + (PI * step / steps).cos());
            gpu.block_on(executor.train_step_at(&batch, rate))?;
            batches.recycle(batch);
            step += 1.0;
        }
        // This waits for the steps of the epoch.
        let metrics = gpu.block_on(executor.metrics())?;
        losses.push(metrics.iter().map(|step| step.loss).sum::<f64>() / metrics.len() as f64);
    }
    let tensors = gpu.block_on(executor.parameters())?;
    let weights = Weights { tensors, model: Some(network), class_names: data.class_names };
    std::fs::write(path, weights.to_bytes()?)?;
    Ok(losses)
}

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("name the file to write the weights to")?;
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default())?);
    for (epoch, loss) in train(&gpu, 5, path.as_ref())?.into_iter().enumerate() {
        println!("epoch {}: loss {loss:.4}", epoch + 1);
    }
    Ok(())
}
