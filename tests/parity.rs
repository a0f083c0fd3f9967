//! Parity with Keras: the same weights and minibatches give the same losses, gradients and updates, from figures that
//! `tests/fixtures/keras_parity.py` froze.

use std::sync::Arc;

use serde_json::Value;
use wgrad::data::Batch;
use wgrad::exec::{Executor, Options};
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::kernel::MicroKernel;
use wgrad::model::{NamedTensor, Sequential};
use wgrad::ops::Padding;

/// The script's `hash` for a salt of 0.
fn hash(t: u32, i: u32) -> u32 {
    let mut x = i.wrapping_mul(2_654_435_761).wrapping_add(t.wrapping_mul(2_246_822_519)).wrapping_add(374_761_393);
    x ^= x >> 15;
    x = x.wrapping_mul(2_246_822_519);
    x ^= x >> 13;
    x = x.wrapping_mul(3_266_489_917);
    x ^ (x >> 16)
}

struct Fixture(Value);

impl Fixture {
    fn load(name: &str) -> Self {
        let path = format!("{}/tests/fixtures/{name}.json", env!("CARGO_MANIFEST_DIR"));
        Self(serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap())
    }

    fn model(&self) -> Sequential {
        let pair = |v: &Value| [0, 1].map(|i| v[i].as_u64().unwrap() as usize);
        let input = [0, 1, 2].map(|i| self.0["input"][i].as_u64().unwrap() as usize);
        self.0["layers"].as_array().unwrap().iter().fold(Sequential::new(input), |model, layer| {
            let count = |key: &str| layer[key].as_u64().unwrap() as usize;
            let model = match layer["kind"].as_str().unwrap() {
                "conv2d" => {
                    let padding = if layer["padding"] == "same" { Padding::Same } else { Padding::Valid };
                    model.conv2d_with(count("filters"), pair(&layer["kernel"]), pair(&layer["stride"]), padding)
                }
                "max_pool2d" => model.max_pool2d_with(pair(&layer["pool"]), pair(&layer["stride"])),
                "flatten" => model.flatten(),
                "dense" => model.dense(count("units")),
                other => panic!("unknown layer {other}"),
            };
            if layer["relu"] == true { model.relu() } else { model }
        })
    }

    fn size(&self, key: &str) -> usize {
        self.0[key].as_u64().unwrap() as usize
    }

    /// The script's `hash` for the network's salt.
    fn hash(&self, t: u32, i: u32) -> u32 {
        hash(t + 10_000 * self.size("salt") as u32, i)
    }

    fn weights(&self) -> Vec<NamedTensor> {
        let tensors = self.0["tensors"].as_array().unwrap();
        let weight = |(t, tensor): (usize, &Value)| {
            let name = tensor["name"].as_str().unwrap().to_owned();
            let shape: Vec<usize> =
                tensor["shape"].as_array().unwrap().iter().map(|v| v.as_u64().unwrap() as usize).collect();
            let limit = if name.ends_with("kernel") {
                let field: usize = shape[..shape.len() - 2].iter().product();
                let fans = shape[shape.len() - 2..].iter().sum::<usize>() * field;
                (6.0 / fans as f64).sqrt()
            } else {
                0.05
            };
            let value =
                |i: usize| ((2.0 * (f64::from(self.hash(t as u32, i as u32)) / 4_294_967_296.0) - 1.0) * limit) as f32;
            NamedTensor { name, values: (0..shape.iter().product()).map(value).collect(), shape }
        };
        tensors.iter().enumerate().map(weight).collect()
    }

    fn batch(&self, b: u32) -> Batch {
        let [h, w, c] = [0, 1, 2].map(|i| self.0["input"][i].as_u64().unwrap() as u32);
        let n = self.size("batch") as u32;
        let labels: Vec<u32> = (0..n).map(|j| self.hash(2000 + b, j) % 10).collect();
        let mut pixels = Vec::new();
        for i in 0..n * h * w * c {
            let (x, y, j) = (i / c % w, i / c / w % h, i / c / w / h);
            let block = ((y / 4) * 16 + x / 4) * 4 + i % c;
            pixels.push(((self.hash(1000 + b, i) >> 25) + (self.hash(3000 + labels[j as usize], block) >> 25)) as u8);
        }
        Batch { pixels, labels, len: n as usize }
    }

