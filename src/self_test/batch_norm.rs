//! Batch normalization: the batch's statistics and the moving ones, incomplete batches, large means, one pixel.

use super::Case;
use super::normalization::{Normalization, moving};
use crate::graph::Mode;
use crate::ops::{ActivationFunction, BatchNorm, BatchNormInputs};

pub(super) fn reference(geometry: &BatchNorm, mode: Mode, inputs: &[Vec<f64>]) -> [Vec<f64>; 2] {
    let channels = geometry.input.columns();
    let x = &inputs[0];
    let rows = x.len() / channels;
    let (mut y, mut statistics) = (vec![0.0; x.len()], vec![0.0; 2 * channels]);
    for channel in 0..channels {
        let values = || x.iter().skip(channel).step_by(channels);
        let mean = values().sum::<f64>() / rows as f64;
        let squares = values().map(|x| (x - mean) * (x - mean)).sum::<f64>();
        statistics[channel] = mean;
        statistics[channels + channel] =
            squares / if geometry.unbiased { (rows as f64 - 1.0).max(1.0) } else { rows as f64 };
        let [mean, variance] = match mode == Mode::Infer || geometry.frozen {
            true => moving(channel),
            false => [mean, squares / rows as f64],
        };
        let mut vectors = inputs[1..].iter();
        let gamma = if geometry.scale { vectors.next().map_or(1.0, |gamma| gamma[channel]) } else { 1.0 };
        let beta = if geometry.center { vectors.next().map_or(0.0, |beta| beta[channel]) } else { 0.0 };
        for i in (channel..x.len()).step_by(channels) {
            y[i] = gamma * (x[i] - mean) / (variance + geometry.epsilon).sqrt() + beta;
            if geometry.added {
                y[i] += inputs[inputs.len() - 1][i];
            }
            if let Some(function) = geometry.activation {
                y[i] = super::activation::reference(function, y[i]);
            }
        }
    }
    let kept = if mode == Mode::Infer || geometry.frozen { Vec::new() } else { statistics };
    [y, kept]
}

fn normalization(
    name: &str,
    geometry: BatchNorm,
    mode: Mode,
    counted: usize,
    [mean, scale]: [f32; 2],
) -> Normalization {
    let shape = geometry.input.dims().to_vec();
    let (built, referred) = (geometry.clone(), geometry.clone());
    Normalization {
        name: format!("{name}: {shape:?}, {counted} images count"),
        shape,
        counted,
        mean,
        scale,
        vectors: usize::from(geometry.scale) + usize::from(geometry.center),
        added: geometry.added,
        stops: !geometry.frozen,
        mode,
        build: Box::new(move |graph, tensors| {
            let super::normalization::Tensors { x, minibatch, moving, weights, added } = tensors;
            let inputs = BatchNormInputs { x, minibatch, moving, weights, added };
            graph.batch_norm("y", built.clone(), inputs)
        }),
        reference: Box::new(move |inputs| reference(&referred, mode, inputs)),
    }
}

fn case(name: &str, geometry: BatchNorm, mode: Mode, counted: usize, range: [f32; 2]) -> Case {
    normalization(name, geometry, mode, counted, range).into()
}

/// Some that show how activations in 16 bits are read and written.
pub(super) fn some() -> Vec<Normalization> {
    let activation = Some(ActivationFunction::Silu);
    let geometries = [
        ("odd channels", BatchNorm::new([3, 5, 4, 7])),
        ("channels in parts", BatchNorm::new([2, 20, 21, 6])),
        ("activation", BatchNorm { activation, ..BatchNorm::new([3, 4, 3, 6]) }),
        (
            "added",
            BatchNorm { added: true, activation: Some(ActivationFunction::RELU), ..BatchNorm::new([3, 4, 3, 6]) },
        ),
    ];
    let modes = [Mode::Train, Mode::Infer];
    let each = |mode: Mode| {
        let geometries = geometries.clone().into_iter();
        geometries.map(move |(name, geometry)| {
            let counted = geometry.input.dims()[0] - 1;
            normalization(&format!("batch_norm, {name}, {mode:?}"), geometry, mode, counted, [0.25, 1.0])
        })
    };
    modes.into_iter().flat_map(each).collect()
}

