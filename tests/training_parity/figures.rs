//! The figures that `tests/fixtures/training_parity.py` froze, and the weights and minibatches that go with them.

use std::collections::BTreeMap;

use serde::Deserialize;
use wgrad::data::Batch;
use wgrad::model::NamedTensor;
use wgrad::optim::{Adam, Decay, Form, Muon, Optimizer, RmsProp, Rule, Sgd};

use super::deviation::Figure;

const CLASSES: u32 = 10;

/// What Keras and PyTorch computed for a network.
#[derive(Deserialize)]
pub struct Figures {
    tensors: Vec<Tensor>,
    runs: Vec<Run>,
}

/// A tensor that is trained, and how its first values are drawn.
#[derive(Deserialize)]
struct Tensor {
    name: String,
    shape: Vec<usize>,
    centers: Vec<f64>,
    spread: f64,
}

/// Twenty steps by an optimizer.
#[derive(Deserialize)]
pub struct Run {
    #[serde(rename = "optimizer")]
    pub name: String,
    by: Form,
    class: Class,
    options: Options,
    batch: usize,
    /// The learning rate of each step.
    pub rates: Vec<f64>,
    /// The loss of each step.
    pub losses: Vec<f64>,
    /// The gradients of the first step; runs of the same batch size share those of the first of them.
    gradients: Option<Vec<Figure>>,
    /// How far the weights moved.
    pub updates: Figure,
    /// How far the exponential average of the weights moved, where one is kept.
    pub averages: Option<Figure>,
    /// How far moving means and variances moved.
    pub statistics: BTreeMap<String, Figure>,
}

/// The name of an optimizer.
#[derive(Clone, Copy, Deserialize)]
enum Class {
    Adam,
    AdamW,
    #[serde(rename = "SGD")]
    Sgd,
    #[serde(rename = "RMSprop")]
    RmsProp,
    Muon,
}

/// Options of an optimizer, as Keras and PyTorch name them.
#[derive(Clone, Copy, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Options {
    momentum: f64,
    nesterov: bool,
    centered: bool,
    epsilon: Option<f64>,
    weight_decay: f64,
    global_clipnorm: Option<f64>,
    use_ema: bool,
    ema_momentum: f64,
}

impl Run {
    /// The optimizer with which wgrad should do the same.
    pub fn optimizer(&self) -> Optimizer {
        let Options { momentum, nesterov, centered, weight_decay, global_clipnorm: clip_norm, .. } = self.options;
        let epsilon = |default: f64| self.options.epsilon.unwrap_or(default);
        let rule = match self.class {
            Class::Adam | Class::AdamW => {
                let adam = Adam::of(self.by);
                Rule::Adam(Adam { epsilon: epsilon(adam.epsilon), ..adam })
            }
            Class::Muon => Rule::Muon(Muon { momentum, nesterov, form: self.by, ..Muon::default() }),
            Class::Sgd => Rule::Sgd(Sgd { momentum, nesterov, form: self.by }),
            Class::RmsProp => {
                let rmsprop = RmsProp::default();
                Rule::RmsProp(RmsProp { momentum, centered, epsilon: epsilon(rmsprop.epsilon), ..rmsprop })
            }
        };
        // All of Keras's optimizers take a share of the weights away; of PyTorch's, AdamW and Muon do.
        let decay = match (self.by, self.class) {
            (Form::PyTorch, Class::Adam | Class::Sgd | Class::RmsProp) => Decay::L2,
            _ => Decay::Decoupled,
        };
        let average = self.options.use_ema.then_some(self.options.ema_momentum);
        let learning_rate = self.rates[0];
        Optimizer { rule, learning_rate, weight_decay, decay, clip_norm, average, ..Optimizer::default() }
    }
}

/// The script's `hash`.
pub fn hash(t: u32, i: u32) -> u32 {
    let mut x = i.wrapping_mul(2_654_435_761).wrapping_add(t.wrapping_mul(2_246_822_519)).wrapping_add(374_761_393);
    x ^= x >> 15;
    x = x.wrapping_mul(2_246_822_519);
    x ^= x >> 13;
    x = x.wrapping_mul(3_266_489_917);
    x ^ (x >> 16)
}

impl Figures {
    /// Those of a network.
    pub fn read(network: &str) -> Self {
        let path = format!("{}/tests/fixtures/training_parity_{network}.json", env!("CARGO_MANIFEST_DIR"));
        let json = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"));
        serde_json::from_str(&json).unwrap_or_else(|error| panic!("{path}: {error}"))
    }

    /// Names of what is trained.
    pub fn names(&self) -> Vec<&str> {
        self.tensors.iter().map(|tensor| &tensor.name[..]).collect()
    }

    /// The runs with batches of this size.
    pub fn runs(&self, batch: usize) -> impl Iterator<Item = &Run> {
        self.runs.iter().filter(move |run| run.batch == batch)
    }

    /// The gradients of the first step, in the order of the names.
    pub fn gradients(&self, batch: usize) -> &[Figure] {
        self.runs(batch)
            .find_map(|run| run.gradients.as_deref())
            .unwrap_or_else(|| panic!("no gradients at batch {batch}"))
    }

    /// First values of what is trained.
    pub fn weights(&self) -> Vec<NamedTensor> {
        let weight = |(t, tensor): (usize, &Tensor)| {
            let value = |i: usize| {
                let h = hash(t as u32, i as u32);
                let center = tensor.centers[((u64::from(h) * tensor.centers.len() as u64) >> 32) as usize];
                (center + (2.0 * (f64::from(h) / 4_294_967_296.0) - 1.0) * tensor.spread) as f32
            };
            let values = (0..tensor.shape.iter().product()).map(value).collect();
            NamedTensor { name: tensor.name.clone(), shape: tensor.shape.clone(), values }
        };
        self.tensors.iter().enumerate().map(weight).collect()
    }
}

/// Minibatch `b` of `len` images `[h, w, c]`.
pub fn minibatch(b: u32, len: usize, [h, w, c]: [usize; 3]) -> Batch {
    let labels: Vec<u32> = (0..len as u32).map(|j| hash(2000 + b, j) % CLASSES).collect();
    let mut pixels = Vec::new();
    for i in 0..len * h * w * c {
        let (x, y, j) = (i / c % w, i / c / w % h, i / c / w / h);
        let quarter = (2 * y / h * 2 + 2 * x / w) * c + i % c;
        let of_label = hash(3000 + labels[j], quarter as u32) >> 25;
        let of_image = hash(5000 + b, (j * 4 * c + quarter) as u32) >> 26;
        pixels.push((of_label + of_image + (hash(1000 + b, i as u32) >> 26)) as u8);
    }
    Batch { pixels, labels, len }
}
