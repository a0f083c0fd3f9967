//! Twenty steps of training beside Keras and PyTorch, by several optimizers: the same weights and minibatches give the
//! same losses, gradients, moving statistics and averages. `tests/fixtures/training_parity.py` made the figures, in
//! float64, and says how. Its networks keep relus away from zero, where rounding would decide.

mod deviation;
mod figures;

use std::sync::Arc;

use deviation::{Deviation, figure, moved, together};
use figures::{Figures, Run, minibatch};
use wgrad::data::Batch;
use wgrad::exec::{Executor, Options, StepMetrics};
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::model::layers::{Activation, BatchNormalization, Conv2d, Dense, GlobalAveragePooling2d, Rescaling};
use wgrad::model::zoo::ZooModel;
use wgrad::model::{self, NamedTensor, Network, Sequential};
use wgrad::ops::Padding;
use wgrad::optim::{Adam, Decay, Form, Muon, Optimizer, RmsProp, Rule, Sgd};

/// Largest relative error of the loss of a step.
const LOSS: f64 = 1e-4;
/// Largest error of a tensor's gradient in the first step, as a share of its norm.
const GRADIENT: f64 = 1e-4;
/// Largest error of a moving mean or variance after all steps, as a share of the norm of its change.
const STATISTIC: f64 = 1e-4;
/// Largest error of what all steps did to the weights, and to their average, as a share of the norm of that, over all
/// tensors: of a single one, a rule that divides by the gradient's size can make much of little.
const UPDATE: f64 = 1e-4;
/// The same for networks of 20 layers and more. A beta that is 9 is rounded to 5e-7, and some move by only 1e-4.
const DEEP_UPDATE: f64 = 5e-3;
/// Gradients below this norm are 0 in exact arithmetic: a constant that the next normalization takes away does nothing. A
/// norm of `GRADIENT` times `NOTHING` is allowed.
const ZERO: f64 = 1e-9;
const NOTHING: f64 = 1e-2;

/// A network without normalization. Pixels are multiplied by `scale`.
fn scaled(scale: f64) -> Network {
    let relu = || Activation::new(model::Activation::Relu);
    Sequential::new([19, 17, 3])
        .layer(Rescaling::new(scale))
        .layer(Conv2d { strides: [2; 2], padding: Padding::Same, ..Conv2d::new(12, 5) })
        .layer(relu())
        .layer(Conv2d::new(10, 3))
        .layer(relu())
        .layer(GlobalAveragePooling2d::default())
        .layer(Dense::new(21))
        .layer(relu())
        .layer(Dense::new(10))
        .into()
}

fn small() -> Network {
    scaled(1.0 / 255.0)
}

/// The weights that training begins with: those of the figures, and the moving statistics as they are.
fn first_weights(gpu: &Gpu, executor: &mut Executor, figures: &Figures) -> Vec<NamedTensor> {
    let mut first = gpu.block_on(executor.parameters()).unwrap();
    let mut weights = figures.weights();
    for tensor in &mut first {
        if let Some(place) = weights.iter().position(|weight| weight.name == tensor.name) {
            *tensor = weights.swap_remove(place);
        }
    }
    assert!(weights.is_empty(), "the network has no `{}`", weights[0].name);
    first
}

/// What training came to.
struct Trained {
    first: Vec<NamedTensor>,
    /// Of the first step, if that was not cut into parts.
    gradients: Option<Vec<NamedTensor>>,
    losses: Vec<f64>,
    last: Vec<NamedTensor>,
    averages: Option<Vec<NamedTensor>>,
}

/// A network and what it should become.
struct Parity {
    gpu: Arc<Gpu>,
    network: Network,
    figures: Figures,
    /// The largest error of updates.
    update: f64,
}

impl Parity {
    fn new(network: Network, figures: &str, update: f64) -> Self {
        let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
        Self { gpu, network, figures: Figures::read(figures), update }
    }