pub(super) fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    let whole = |name: &str, shape: Vec<usize>| {
        let n = shape[0];
        case(name, BatchNorm::new(shape), Mode::Train, n, [0.0, 1.0])
    };
    cases.push(whole("one pixel", vec![1, 1, 1, 3]));
    cases.push(whole("one row", vec![1, 5]));
    cases.push(whole("rows", vec![7, 9]));
    cases.push(whole("one image", vec![1, 5, 3, 4]));
    cases.push(whole("odd channels", vec![3, 5, 4, 7]));
    cases.push(whole("several workgroups side by side", vec![2, 3, 3, 70]));
    cases.push(whole("several fours of channels an invocation", vec![2, 3, 2, 154]));
    cases.push(whole("one channel in parts", vec![2, 40, 40, 1]));
    cases.push(whole("channels in parts", vec![2, 20, 21, 6]));
    cases.push(case("parts that do not count", BatchNorm::new([4, 20, 21, 3]), Mode::Train, 1, [0.0, 1.0]));
    for counted in [1, 3, 4] {
        cases.push(case("incomplete", BatchNorm::new([5, 3, 2, 6]), Mode::Train, counted, [0.25, 1.0]));
    }
    cases.push(case("incomplete rows", BatchNorm::new([9, 5]), Mode::Train, 4, [0.25, 1.0]));
    // A mean of 1000 and a variance of 1e-4, and one that is small beside epsilon.
    for (mean, scale) in [(1e3, 0.0173), (-1e3, 0.0173), (1e3, 1e-3), (1e5, 1.0), (0.5, 1e-4)] {
        let name = format!("mean {mean}, values in ±{scale}");
        cases.push(case(&name, BatchNorm::new([4, 7, 5, 6]), Mode::Train, 4, [mean, scale]));
        cases.push(case(&name, BatchNorm::new([2, 20, 20, 2]), Mode::Train, 1, [mean, scale]));
    }
    for (scale, center) in [(true, false), (false, true), (false, false)] {
        let geometry = BatchNorm { scale, center, ..BatchNorm::new([3, 4, 2, 5]) };
        for frozen in [false, true] {
            let geometry = BatchNorm { frozen, ..geometry.clone() };
            let name = format!("scale {scale}, center {center}, frozen {frozen}");
            cases.push(case(&name, geometry.clone(), Mode::Train, 2, [0.0, 1.0]));
            cases.push(case(&format!("inference, {name}"), geometry, Mode::Infer, 2, [0.0, 1.0]));
        }
    }
    for shape in [vec![3, 4, 2, 5], vec![1, 1, 1, 3], vec![6, 70]] {
        let (n, geometry) = (shape[0], BatchNorm::new(shape));
        let frozen = BatchNorm { frozen: true, ..geometry.clone() };
        cases.push(case("frozen", frozen, Mode::Train, n, [0.0, 1.0]));
        cases.push(case("inference", geometry.clone(), Mode::Infer, n, [0.0, 1.0]));
        let unbiased = BatchNorm { unbiased: true, epsilon: 1e-5, ..geometry };
        cases.push(case("unbiased", unbiased, Mode::Train, n, [0.0, 1.0]));
    }
    for frozen in [false, true] {
        let geometry = BatchNorm { frozen, ..BatchNorm::new([3, 4, 3, 6]) };
        let whole = normalization(&format!("frozen {frozen}"), geometry, Mode::Train, 3, [0.0, 1.0]);
        cases.push(whole.behind_relu().into());
    }
    for function in [
        ActivationFunction::RELU6,
        ActivationFunction::Relu { negative_slope: 0.25, threshold: 0.1, max_value: Some(0.7) },
        ActivationFunction::leaky_relu(0.3),
        ActivationFunction::Silu,
        ActivationFunction::HardSilu,
        ActivationFunction::Mish,
        ActivationFunction::Elu { alpha: 0.7 },
        ActivationFunction::HardSigmoid,
        ActivationFunction::Sigmoid,
        ActivationFunction::Tanh,
        ActivationFunction::Gelu,
    ] {
        for frozen in [false, true] {
            // Values reach further out than the activations bend where the statistics are moving ones, which do not follow.
            let scale = if frozen { 6.0 } else { 1.0 };
            let geometry = BatchNorm { activation: Some(function), frozen, ..BatchNorm::new([3, 4, 3, 6]) };
            let name = format!("{function:?}, frozen {frozen}");
            cases.push(case(&name, geometry.clone(), Mode::Train, 3, [0.0, scale]));
            cases.push(case(&format!("inference, {name}"), geometry.clone(), Mode::Infer, 3, [0.0, scale]));
            if !frozen {
                cases.push(case(&name, geometry.clone(), Mode::Train, 2, [0.0, scale]));
                cases.push(case(&name, BatchNorm { scale: false, ..geometry.clone() }, Mode::Train, 2, [0.5, scale]));
                cases.push(case(&name, BatchNorm { center: false, ..geometry }, Mode::Train, 2, [0.5, scale]));
                let one = BatchNorm { activation: Some(function), ..BatchNorm::new([1, 20, 21, 3]) };
                cases.push(normalization(&name, one, Mode::Train, 1, [0.25, scale]).behind_relu().into());
            }
        }
    }
    for (added, relu) in [(false, true), (true, false), (true, true)] {
        for frozen in [false, true] {
            let activation = relu.then_some(ActivationFunction::RELU);
            let geometry = BatchNorm { added, activation, frozen, ..BatchNorm::new([3, 4, 3, 6]) };
            let name = format!("added {added}, relu {relu}, frozen {frozen}");
            cases.push(case(&name, geometry.clone(), Mode::Train, 3, [0.0, 1.0]));
            cases.push(case(&format!("inference, {name}"), geometry.clone(), Mode::Infer, 3, [0.0, 1.0]));
            if !frozen {
                cases.push(case(&name, geometry, Mode::Train, 2, [0.0, 1.0]));
            }
        }
    }
    cases
}
