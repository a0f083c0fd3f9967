//! Trains the CNN of TensorFlow's tutorial with Burn on CIFAR-10, to compare with.
//!
//! ```sh
//! cargo run --release -- --backend wgpu --data-dir cifar-10-batches-bin --epochs 2 --limit 1000
//! ```
//!
//! Weights start as Burn draws them, which leaves the times as they are.

#![recursion_limit = "256"]

mod cifar;
mod model;

use std::path::PathBuf;
use std::time::Instant;

use anyhow::{Context, ensure};
use burn::nn::loss::CrossEntropyLossConfig;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::prelude::*;
use burn::tensor::DeviceKind;
use clap::{Parser, ValueEnum};
use rand::seq::SliceRandom;
use serde::Serialize;
use serde_json::json;

use cifar::Images;
use model::Cnn;

#[derive(Clone, Copy, ValueEnum)]
enum Backend {
    /// wgpu, with fusion and autotune
    Wgpu,
    /// Burn's native CPU backend
    Flex,
}

#[derive(Parser)]
struct Args {
    #[arg(long, value_enum)]
    backend: Backend,
    /// Folder of data_batch_*.bin
    #[arg(long, env = "CIFAR10_DIR")]
    data_dir: PathBuf,
    #[arg(long, default_value_t = 10)]
    epochs: usize,
    #[arg(long, default_value_t = 32, value_parser = clap::builder::RangedU64ValueParser::<usize>::new().range(1..))]
    batch_size: usize,
    /// Train on the first N images only
    #[arg(long)]
    limit: Option<usize>,
    /// Evaluate on the first N test images only
    #[arg(long)]
    test_limit: Option<usize>,
    /// Steps before the first epoch, on a network that is thrown away
    #[arg(long, default_value_t = 5)]
    warmup_steps: usize,
}

/// What a pass over some images measured.
#[derive(Serialize)]
struct Pass {
    images: usize,
    seconds: f64,
    images_per_s: f64,
    loss: f64,
    accuracy: f64,
}

impl Pass {
    fn print(&self, name: &str) {
        let Self { seconds, images_per_s, loss, accuracy, .. } = self;
        println!("{name:9}  {seconds:7.2} s  {images_per_s:8.0} images/s  loss {loss:.4}  accuracy {accuracy:.4}");
    }
}

/// Sums that stay on the device, so that no step waits for one.
struct Sums {
    loss: Tensor<1>,
    correct: Tensor<1, Int>,
}

impl Sums {
    fn new(device: &Device) -> Self {
        Self { loss: Tensor::zeros([1], device), correct: Tensor::zeros([1], device) }
    }

    fn add(self, loss: Tensor<1>, logits: Tensor<2>, labels: Tensor<1, Int>) -> Self {
        let images = labels.dims()[0] as f32;
        let correct = logits.argmax(1).squeeze_dim::<1>(1).equal(labels).int().sum();
        Self { loss: self.loss + loss * images, correct: self.correct + correct }
    }

    /// Waits for the device: the last thing that a pass does.
    fn finish(self, images: usize, start: Instant) -> Pass {
        let loss = f64::from(self.loss.into_scalar::<f32>()) / images as f64;
        let accuracy = self.correct.into_scalar::<i64>() as f64 / images as f64;
        let seconds = start.elapsed().as_secs_f64();
        Pass { images, seconds, images_per_s: images as f64 / seconds, loss, accuracy }
    }
}

struct Trainer {
    model: Cnn,
    optimizer: ModuleOptimizer,
    /// The device of the evaluation and of the sums; training adds gradients to it.
    device: Device,
}

impl Trainer {
    fn new(device: &Device) -> Self {
        let optimizer = AdamConfig::new().with_epsilon(1e-7).init();
        Self { model: Cnn::new(&device.clone().autodiff()), optimizer, device: device.clone() }
    }

    fn train(self, data: &Images, order: &[usize], batch_size: usize) -> anyhow::Result<(Self, Pass)> {
        let start = Instant::now();
        let Self { mut model, mut optimizer, device } = self;
        let autodiff = device.clone().autodiff();
        let cross_entropy = CrossEntropyLossConfig::new().init(&autodiff);
        let mut sums = Sums::new(&device);
        for indices in order.chunks(batch_size) {
            let (images, labels) = data.batch(indices, &autodiff);
            let logits = model.forward(images);
            let loss = cross_entropy.forward(logits.clone(), labels.clone());
            sums = sums.add(loss.clone().inner(), logits.inner(), labels.inner());
            let gradients = GradientsParams::from_grads(loss.backward(), &model);
            model = optimizer.step(1e-3, model, gradients);
        }
        // The last update, too, belongs to the epoch.
        device.sync().context("the device failed")?;
        let pass = sums.finish(order.len(), start);
        Ok((Self { model, optimizer, device }, pass))
    }

