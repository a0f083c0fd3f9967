//! Penalties of weights, Muon, and evaluation with averaged weights, on a small network: against figures of Keras 3.15 in
//! float64.

use std::sync::Arc;

use wgrad::data::Batch;
use wgrad::exec::{Executor, Options};
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::graph::Regularizer;
use wgrad::model::layers::Dense;
use wgrad::model::{Activation, NamedTensor, Network, Sequential};
use wgrad::optim::{Form, Muon, Optimizer, Rule, Sgd};

const MODEL: &str = r#"
version = 2
input = [2, 2, 3]

[[layers]]
type = "rescaling"
scale = 0.00392156862745098

[[layers]]
type = "flatten"

[[layers]]
type = "dense"
units = 5
activation = "relu"
kernel_regularizer = { l1 = 0.01, l2 = 0.05 }

[[layers]]
type = "dense"
units = 4
kernel_regularizer = { l2 = 0.02 }
"#;

/// Losses of eight steps of `fit`, then of `evaluate`: SGD of 0.2 with momentum 0.9 and `global_clipnorm=0.5`, from weights
/// `0.5 sin(1.3 j + i)` in element `j` of variable `i`.
const KERAS: [f64; 9] = [
    2.8242347240448,
    2.5988528728485107,
    2.2700576782226562,
    2.006593704223633,
    1.8897523880004883,
    1.837180495262146,
    1.7768396139144897,
    1.6891162395477295,
    1.5771352052688599,
];

/// The penalties of the first weights.
const FIRST_PENALTY: f64 = 0.6151882330305256;

fn batch() -> Batch {
    let pixel = |k: u32, i: u32| ((37 * i * (k + 1) + 11 * k) % 256) as u8;
    let pixels = (0..4).flat_map(|k| (0..12).map(move |i| pixel(k, i))).collect();
    Batch { pixels, labels: vec![0, 2, 1, 3], len: 4 }
}

fn executor(network: &Network, options: Options) -> (Arc<Gpu>, Executor) {
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let mut executor = Executor::new(gpu.clone(), network, options).unwrap();
    let weights: Vec<NamedTensor> = (gpu.block_on(executor.parameters()).unwrap().into_iter().enumerate())
        .map(|(i, tensor)| {
            let value = |j| (0.5 * (1.3 * j as f64 + i as f64).sin()) as f32;
            NamedTensor { values: (0..tensor.values.len()).map(value).collect(), ..tensor }
        })
        .collect();
    gpu.block_on(executor.set_parameters(&weights)).unwrap();
    (gpu, executor)
}

/// Losses of eight updates, each after `accumulate` steps over the same minibatch, then of an evaluation.
fn losses(network: &Network, accumulate: usize) -> Vec<f64> {
    let rule = Rule::Sgd(Sgd { momentum: 0.9, nesterov: false, form: Form::Keras });
    let optimizer = Optimizer { rule, learning_rate: 0.2, clip_norm: Some(0.5), accumulate, ..Optimizer::default() };
    let (gpu, mut executor) = executor(network, Options { batch_size: 4, optimizer, ..Options::default() });
    for _ in 0..8 * accumulate {
        gpu.block_on(executor.train_step(&batch())).unwrap();
    }
    gpu.block_on(executor.eval_step(&batch())).unwrap();
    let metrics = gpu.block_on(executor.metrics()).unwrap();
    let (evaluation, training) = metrics.split_last().unwrap();
    training.iter().step_by(accumulate).chain([evaluation]).map(|step| step.loss).collect()
}

#[test]
fn losses_are_keras_s() {
    let network = Network::from_toml(MODEL, None).unwrap();
    for accumulate in [1, 2] {
        for (found, expected) in losses(&network, accumulate).iter().zip(KERAS) {
            assert!(
                (found - expected).abs() < 2e-6 * expected,
                "{found} instead of {expected}, {accumulate} for an update"
            );
        }
    }
    assert_eq!(Network::from_toml(&network.to_toml().unwrap(), None).unwrap(), network);
    let built = Sequential::new([2, 2, 3]).rescaling(1.0 / 255.0).flatten();
    let built = built.dense(5).activation(Activation::Relu).kernel_regularizer(Regularizer { l1: 0.01, l2: 0.05 });
    let built = built.layer(Dense { kernel_regularizer: Regularizer::l2(0.02), ..Dense::new(4) });
    assert_eq!(Network::from(built), network);
}

