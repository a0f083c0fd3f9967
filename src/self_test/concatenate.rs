//! Channels of two to eight tensors one behind the other, in and out of step with vec4.

use super::{Case, OperationCase};

pub(super) fn cases() -> Vec<Case> {
    let pieces: [(&[usize], &[usize]); 10] = [
        (&[2, 3, 2], &[4, 8]),
        (&[2, 3, 2], &[3, 5]),
        (&[1, 1, 1], &[1, 1]),
        (&[3], &[4, 6]),
        (&[2, 2], &[2, 4, 3]),
        (&[5], &[8, 4, 12, 4]),
        (&[2, 1, 3], &[1, 2, 1, 3]),
        (&[3], &[4, 4, 4, 4, 8]),
        (&[2, 2], &[3, 1, 2, 5, 1, 1, 2, 7]),
        (&[], &[3, 2]),
    ];
    let case = |(shared, channels): (&[usize], &[usize])| {
        let channels = channels.to_vec();
        OperationCase {
            name: format!("{channels:?} of {shared:?}"),
            activations: channels.iter().map(|channels| [shared, &[*channels]].concat()).collect(),
            weights: Vec::new(),
            build: Box::new(|graph, tensors| graph.concatenate("y", tensors)),
            reference: Box::new(move |inputs| {
                let rows = inputs[0].len() / channels[0];
                let row = |row: usize| {
                    let pieces = inputs.iter().zip(&channels);
                    pieces.flat_map(move |(input, channels)| input[row * channels..(row + 1) * channels].to_vec())
                };
                (0..rows).flat_map(row).collect()
            }),
        }
    };
    let twice = OperationCase {
        name: "x behind x".into(),
        activations: vec![vec![3, 5]],
        weights: Vec::new(),
        build: Box::new(|graph, tensors| graph.concatenate("y", &[tensors[0], tensors[0]])),
        reference: Box::new(|inputs| inputs[0].chunks(5).flat_map(|row| [row, row].concat()).collect()),
    };
    pieces.into_iter().map(case).chain([twice]).map(Case::from).collect()
}