    /// Takes the steps of `run` by `optimizer`, which cuts minibatches of `batch` images into parts if it accumulates.
    fn train(&self, batch: usize, run: &Run, optimizer: Optimizer) -> Trained {
        let gpu = &self.gpu;
        let parts = optimizer.accumulate;
        let len = batch / parts;
        let options = Options { batch_size: len, optimizer, ..Options::default() };
        let mut executor = Executor::new(gpu.clone(), &self.network, options).unwrap();
        let first = first_weights(gpu, &mut executor, &self.figures);
        gpu.block_on(executor.set_parameters(&first)).unwrap();
        let image = self.network.input();
        let mut gradients = None;
        for (b, rate) in run.rates.iter().enumerate() {
            let whole = minibatch(b as u32, batch, image);
            let pixels = whole.pixels.chunks(len * image.iter().product::<usize>());
            for (pixels, labels) in pixels.zip(whole.labels.chunks(len)) {
                let part = Batch { pixels: pixels.to_vec(), labels: labels.to_vec(), len };
                gpu.block_on(executor.train_step_at(&part, *rate)).unwrap();
            }
            if b == 0 && parts == 1 {
                gradients = Some(gpu.block_on(executor.gradients()).unwrap());
            }
        }
        let metrics = gpu.block_on(executor.metrics()).unwrap();
        let mean = |parts: &[StepMetrics]| parts.iter().map(|part| part.loss).sum::<f64>() / parts.len() as f64;
        Trained {
            first,
            gradients,
            losses: metrics.chunks(parts).map(mean).collect(),
            last: gpu.block_on(executor.parameters()).unwrap(),
            averages: gpu.block_on(executor.averaged_parameters()).unwrap(),
        }
    }

    /// What is wrong after the steps of `run` by `optimizer`.
    fn failures(&self, batch: usize, run: &Run, optimizer: Optimizer) -> Vec<String> {
        let found = self.train(batch, run, optimizer);
        let mut failures = Vec::new();
        let mut check = |what: &str, deviation: Deviation, limit: f64| {
            failures.extend(deviation.failure(&format!("{}, batch {batch}: {what}", run.name), limit));
        };

        let mut loss = Deviation::default();
        assert_eq!(found.losses.len(), run.losses.len());
        for (step, (found, expected)) in found.losses.iter().zip(&run.losses).enumerate() {
            loss.add((found - expected).abs() / expected, || format!("step {}: {found}, not {expected}", step + 1));
        }
        check("loss", loss, LOSS);

        let names = self.figures.names();
        if let Some(gradients) = &found.gradients {
            let mut gradient = Deviation::default();
            for (name, expected) in names.iter().zip(self.figures.gradients(batch)) {
                let zero = if expected[0] < ZERO { NOTHING } else { 0.0 };
                gradient.add_figure(name, figure(&moved(gradients, name, &[])), *expected, zero);
            }
            check("gradient", gradient, GRADIENT);
        }
        let averages = found.averages.as_ref();
        for (what, tensors, expected) in
            [("weights", Some(&found.last), Some(run.updates)), ("average", averages, run.averages)]
        {
            assert_eq!(tensors.is_some(), expected.is_some(), "{}: {what}", run.name);
            let (Some(tensors), Some(expected)) = (tensors, expected) else { continue };
            let mut all = Deviation::default();
            let figure = together(names.iter().map(|name| moved(tensors, name, &found.first)));
            all.add_figure(what, figure, expected, 0.0);
            check(what, all, self.update);
        }
        let mut statistic = Deviation::default();
        for (name, expected) in &run.statistics {
            statistic.add_figure(name, figure(&moved(&found.last, name, &found.first)), *expected, 0.0);
        }
        if !run.statistics.is_empty() {
            check("statistics", statistic, STATISTIC);
        }
        assert_eq!(names.len() + run.statistics.len(), found.last.len());
        failures
    }

    /// All runs with minibatches of `batch` images.
    fn check(&self, batch: usize) {
        let runs = self.figures.runs(batch);
        let failures: Vec<String> = runs.flat_map(|run| self.failures(batch, run, run.optimizer())).collect();
        assert!(failures.is_empty(), "{failures:#?}");
    }
}

