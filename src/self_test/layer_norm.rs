//! Layer normalization: rows of all lengths, large means.

use super::Case;
use super::group_norm::reference;
use super::normalization::Normalization;
use crate::graph::Mode;
use crate::ops::LayerNorm;

fn normalization(name: &str, geometry: LayerNorm, [mean, spread]: [f32; 2]) -> Normalization {
    let shape = geometry.input.dims().to_vec();
    let (built, LayerNorm { epsilon, scale, center, .. }) = (geometry.clone(), geometry);
    let (rows, channels) = (built.input.rows(), built.input.columns());
    Normalization {
        name: format!("{name}: {shape:?}"),
        counted: shape[0],
        shape,
        mean,
        scale: spread,
        vectors: usize::from(scale) + usize::from(center),
        added: false,
        stops: false,
        mode: Mode::Train,
        build: Box::new(move |graph, tensors| graph.layer_norm("y", built.clone(), tensors.x, tensors.weights)),
        reference: Box::new(move |inputs| {
            [reference(rows, [channels, channels], epsilon, scale, center, inputs), Vec::new()]
        }),
    }
}

fn case(name: &str, geometry: LayerNorm, range: [f32; 2]) -> Case {
    normalization(name, geometry, range).into()
}

pub(super) fn cases() -> Vec<Case> {
    let shapes = [
        ("one element", vec![1, 1]),
        ("one row", vec![1, 5]),
        ("odd rows", vec![7, 9]),
        ("pixels", vec![2, 3, 5, 6]),
        ("a lane a row", vec![2, 5, 7, 16]),
        ("several lanes a row", vec![3, 2, 3, 70]),
        ("a row in several trips", vec![2, 2100]),
        ("rows in parts", vec![2, 30, 20, 3]),
    ];
    let mut cases: Vec<Case> =
        shapes.into_iter().map(|(name, shape)| case(name, LayerNorm::new(shape), [0.0, 1.0])).collect();
    for (scale, center) in [(true, false), (false, true), (false, false)] {
        let geometry = LayerNorm { scale, center, ..LayerNorm::new([2, 3, 2, 10]) };
        cases.push(case(&format!("scale {scale}, center {center}"), geometry, [0.0, 1.0]));
    }
    for (mean, spread) in [(1e3, 0.0173), (1e3, 1e-3), (1e5, 1.0)] {
        cases.push(case(&format!("mean {mean}, values in ±{spread}"), LayerNorm::new([5, 3, 50]), [mean, spread]));
    }
    cases.push(normalization("gated", LayerNorm::new([3, 2, 9]), [0.0, 1.0]).behind_relu().into());
    cases
}
