//! Group normalization: groups that fill no vec4, one channel a group, one group, large means.

use super::Case;
use super::normalization::Normalization;
use crate::graph::Mode;
use crate::ops::GroupNorm;

/// Sets of `group` channels of `images` images.
pub(super) fn reference(
    images: usize,
    [group, channels]: [usize; 2],
    epsilon: f64,
    scale: bool,
    center: bool,
    inputs: &[Vec<f64>],
) -> Vec<f64> {
    let x = &inputs[0];
    let image = x.len() / images;
    let set_of = |i: usize| i / image * (channels / group) + i % channels / group;
    let n = (image / channels * group) as f64;
    let mut means = vec![0.0; images * channels / group];
    for (i, x) in x.iter().enumerate() {
        means[set_of(i)] += x / n;
    }
    let mut variances = vec![0.0; means.len()];
    for (i, x) in x.iter().enumerate() {
        variances[set_of(i)] += (x - means[set_of(i)]).powi(2) / n;
    }
    let normalized = |(i, x): (usize, &f64)| {
        let y = (x - means[set_of(i)]) / (variances[set_of(i)] + epsilon).sqrt();
        let mut vectors = inputs[1..].iter();
        let gamma = if scale { vectors.next().map_or(1.0, |gamma| gamma[i % channels]) } else { 1.0 };
        let beta = if center { vectors.next().map_or(0.0, |beta| beta[i % channels]) } else { 0.0 };
        gamma * y + beta
    };
    x.iter().enumerate().map(normalized).collect()
}

fn normalization(name: &str, geometry: GroupNorm, [mean, spread]: [f32; 2]) -> Normalization {
    let shape = geometry.input.dims().to_vec();
    let (built, GroupNorm { groups, epsilon, scale, center, .. }) = (geometry.clone(), geometry);
    let (images, channels) = (shape[0], shape[shape.len() - 1]);
    Normalization {
        name: format!("{name}: {groups} groups of {shape:?}"),
        counted: images,
        shape,
        mean,
        scale: spread,
        vectors: usize::from(scale) + usize::from(center),
        added: false,
        stops: false,
        mode: Mode::Train,
        build: Box::new(move |graph, tensors| graph.group_norm("y", built.clone(), tensors.x, tensors.weights)),
        reference: Box::new(move |inputs| {
            [reference(images, [channels / groups, channels], epsilon, scale, center, inputs), Vec::new()]
        }),
    }
}

fn case(name: &str, geometry: GroupNorm, range: [f32; 2]) -> Case {
    normalization(name, geometry, range).into()
}

pub(super) fn cases() -> Vec<Case> {
    let of = |groups: usize, shape: Vec<usize>| GroupNorm { groups, ..GroupNorm::new(shape) };
    let shapes = [
        ("one pixel", of(2, vec![1, 1, 1, 4])),
        ("one channel", of(1, vec![1, 3, 5, 1])),
        ("aligned", of(2, vec![2, 3, 5, 8])),
        ("one group", of(1, vec![2, 3, 4, 6])),
        ("instances", of(6, vec![2, 3, 5, 6])),
        ("a group in two fours", of(3, vec![2, 3, 5, 18])),
        ("pairs", of(3, vec![3, 2, 5, 6])),
        ("threes", of(5, vec![2, 4, 3, 15])),
        ("fives", of(7, vec![1, 3, 3, 35])),
        ("many sets", of(4, vec![9, 1, 2, 16])),
        ("rows", of(2, vec![5, 12])),
        ("five axes", of(2, vec![2, 2, 3, 2, 4])),
        ("a set in several trips", of(2, vec![1, 19, 20, 6])),
        ("Keras's default", of(32, vec![2, 2, 2, 64])),
    ];
    let mut cases: Vec<Case> = shapes.into_iter().map(|(name, of)| case(name, of, [0.0, 1.0])).collect();
    for (scale, center) in [(true, false), (false, true), (false, false)] {
        let geometry = GroupNorm { scale, center, ..of(2, vec![2, 3, 2, 10]) };
        cases.push(case(&format!("scale {scale}, center {center}"), geometry, [0.0, 1.0]));
    }
    for (mean, spread) in [(1e3, 0.0173), (1e3, 1e-3), (1e5, 1.0)] {
        cases.push(case(&format!("mean {mean}, values in ±{spread}"), of(3, vec![2, 6, 7, 6]), [mean, spread]));
    }
    cases.push(normalization("gated", of(3, vec![2, 3, 4, 6]), [0.0, 1.0]).behind_relu().into());
    cases
}