#[test]
fn every_optimizer_on_a_small_network() {
    Parity::new(small(), "small", UPDATE).check(8);
}

#[test]
fn every_optimizer_with_an_odd_batch() {
    Parity::new(small(), "small", UPDATE).check(7);
}

/// Four minibatches of 8 give what one of 32 does. Keras's figures are those of 32; its accumulation gives the same.
#[test]
fn accumulated_gradients() {
    let parity = Parity::new(small(), "small", UPDATE);
    let mut failures = Vec::new();
    for run in parity.figures.runs(32) {
        for accumulate in [1, 4] {
            println!("{accumulate} x {}", 32 / accumulate);
            failures.extend(parity.failures(32, run, Optimizer { accumulate, ..run.optimizer() }));
        }
    }
    assert!(failures.is_empty(), "{failures:#?}");
}

/// Each setting of an optimizer, a little wrong, makes a comparison fail.
#[test]
fn wrong_settings_are_seen() {
    let parity = Parity::new(small(), "small", UPDATE);
    let adam = |rule: &mut Rule, change: fn(&mut Adam)| {
        if let Rule::Adam(adam) = rule {
            change(adam)
        }
    };
    let sgd = |rule: &mut Rule, change: fn(&mut Sgd)| {
        if let Rule::Sgd(sgd) = rule {
            change(sgd)
        }
    };
    let muon = |rule: &mut Rule, change: fn(&mut Muon)| {
        if let Rule::Muon(muon) = rule {
            change(muon)
        }
    };
    let rmsprop = |rule: &mut Rule, change: fn(&mut RmsProp)| {
        if let Rule::RmsProp(rmsprop) = rule {
            change(rmsprop)
        }
    };
    let see = |name: &str, what: &str, change: &dyn Fn(&mut Optimizer)| {
        let run = parity.figures.runs(8).find(|run| run.name == name).unwrap();
        let mut optimizer = run.optimizer();
        change(&mut optimizer);
        assert_ne!(optimizer, run.optimizer(), "{name}: {what}");
        let failures = parity.failures(8, run, optimizer);
        println!("{name}, {what}: {failures:#?}");
        assert!(!failures.is_empty(), "{name}: {what} is not seen");
    };
    see("adam", "epsilon", &|o| adam(&mut o.rule, |adam| adam.epsilon = 1e-5));
    see("adam", "beta2", &|o| adam(&mut o.rule, |adam| adam.beta2 = 0.998));
    see("adam of pytorch", "decay", &|o| o.decay = Decay::Decoupled);
    see("adamw", "decay", &|o| o.weight_decay = 0.09);
    see("sgd nesterov", "momentum", &|o| sgd(&mut o.rule, |sgd| sgd.momentum = 0.899));
    see("sgd nesterov", "form", &|o| sgd(&mut o.rule, |sgd| sgd.form = Form::PyTorch));
    see("sgd nesterov", "decay", &|o| o.weight_decay = 4e-4);
    see("sgd momentum", "nesterov", &|o| sgd(&mut o.rule, |sgd| sgd.nesterov = true));
    see("sgd nesterov of pytorch", "form", &|o| sgd(&mut o.rule, |sgd| sgd.form = Form::Keras));
    see("sgd nesterov clipped", "norm", &|o| o.clip_norm = Some(0.301));
    see("sgd nesterov averaged", "average", &|o| o.average = Some(0.899));
    see("muon of pytorch", "momentum", &|o| muon(&mut o.rule, |muon| muon.momentum = 0.949));
    see("muon of pytorch", "form", &|o| muon(&mut o.rule, |muon| muon.form = Form::Keras));
    see("muon of pytorch", "decay", &|o| o.weight_decay = 0.09);
    see("muon of pytorch, plain", "nesterov", &|o| muon(&mut o.rule, |muon| muon.nesterov = true));
    see("rmsprop", "epsilon", &|o| rmsprop(&mut o.rule, |rmsprop| rmsprop.epsilon = 1e-6));
    see("rmsprop", "rho", &|o| rmsprop(&mut o.rule, |rmsprop| rmsprop.rho = 0.899));
    see("rmsprop centered", "centered", &|o| rmsprop(&mut o.rule, |rmsprop| rmsprop.centered = false));
}

