//! Twenty steps of training against Keras: the same weights and minibatches give the same losses, gradients and
//! updates, from figures that `tests/fixtures/keras_parity.py` froze.

use std::sync::Arc;

use serde::Deserialize;

use super::{Case, Comparison};
use crate::data::Batch;
use crate::exec::ExecError;
use crate::exec::{Executor, Options};
use crate::gpu::Gpu;
use crate::graph::Winograd;
use crate::kernel::MicroKernel;
use crate::model::{BuildOptions, NamedTensor, Sequential};
use crate::ops::Padding;

const TUTORIAL: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/tutorial.json"));
const ODD: &str = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/fixtures/odd.json"));

pub(super) fn cases() -> Vec<Case> {
    let case = |(name, json, winograd)| {
        Case::new(name, move |gpu, micro_kernel| match serde_json::from_str::<Figures>(json) {
            Ok(figures) => figures.compare(gpu, micro_kernel, winograd),
            Err(error) => Ok(vec![Comparison::exact([format!("the results of Keras can't be read: {error}")])]),
        })
        .large()
    };
    let cases = [
        ("the tutorial's network", TUTORIAL, Winograd::Never),
        ("the tutorial's network by Winograd's algorithm", TUTORIAL, Winograd::Always),
        ("a network of odd sizes", ODD, Winograd::Never),
    ];
    cases.map(case).into()
}

/// The results of Keras for a network.
#[derive(Deserialize)]
struct Figures {
    salt: u32,
    input: [usize; 3],
    batch: usize,
    layers: Vec<Layer>,
    /// The loss of each step.
    losses: Vec<f64>,
    /// Images that were classified correctly in each step.
    correct: Vec<u64>,
    tensors: Vec<Tensor>,
}

#[derive(Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
enum Layer {
    Conv2d { filters: usize, kernel: [usize; 2], stride: [usize; 2], padding: Padding, relu: bool },
    MaxPool2d { pool: [usize; 2], stride: [usize; 2] },
    Flatten,
    Dense { units: usize, relu: bool },
}

/// A parameter, given by every `stride`-th element and by its norm.
#[derive(Deserialize)]
struct Tensor {
    name: String,
    shape: Vec<usize>,
    stride: usize,
    /// The gradient of the first step.
    gradient: Sampled,
    /// The change that all steps made.
    update: Sampled,
}

#[derive(Deserialize)]
struct Sampled {
    samples: Vec<f64>,
    norm: f64,
}

impl Figures {
    fn model(&self) -> Sequential {
        self.layers.iter().fold(Sequential::new(self.input).rescaling(1.0 / 255.0), |model, layer| {
            let (model, relu) = match *layer {
                Layer::Conv2d { filters, kernel, stride, padding, relu } => {
                    (model.conv2d_with(filters, kernel, stride, padding), relu)
                }
                Layer::MaxPool2d { pool, stride } => (model.max_pool2d_with(pool, stride), false),
                Layer::Flatten => (model.flatten(), false),
                Layer::Dense { units, relu } => (model.dense(units), relu),
            };
            if relu { model.relu() } else { model }
        })
    }

    /// The script's `hash` for the network's salt.
    fn hash(&self, t: u32, i: u32) -> u32 {
        let t = t + 10_000 * self.salt;
        let mut x = i.wrapping_mul(2_654_435_761).wrapping_add(t.wrapping_mul(2_246_822_519)).wrapping_add(374_761_393);
        x ^= x >> 15;
        x = x.wrapping_mul(2_246_822_519);
        x ^= x >> 13;
        x = x.wrapping_mul(3_266_489_917);
        x ^ (x >> 16)
    }

    fn weights(&self) -> Vec<NamedTensor> {
        let weight = |(t, tensor): (usize, &Tensor)| {
            let shape = &tensor.shape;
            let limit = if tensor.name.ends_with("kernel") {
                let field: usize = shape[..shape.len() - 2].iter().product();
                let fans = shape[shape.len() - 2..].iter().sum::<usize>() * field;
                (6.0 / fans as f64).sqrt()
            } else {
                0.05
            };
            let value =
                |i: usize| ((2.0 * (f64::from(self.hash(t as u32, i as u32)) / 4_294_967_296.0) - 1.0) * limit) as f32;
            let values = (0..shape.iter().product()).map(value).collect();
            NamedTensor { name: tensor.name.clone(), shape: shape.clone(), values }
        };
        self.tensors.iter().enumerate().map(weight).collect()
    }

