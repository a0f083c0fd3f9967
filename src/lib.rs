//! Trains convolutional networks on any GPU through WebGPU compute shaders, without CUDA.
//!
//! A network is a sequence of layers. It is built into a [`graph`] for one batch size. The graph is planned into a list of
//! dispatches with a place in memory for each tensor. An [`exec::Executor`] runs that list and keeps every tensor on the
//! device.
//!
//! ```
//! use std::sync::Arc;
//! use wgrad::data::{Loader, Sampler, shapes};
//! use wgrad::exec::{Executor, Options};
//! use wgrad::gpu::{AdapterChoice, Gpu};
//! use wgrad::model::Sequential;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let data = shapes::generate(320, 32);
//! let model = Sequential::new([32, 32, 3])
//!     .rescaling(1.0 / 255.0)
//!     .conv2d(8, 3).relu()
//!     .max_pool2d(2)
//!     .flatten()
//!     .dense(10);
//! let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default())?);
//! let mut executor = Executor::new(gpu.clone(), &model, Options { batch_size: 32, ..Options::default() })?;
//! let sampler = Sampler::new(data.train.len(), 0);
//! for epoch in 0..2 {
//!     let mut batches = Loader::new(data.train.clone(), sampler.permutation(epoch), 32, 4)?;
//!     while let Some(batch) = batches.next() {
//!         gpu.block_on(executor.train_step(&batch))?;
//!         batches.recycle(batch);
//!     }
//!     let steps = gpu.block_on(executor.metrics())?;
//!     let loss: f64 = steps.iter().map(|step| step.loss).sum::<f64>() / steps.len() as f64;
//!     println!("epoch {epoch}: loss {loss:.3}");
//!     # assert!(loss < 3.0);
//! }
//! let weights = gpu.block_on(executor.parameters())?;
//! assert_eq!(weights[0].name, "conv2d/kernel");
//! # Ok(())
//! # }
//! ```
//!
//! A module only imports modules that stand below it in this list:
//!
//! ```text
//! main.rs, cli          arguments, messages, exit code
//! report  |  self_test  reports of runs: HTML, Markdown, plots, pictures  |  checks that a device computes right
//! train                 the loop and its observers: history, progress, schedules, checkpoints, files, timeline
//! exec                  runs graphs on the device: program, staging ring, readback ring, profiler
//! exchange              reads and writes the network files of other programs
//! model   |  data       layers, initial weights  |  data sets, pictures, sampler, loader
//! optim                 optimizers, one file each
//! ops                   operations, one file each
//! graph   |  gpu        tensors, nodes, plan: pure data  |  adapter, device, pipelines
//! kernel, shape, minibatch, file, cache, text, foreign_panic
//! ```
//!
//! Without the feature `host` the library is the engine alone, for browsers: it needs no threads, files, clocks, environment
//! or waiting. A device is opened by [`gpu::Gpu::of_adapter`] then, and the caller awaits its futures. The feature `cli`
//! builds the program.
//!
//! Shaders are in `shaders/`. Each is put together from WGSL files that say how an operand is read (`access/`), what an
//! operation multiplies (such as `conv2d/`), and in which loop (`product/`).

#[cfg(feature = "host")]
pub mod cache;
pub mod data;
mod error;
pub mod exchange;
pub mod exec;
#[cfg(feature = "host")]
pub mod file;
pub mod foreign_panic;
pub mod gpu;
pub mod graph;
#[cfg(feature = "host")]
mod jpeg;
pub mod kernel;
pub mod minibatch;
pub mod model;
pub mod ops;
pub mod optim;
#[cfg(feature = "host")]
pub mod report;
#[cfg(feature = "host")]
pub mod self_test;
mod shape;
mod text;
#[cfg(feature = "host")]
pub mod train;

pub use error::Error;
pub use shape::Shape;