/// A gradient that is wrong by little fails.
#[test]
fn a_wrong_network_is_seen() {
    let parity = Parity::new(scaled(1.0 / 255.1), "small", UPDATE);
    let run = parity.figures.runs(8).next().unwrap();
    let failures = parity.failures(8, run, run.optimizer());
    assert!(failures.iter().any(|failure| failure.contains("gradient")), "{failures:#?}");
}

/// A normalization as PyTorch's `BatchNorm2d` if the moving variance is `unbiased`.
fn batch_norm2d(unbiased: bool) -> Network {
    let norm = BatchNormalization {
        momentum: 0.9,
        epsilon: 1e-5,
        unbiased_variance: unbiased,
        ..BatchNormalization::default()
    };
    let relu = || Activation::new(model::Activation::Relu);
    Sequential::new([19, 17, 3])
        .layer(Rescaling::new(1.0 / 255.0))
        .layer(Conv2d { strides: [2; 2], ..Conv2d::new(12, 5) })
        .layer(relu())
        .layer(Conv2d { strides: [2; 2], use_bias: false, ..Conv2d::new(10, 3) })
        .layer(norm)
        .layer(relu())
        .layer(GlobalAveragePooling2d::default())
        .layer(Dense::new(10))
        .into()
}

/// The moving variance of PyTorch is the unbiased one, and Keras's is seen as another.
#[test]
fn batch_normalization_of_pytorch() {
    let parity = Parity::new(batch_norm2d(true), "batch_norm2d", UPDATE);
    parity.check(8);
    parity.check(7);
    let biased = Parity::new(batch_norm2d(false), "batch_norm2d", UPDATE);
    let run = biased.figures.runs(8).next().unwrap();
    let failures = biased.failures(8, run, run.optimizer());
    assert!(failures.len() == 1 && failures[0].contains("statistics"), "{failures:#?}");
}

fn resnet20() -> Network {
    ZooModel::named("resnet20", [32, 32, 3], 10).unwrap().unwrap()
}

#[test]
fn resnet20_with_batches_of_8() {
    Parity::new(resnet20(), "resnet20", DEEP_UPDATE).check(8);
}

#[test]
fn resnet20_with_batches_of_7() {
    Parity::new(resnet20(), "resnet20", DEEP_UPDATE).check(7);
}

/// The network of a quarter of the width, in which the first convolution and the sixth stage keep the size of their images,
/// as the script says.
fn mobilenet_v2() -> Network {
    let network = ZooModel::named("mobilenet_v2:0.25", [32, 32, 3], 10).unwrap().unwrap();
    let mut file: toml::Table = network.to_toml().unwrap().parse().unwrap();
    let mut changed = 0;
    for layer in file["layers"].as_array_mut().unwrap() {
        if ["conv2d", "depthwise_conv2d_13"].map(Some).contains(&layer["name"].as_str()) {
            assert_eq!(layer["strides"], toml::Value::from(vec![2, 2]));
            layer.as_table_mut().unwrap().insert("strides".into(), vec![1, 1].into());
            changed += 1;
        }
    }
    assert_eq!(changed, 2);
    Network::from_toml(&file.to_string(), None).unwrap()
}

#[test]
fn mobilenet_v2_with_batches_of_8() {
    Parity::new(mobilenet_v2(), "mobilenet_v2", DEEP_UPDATE).check(8);
}

#[test]
fn mobilenet_v2_with_batches_of_7() {
    Parity::new(mobilenet_v2(), "mobilenet_v2", DEEP_UPDATE).check(7);
}
