//! A scale and an offset for each channel: channels that fill no vec4, and numbers that are alike.

use super::{Case, OperationCase};
use crate::ops::ChannelScale;

/// Numbers of `c` channels that differ, or are those of the first one.
fn numbers(c: usize, alike: bool) -> ChannelScale {
    let list =
        |number: fn(f64) -> f64| (0..c).map(|channel| number(if alike { 0.0 } else { channel as f64 })).collect();
    ChannelScale {
        center: list(|channel| 0.25 - 0.5 * (channel % 3.0)),
        scale: list(|channel| 1.5 - channel % 7.0 * 0.5),
        offset: list(|channel| channel % 5.0 * 0.125 - 0.75),
    }
}

pub(super) fn cases() -> Vec<Case> {
    let case = |(shape, alike): (Vec<usize>, bool)| {
        let c = shape[shape.len() - 1];
        let channels = numbers(c, alike);
        let ChannelScale { center, scale, offset } = channels.clone();
        OperationCase {
            name: format!("{shape:?}{}", if alike { ", alike" } else { "" }),
            activations: vec![shape],
            weights: Vec::new(),
            build: Box::new(move |graph, tensors| graph.affine("y", tensors[0], channels.clone())),
            reference: Box::new(move |inputs| {
                let y = |(i, x): (usize, &f64)| (x - center[i % c]) * scale[i % c] + offset[i % c];
                inputs[0].iter().enumerate().map(y).collect()
            }),
        }
    };
    let shapes = [vec![2, 3, 4, 3], vec![1, 5, 2, 8], vec![7, 5], vec![2, 3, 6], vec![1, 1, 1, 1], vec![1, 70]];
    let both = shapes.into_iter().flat_map(|shape| [(shape.clone(), false), (shape, true)]);
    both.map(case).map(Case::from).collect()
}