    /// Largest error, relative in norm, of `values` against the sampled figure `key` of each tensor.
    fn worst(&self, key: &str, tensors: &[NamedTensor]) -> (f64, String) {
        let errors = tensors.iter().zip(self.0["tensors"].as_array().unwrap()).map(|(tensor, expected)| {
            assert_eq!(tensor.name, expected["name"].as_str().unwrap());
            let stride = expected["stride"].as_u64().unwrap() as usize;
            let samples: Vec<f64> =
                expected[key]["samples"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
            let difference: f64 = (samples.iter().zip(tensor.values.iter().step_by(stride)))
                .map(|(e, v)| (e - f64::from(*v)).powi(2))
                .sum::<f64>()
                .sqrt();
            let sampled = samples.iter().map(|e| e * e).sum::<f64>().sqrt();
            let norm = tensor.values.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
            let expected_norm = expected[key]["norm"].as_f64().unwrap();
            let error = (difference / sampled).max((norm - expected_norm).abs() / expected_norm);
            (error, tensor.name.clone())
        });
        errors.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap()
    }
}

fn check(name: &str) {
    let fixture = Fixture::load(name);
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    for kernel in MicroKernel::ALL.into_iter().filter(|kernel| gpu.supports(*kernel).is_ok()) {
        // Workgroup memory takes a software adapter minutes.
        if kernel == MicroKernel::Tile && gpu.is_software() {
            continue;
        }
        check_with(name, &fixture, &gpu, kernel);
    }
}

fn check_with(name: &str, fixture: &Fixture, gpu: &Arc<Gpu>, kernel: MicroKernel) {
    let options = Options { batch_size: fixture.size("batch"), micro_kernel: Some(kernel), ..Options::default() };
    let mut executor = Executor::new(gpu.clone(), &fixture.model(), options).unwrap();
    let start = fixture.weights();
    executor.set_parameters(&start).unwrap();
    let mut losses = Vec::new();
    let mut correct = Vec::new();
    for b in 0..fixture.size("steps") {
        gpu.block_on(executor.train_step(&fixture.batch(b as u32))).unwrap();
        for step in gpu.block_on(executor.metrics()).unwrap() {
            losses.push(step.loss);
            correct.push(u64::from(step.correct));
        }
        if b == 0 {
            let (error, tensor) = fixture.worst("gradient", &gpu.block_on(executor.gradients()).unwrap());
            println!("{name}, {kernel}: worst gradient {error:.1e} ({tensor})");
            assert!(error < 1e-5, "gradient of {tensor} is off by {error:e}");
        }
    }
    let expected: Vec<f64> = fixture.0["losses"].as_array().unwrap().iter().map(|v| v.as_f64().unwrap()).collect();
    assert_eq!(losses.len(), expected.len());
    let worst = losses.iter().zip(&expected).map(|(l, e)| (l - e).abs() / e).fold(0.0, f64::max);
    println!("{name}, {kernel}: worst loss {worst:.1e}");
    assert!(worst < 1e-4, "{kernel}: losses {losses:?}, Keras {expected:?}");
    let expected: Vec<u64> = fixture.0["correct"].as_array().unwrap().iter().map(|v| v.as_u64().unwrap()).collect();
    assert_eq!(correct, expected);
    let mut updates = gpu.block_on(executor.parameters()).unwrap();
    for (tensor, start) in updates.iter_mut().zip(&start) {
        tensor.values.iter_mut().zip(&start.values).for_each(|(v, s)| *v -= s);
    }
    let (error, tensor) = fixture.worst("update", &updates);
    println!("{name}, {kernel}: worst update {error:.1e} ({tensor})");
    assert!(error < 5e-3, "update of {tensor} is off by {error:e}");
}

#[test]
fn tutorial_network() {
    check("tutorial");
}

#[test]
fn odd_network() {
    check("odd");
}