    fn evaluate(&self, data: &Images, order: &[usize], batch_size: usize) -> Pass {
        let start = Instant::now();
        let model = self.model.valid();
        let cross_entropy = CrossEntropyLossConfig::new().init(&self.device);
        let mut sums = Sums::new(&self.device);
        for indices in order.chunks(batch_size) {
            let (images, labels) = data.batch(indices, &self.device);
            let logits = model.forward(images);
            let loss = cross_entropy.forward(logits.clone(), labels.clone());
            sums = sums.add(loss, logits, labels);
        }
        sums.finish(order.len(), start)
    }
}

/// Compiles kernels and picks among them, on whole minibatches and on the remainders that
/// end an epoch and the evaluation.
fn warm_up(device: &Device, args: &Args, train: &Images, test_images: usize) -> anyhow::Result<f64> {
    let start = Instant::now();
    let order: Vec<usize> = (0..train.len()).collect();
    let mut trainer = Trainer::new(device);
    for images in [args.batch_size, train.len() % args.batch_size].map(|n| n.min(train.len())) {
        for _ in 0..args.warmup_steps {
            (trainer, _) = trainer.train(train, &order[..images], args.batch_size)?;
        }
    }
    for images in [args.batch_size, test_images % args.batch_size].map(|n| n.min(train.len())) {
        for _ in 0..args.warmup_steps {
            trainer.evaluate(train, &order[..images], args.batch_size);
        }
    }
    Ok(start.elapsed().as_secs_f64())
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let n = values.len();
    (n > 0).then(|| (values[(n - 1) / 2] + values[n / 2]) / 2.0)
}

/// Burn's version, from the lock file that it was built with.
fn burn_version() -> &'static str {
    let (_, after) = include_str!("../Cargo.lock").split_once("name = \"burn\"\nversion = \"").unwrap_or_default();
    after.split('"').next().unwrap_or_default()
}

fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let (name, device) = match args.backend {
        Backend::Wgpu => ("burn-wgpu", Device::wgpu(DeviceKind::DefaultDevice)),
        Backend::Flex => ("burn-flex", Device::flex()),
    };
    let adapter = device.identity().map_or_else(|| "CPU".into(), |identity| identity.name);
    let train = Images::read(&args.data_dir, (1..=5).map(|k| format!("data_batch_{k}.bin")), args.limit)?;
    let test = Images::read(&args.data_dir, ["test_batch.bin".into()], args.test_limit)?;
    ensure!(train.len() > 0 && test.len() > 0, "no images to train or to evaluate on");
    println!("{name} on {adapter}, {} training and {} test images", train.len(), test.len());

    let warmup = warm_up(&device, &args, &train, test.len())?;
    println!("warm-up    {warmup:7.2} s  (compiles kernels and chooses among them)");

    let mut trainer = Trainer::new(&device);
    let mut order: Vec<usize> = (0..train.len()).collect();
    let mut epochs = Vec::new();
    for epoch in 1..=args.epochs {
        order.shuffle(&mut rand::rng());
        let pass;
        (trainer, pass) = trainer.train(&train, &order, args.batch_size)?;
        pass.print(&format!("epoch {epoch:3}"));
        epochs.push(pass);
    }
    let order: Vec<usize> = (0..test.len()).collect();
    let evaluation = trainer.evaluate(&test, &order, args.batch_size);
    evaluation.print("test");

    let later = median(epochs.iter().skip(1).map(|pass| pass.images_per_s).collect());
    if let Some(rate) = later {
        println!("median of epochs 2 to {}: {rate:.0} images/s", args.epochs);
    }
    let report = json!({
        "peer": name,
        "burn": burn_version(),
        "devices": [adapter],
        "spirv": cfg!(feature = "vulkan"),
        "cpus": std::thread::available_parallelism()?,
        "batch_size": args.batch_size,
        "train_images": train.len(),
        "warmup": { "steps": args.warmup_steps, "seconds": warmup },
        "epochs": epochs,
        "median_images_per_s": later,
        "test": evaluation,
    });
    println!("{report}");
    Ok(())
}