    fn minibatch(&self, b: u32) -> Batch {
        let [h, w, c] = self.input.map(|size| size as u32);
        let n = self.batch as u32;
        let labels: Vec<u32> = (0..n).map(|j| self.hash(2000 + b, j) % 10).collect();
        let mut pixels = Vec::new();
        for i in 0..n * h * w * c {
            let (x, y, j) = (i / c % w, i / c / w % h, i / c / w / h);
            let block = ((y / 4) * 16 + x / 4) * 4 + i % c;
            pixels.push(((self.hash(1000 + b, i) >> 25) + (self.hash(3000 + labels[j as usize], block) >> 25)) as u8);
        }
        Batch { pixels, labels, len: self.batch }
    }

    fn compare(
        &self,
        gpu: &Arc<Gpu>,
        micro_kernel: MicroKernel,
        winograd: Winograd,
    ) -> Result<Vec<Comparison>, ExecError> {
        let build = BuildOptions { winograd, ..BuildOptions::default() };
        let options = Options { batch_size: self.batch, micro_kernel: Some(micro_kernel), build, ..Options::default() };
        let mut executor = Executor::new(gpu.clone(), &self.model(), options)?;
        let start = self.weights();
        gpu.block_on(executor.set_parameters(&start))?;
        let mut steps = Vec::new();
        let mut gradients = Vec::new();
        for b in 0..self.losses.len() {
            gpu.block_on(executor.train_step(&self.minibatch(b as u32)))?;
            steps.extend(gpu.block_on(executor.metrics())?);
            if b == 0 {
                gradients = gpu.block_on(executor.gradients())?;
            }
        }
        let mut updates = gpu.block_on(executor.parameters())?;
        for (tensor, start) in updates.iter_mut().zip(&start) {
            tensor.values.iter_mut().zip(&start.values).for_each(|(v, s)| *v -= s);
        }

        // Rounding decides which of two nearly equal elements max pooling takes, and so where their gradient goes. Winograd's
        // algorithm rounds more, so that this happens in the first step already, and the losses of later steps differ. Updates
        // and hits then differ too much to be compared.
        let [loss_limit, gradient_limit] = if winograd == Winograd::Always { [2e-2, 2e-3] } else { [1e-4, 1e-5] };
        let mut loss = Comparison::new("loss", loss_limit);
        let mut wrong = Vec::new();
        if steps.len() != self.losses.len() {
            wrong.push(format!("metrics of {} steps arrived, expected {}", steps.len(), self.losses.len()));
        }
        for (t, (step, (expected, correct))) in steps.iter().zip(self.losses.iter().zip(&self.correct)).enumerate() {
            let error = (step.loss - expected).abs() / expected;
            loss.add(error, || format!("loss of step {} is {}, expected {expected}", t + 1, step.loss));
            if u64::from(step.correct) != *correct {
                wrong.push(format!("step {} has {} right, expected {correct}", t + 1, step.correct));
            }
        }
        let mut comparisons = vec![loss, self.norms("gradient", gradient_limit, &gradients, |tensor| &tensor.gradient)];
        if winograd != Winograd::Always {
            comparisons.push(self.norms("update", 5e-3, &updates, |tensor| &tensor.update));
            comparisons.push(Comparison::exact(wrong));
        }
        Ok(comparisons)
    }

    /// The largest error of any tensor, as a share of its norm.
    fn norms(
        &self,
        what: &'static str,
        limit: f64,
        found: &[NamedTensor],
        figure: impl Fn(&Tensor) -> &Sampled,
    ) -> Comparison {
        let mut comparison = Comparison::new(what, limit);
        for (i, expected) in self.tensors.iter().enumerate() {
            let name = &expected.name;
            let Some(tensor) = found.get(i).filter(|tensor| tensor.name == *name) else {
                comparison.add(f64::NAN, || format!("`{name}` is missing"));
                continue;
            };
            let Sampled { samples, norm: expected_norm } = figure(expected);
            let difference: f64 = (samples.iter().zip(tensor.values.iter().step_by(expected.stride)))
                .map(|(e, v)| (e - f64::from(*v)).powi(2))
                .sum::<f64>()
                .sqrt();
            let sampled = samples.iter().map(|e| e * e).sum::<f64>().sqrt();
            let norm = tensor.values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
            comparison.add(difference / sampled, || format!("elements of `{name}` differ by {difference} in norm"));
            let error = (norm - expected_norm).abs() / expected_norm;
            comparison.add(error, || format!("the norm of `{name}` is {norm}, expected {expected_norm}"));
        }
        comparison
    }
}
