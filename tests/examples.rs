//! The examples do what they say. They use only what other crates can use.

// The tests call what their `main` calls.
#![allow(dead_code)]

use std::path::PathBuf;
use std::sync::Arc;

use image::RgbImage;
use wgrad::data::shapes;
use wgrad::exchange::Weights;
use wgrad::exec::{Executor, Options};
use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::model::{NamedTensor, Sequential};

#[path = "../examples/custom_layer.rs"]
mod custom_layer;
#[path = "../examples/prediction.rs"]
mod prediction;
#[path = "../examples/training_loop.rs"]
mod training_loop;
#[path = "../examples/training_steps.rs"]
mod training_steps;

fn gpu() -> Arc<Gpu> {
    Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap())
}

#[test]
fn the_gradient_of_the_custom_layer_is_right() {
    assert_eq!(custom_layer::failures(&gpu()).unwrap(), Vec::<String>::new());
}

#[test]
fn a_network_with_the_custom_layer_learns() {
    let losses = custom_layer::train(&gpu(), 4).unwrap();
    assert!(losses.iter().all(|loss| loss.is_finite()) && losses[3] < 0.8 * losses[0], "{losses:?}");
}

#[test]
fn the_training_loop_trains_what_the_prediction_reads() {
    let (gpu, folder) = (gpu(), tempfile::tempdir().unwrap());
    let weights = folder.path().join("weights.safetensors");
    let losses = training_loop::train(&gpu, 4, &weights).unwrap();
    assert!(losses[3] < 0.7 * losses[0], "{losses:?}");

    let data = shapes::generate(10, 40);
    let [h, w, _] = data.test.image_shape();
    let pictures: Vec<PathBuf> = (0..40)
        .map(|i| {
            let path = folder.path().join(format!("{i}.png"));
            let pixels = data.test.image(i).unwrap().to_vec();
            RgbImage::from_raw(w as u32, h as u32, pixels).unwrap().save(&path).unwrap();
            path
        })
        .collect();
    let answers = prediction::predict(&gpu, &weights, &pictures).unwrap();
    let is_right =
        |(i, answer): (usize, &(String, f64))| answer.0 == data.class_names[usize::from(data.test.labels()[i])];
    let right = answers.iter().enumerate().filter(|answer| is_right(*answer)).count();
    assert!(answers.iter().all(|(_, probability)| (0.0..=1.0).contains(probability)) && right > 12, "{right} of 40");
}

#[test]
fn a_step_takes_the_gradients_away_that_it_writes() {
    let gpu = gpu();
    let model = Sequential::new([8, 8, 3]).rescaling(1.0 / 255.0).conv2d(6, 3).relu().flatten().dense(5);
    let mut executor = Executor::new(gpu.clone(), &model, Options::default()).unwrap();
    let tensors = gpu.block_on(executor.parameters()).unwrap();
    let weights = Weights { tensors, model: Some(model.into()), class_names: Vec::new() };
    let tensor = |name: &str, shape: &[usize], most: usize| {
        let values = (0..shape.iter().product()).map(|i: usize| (i * 31 % most) as f32).collect();
        NamedTensor { name: name.into(), shape: shape.to_vec(), values }
    };
    let file = [tensor("pixels", &[1, 2, 8, 8, 3], 256), tensor("labels", &[1, 2], 5)];
    let batches = training_steps::minibatches(&file).unwrap();
    let mut losses = Vec::new();
    let steps = training_steps::steps(&gpu, &weights, &batches, 0.5, |loss| losses.push(loss)).unwrap();
    assert!(losses.len() == 1 && losses[0] > 0.0 && steps.gradients.len() == 4);
    for gradient in &steps.gradients {
        let of = |tensors: &[NamedTensor]| {
            tensors.iter().find(|tensor| tensor.name == gradient.name).map(|tensor| tensor.values.clone()).unwrap()
        };
        let pairs = of(&weights.tensors).into_iter().zip(of(&steps.weights)).zip(&gradient.values);
        assert!(pairs.clone().all(|((before, after), step)| (before - 0.5 * step - after).abs() < 1e-6));
        assert!(pairs.clone().any(|((before, after), _)| (before - after).abs() > 1e-3), "{}", gradient.name);
    }
}