/// A frozen layer has no penalty, as in Keras, and one of a wrong size is an error.
#[test]
fn penalties_are_of_trained_variables() {
    let network = Network::from_toml(MODEL, None).unwrap();
    let first = losses(&network, 1)[0];
    let frozen = losses(&network.freeze(&["dense".into(), "dense_1".into()]).unwrap(), 1);
    assert!((first - frozen[0] - FIRST_PENALTY).abs() < 1e-5, "{first} {frozen:?}");
    assert_eq!(frozen[0], frozen[8]);
    let wrong = Network::from_toml(&MODEL.replace("0.02", "-0.02"), None).unwrap_err().to_string();
    assert!(wrong.contains("`dense_1`: `kernel_regularizer` can't be -0.02"), "{wrong}");
}

/// Losses of Keras's Muon from the same start weights, where all kernels are Muon's: learning rate 0.05 times these factors,
/// and its default decay. The last loss is that of `evaluate`.
const MUON: [f64; 9] = [
    2.0078086853027344,
    1.894150972366333,
    1.7869873046875,
    1.7359212636947632,
    1.5516327619552612,
    1.5433565378189087,
    1.535203456878662,
    1.4598755836486816,
    1.439684271812439,
];
const RATES: [f64; 8] = [1.0, 1.0, 0.5, 2.0, 0.1, 0.1, 1.0, 0.3];

/// The sum of each variable times `cos(j)` for element `j`, after the last step.
const MUON_WEIGHTS: [f64; 6] = [
    0.09260830014407662,
    0.23999237161382259,
    0.8385696091659787,
    -0.4810930640765858,
    -0.2627213598181317,
    -0.9621415261174886,
];

/// A tall, a wide and a tall kernel.
fn three_layers() -> Network {
    let tanh = |network: Sequential, units| network.dense(units).activation(Activation::Tanh);
    let network = Sequential::new([2, 2, 3]).rescaling(1.0 / 255.0).flatten();
    tanh(tanh(network, 5), 9).dense(4).into()
}

#[test]
fn muon_is_keras_s() {
    let optimizer = Optimizer { rule: Rule::Muon(Muon::default()), weight_decay: 4e-3, ..Optimizer::default() };
    let options = Options { batch_size: 4, optimizer, ..Options::default() };
    let (gpu, mut executor) = executor(&three_layers(), options);
    for rate in RATES {
        gpu.block_on(executor.train_step_at(&batch(), 0.05 * rate)).unwrap();
    }
    gpu.block_on(executor.eval_step(&batch())).unwrap();
    for (step, expected) in gpu.block_on(executor.metrics()).unwrap().iter().zip(MUON) {
        assert!((step.loss - expected).abs() < 2e-5 * expected, "{} instead of {expected}", step.loss);
    }
    for (tensor, expected) in gpu.block_on(executor.parameters()).unwrap().iter().zip(MUON_WEIGHTS) {
        let sum: f64 = tensor.values.iter().enumerate().map(|(j, w)| f64::from(*w) * (j as f64).cos()).sum();
        assert!((sum - expected).abs() < 1e-4, "{}: {sum} instead of {expected}", tensor.name);
    }
}

/// Evaluation takes the average where asked, the initial weights before the first update, and what is set afterwards.
#[test]
fn evaluation_takes_the_average_where_asked() {
    let optimizer = Optimizer { learning_rate: 0.1, average: Some(0.8), ..Optimizer::default() };
    let options = |evaluate_average| Options {
        batch_size: 4,
        optimizer: optimizer.clone(),
        evaluate_average,
        ..Options::default()
    };
    let (gpu, mut plain) = executor(&three_layers(), options(false));
    let (_, mut averaged) = executor(&three_layers(), options(true));
    let evaluate = |executor: &mut Executor| {
        let gpu = executor.gpu().clone();
        gpu.block_on(executor.metrics()).unwrap();
        gpu.block_on(executor.eval_step(&batch())).unwrap();
        gpu.block_on(executor.metrics()).unwrap()[0].loss
    };
    assert_eq!(evaluate(&mut plain), evaluate(&mut averaged));
    for _ in 0..5 {
        for executor in [&mut plain, &mut averaged] {
            executor.gpu().clone().block_on(executor.train_step(&batch())).unwrap();
        }
    }
    let of = |executor: &mut Executor| executor.gpu().clone().block_on(executor.parameters()).unwrap();
    assert_eq!(of(&mut plain), of(&mut averaged));
    let (now, mean) = (evaluate(&mut plain), evaluate(&mut averaged));
    assert!(now < mean - 1e-3, "{now} {mean}");
    let average = gpu.block_on(plain.averaged_parameters()).unwrap().unwrap();
    assert_eq!(averaged.gpu().clone().block_on(averaged.evaluated_parameters()).unwrap(), average);
    gpu.block_on(plain.set_parameters(&average)).unwrap();
    assert_eq!(evaluate(&mut plain), mean);
    let last = of(&mut averaged);
    averaged.gpu().clone().block_on(averaged.set_parameters(&last)).unwrap();
    assert_eq!(evaluate(&mut averaged), now);
}
