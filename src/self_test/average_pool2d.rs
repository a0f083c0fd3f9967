//! Average pooling: windows that overlap, touch, or leave gaps; odd sizes; borders, which do not count; whole images.

use super::max_pool2d::{WINDOWS, windows};
use super::{Case, OperationCase};
use crate::ops::Pool2d;

fn reference(pool: Pool2d, x: &[f64]) -> Vec<f64> {
    let mean = |cells: Vec<usize>| cells.iter().map(|cell| x[*cell]).sum::<f64>() / cells.len() as f64;
    windows(pool).into_iter().map(mean).collect()
}

pub(super) fn cases() -> Vec<Case> {
    let case = |(input, window, stride, padding): ([usize; 4], _, _, _)| {
        let pool = Pool2d { input, window, stride, padding };
        OperationCase {
            name: format!("{input:?} by {window:?}, stride {stride:?}, {padding:?}"),
            activations: vec![input.to_vec()],
            weights: Vec::new(),
            build: Box::new(move |graph, tensors| graph.average_pool2d("y", pool, tensors[0])),
            reference: Box::new(move |inputs| reference(pool, &inputs[0])),
        }
    };
    let global = |keepdims: bool| OperationCase {
        name: format!("whole images, keepdims {keepdims}"),
        activations: vec![vec![2, 5, 3, 6]],
        weights: Vec::new(),
        build: Box::new(move |graph, tensors| {
            let y = graph.global_average_pool2d("y", keepdims, tensors[0])?;
            if keepdims { graph.flatten("flat", y) } else { Ok(y) }
        }),
        reference: Box::new(|inputs| reference(Pool2d::global([2, 5, 3, 6]), &inputs[0])),
    };
    WINDOWS.into_iter().map(case).chain([true, false].map(global)).map(Case::from).collect()
}
