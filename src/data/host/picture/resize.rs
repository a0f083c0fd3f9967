//! Cuts and resizes a picture row by row, so that only a few rows are in memory.
//!
//! The filter is the cubic of Catmull and Rom (a = -0.5), which is widened if the picture becomes smaller. It is applied in
//! `f32`, first to columns and then to rows. The results have the same bits as those of the `image` library.

use std::collections::VecDeque;

/// Half the width of the filter, in pixels of the smaller picture.
const SUPPORT: f32 = 2.0;

/// How one axis of a picture (its rows or its columns) is cut and resized.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    /// The first place that is used, and how many places are used.
    pub start: usize,
    pub len: usize,
    /// Where the kept part begins, counted from `start`, and how long it is. Both may be fractions.
    pub offset: f32,
    pub part: f32,
    /// How many places the result has.
    pub to: usize,
}

impl Axis {
    /// The first place, counted from `start`, that counts for place `to` of the result, and the weights of it and of those
    /// that follow.
    fn weights(&self, to: usize) -> (usize, Vec<f32>) {
        let ratio = self.part / self.to as f32;
        let scale = ratio.max(1.0);
        let centre = (to as f32 + 0.5) * ratio + self.offset;
        let first = (centre - SUPPORT * scale).floor().clamp(0.0, (self.len - 1) as f32) as usize;
        let end = ((centre + SUPPORT * scale).ceil().max(0.0) as usize).clamp(first + 1, self.len);
        let mut weights: Vec<f32> = (first..end).map(|place| cubic((place as f32 - (centre - 0.5)) / scale)).collect();
        let sum: f32 = weights.iter().sum();
        weights.iter_mut().for_each(|weight| *weight /= sum);
        (first, weights)
    }

    /// Whether the result is the kept part without any change.
    fn is_kept(&self) -> bool {
        self.offset == 0.0 && self.part == self.to as f32 && self.len == self.to
    }
}

/// The filter.
fn cubic(x: f32) -> f32 {
    let x = x.abs();
    let value = if x < 1.0 {
        9.0 * x.powi(3) + -15.0 * x.powi(2) + 6.0
    } else if x < 2.0 {
        -3.0 * x.powi(3) + 15.0 * x.powi(2) + -24.0 * x + 12.0
    } else {
        0.0
    };
    value / 6.0
}

/// Resizes a picture whose rows come one by one.
pub(super) struct Resizer {
    rows: Axis,
    columns: Axis,
    channels: usize,
    /// The weights for each column of the result; empty if the picture is not resized.
    column_weights: Vec<(usize, Vec<f32>)>,
    /// The rows of the result that are begun, and need rows that are still to come.
    open: VecDeque<OpenRow>,
    /// The row of the result that is begun next.
    next: usize,
    next_weights: (usize, Vec<f32>),
    /// How many rows have come.
    given: usize,
    row: Vec<f32>,
    result: Vec<u8>,
}

/// A row of the result that is not complete.
struct OpenRow {
    first: usize,
    weights: Vec<f32>,
    sums: Vec<f32>,
}

impl Resizer {
    /// Makes a picture `[rows.to, columns.to, channels]`. If there are 4 channels, the last is alpha, and the colours of a
    /// pixel count as much as its alpha says.
    pub fn new(rows: Axis, columns: Axis, channels: usize) -> Self {
        let is_kept = rows.is_kept() && columns.is_kept();
        let column_weights =
            if is_kept { Vec::new() } else { (0..columns.to).map(|column| columns.weights(column)).collect() };
        Self {
            rows,
            columns,
            channels,
            column_weights,
            open: VecDeque::new(),
            next: 0,
            next_weights: rows.weights(0),
            given: 0,
            row: Vec::new(),
            result: Vec::with_capacity(rows.to * columns.to * channels),
        }
    }

    /// Takes the next row of the whole picture, `[w, channels]`.
    pub fn push(&mut self, row: &[u8]) {
        let y = self.given;
        self.given += 1;
        if y < self.rows.start || y - self.rows.start >= self.rows.len {
            return;
        }
        let y = y - self.rows.start;
        let part = &row[self.columns.start * self.channels..][..self.columns.len * self.channels];
        if self.column_weights.is_empty() {
            self.result.extend_from_slice(part);
            return;
        }
        self.row.clear();
        if self.channels == 4 {
            for pixel in part.chunks_exact(4) {
                let alpha = f32::from(pixel[3]);
                self.row.extend([0, 1, 2].map(|channel| f32::from(pixel[channel]) * alpha / 255.0));
                self.row.push(alpha);
            }
        } else {
            self.row.extend(part.iter().map(|&value| f32::from(value)));
        }
        while self.next < self.rows.to && self.next_weights.0 <= y {
            let (first, weights) = std::mem::take(&mut self.next_weights);
            self.open.push_back(OpenRow { first, weights, sums: vec![0.0; self.row.len()] });
            self.next += 1;
            if self.next < self.rows.to {
                self.next_weights = self.rows.weights(self.next);
            }
        }
        for open in &mut self.open {
            if let Some(&weight) = open.weights.get(y - open.first) {
                for (sum, &value) in open.sums.iter_mut().zip(&self.row) {
                    *sum += value * weight;
                }
            }
        }
        while self.open.front().is_some_and(|open| open.first + open.weights.len() == y + 1) {
            if let Some(open) = self.open.pop_front() {
                self.finish_row(&open.sums);
            }
        }
    }

    /// Resizes a row of the result to its columns.
    fn finish_row(&mut self, sums: &[f32]) {
        let channels = self.channels;
        let byte = |value: f32| value.clamp(0.0, 255.0).round() as u8;
        for (first, weights) in &self.column_weights {
            let mut pixel = [0.0; 4];
            for (from, &weight) in sums[first * channels..].chunks_exact(channels).zip(weights) {
                for (sum, &value) in pixel.iter_mut().zip(from) {
                    *sum += value * weight;
                }
            }
            if channels == 4 && pixel[3] > 0.0 {
                let alpha = pixel[3];
                pixel[..3].iter_mut().for_each(|value| *value *= 255.0 / alpha);
            }
            self.result.extend(pixel[..channels].iter().map(|&value| byte(value)));
        }
    }

    /// Returns the picture. All rows must have come.
    pub fn finish(self) -> Vec<u8> {
        self.result
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{ImageBuffer, Luma, Pixel, Rgb, imageops};

    fn noise<P: Pixel<Subpixel = u8>>([h, w]: [u32; 2]) -> ImageBuffer<P, Vec<u8>> {
        let mut state = h * 31 + w;
        ImageBuffer::from_fn(w, h, |_, _| {
            let mut values = [0; 4];
            values.iter_mut().for_each(|value| {
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                *value = (state >> 24) as u8;
            });
            *P::from_slice(&values[..P::CHANNEL_COUNT.into()])
        })
    }

    fn resized<P: Pixel<Subpixel = u8> + 'static>(picture: &ImageBuffer<P, Vec<u8>>, to: [u32; 2], cut: [u32; 4]) {
        let [y, x, h, w] = cut;
        let axis = |start: u32, len: u32, to: u32| Axis {
            start: start as usize,
            len: len as usize,
            offset: 0.0,
            part: len as f32,
            to: to as usize,
        };
        let channels = usize::from(P::CHANNEL_COUNT);
        let mut resizer = Resizer::new(axis(y, h, to[0]), axis(x, w, to[1]), channels);
        picture.as_raw().chunks(picture.width() as usize * channels).for_each(|row| resizer.push(row));
        let part = imageops::crop_imm(picture, x, y, w, h);
        let expected = imageops::resize(&*part, to[1], to[0], imageops::FilterType::CatmullRom);
        assert!(resizer.finish() == expected.into_raw(), "{cut:?} to {to:?}");
    }

    #[test]
    fn rows_make_the_same_bits_as_a_whole_picture() {
        let colours = noise::<Rgb<u8>>([97, 61]);
        let grey = noise::<Luma<u8>>([40, 200]);
        for to in [[97, 61], [32, 32], [1, 1], [96, 61], [200, 3], [5, 300], [97, 60], [300, 400]] {
            resized(&colours, to, [0, 0, 97, 61]);
            resized(&colours, to, [13, 2, 60, 50]);
            resized(&colours, to, [96, 60, 1, 1]);
            resized(&grey, to, [0, 70, 40, 41]);
        }
        resized(&colours, [60, 50], [13, 2, 60, 50]);
    }

    #[test]
    fn colours_count_by_their_alpha() {
        let axis = Axis { start: 0, len: 2, offset: 0.0, part: 2.0, to: 1 };
        let mut resizer = Resizer::new(Axis { len: 1, part: 1.0, ..axis }, axis, 4);
        resizer.push(&[200, 100, 0, 255, 0, 255, 255, 0]);
        assert_eq!(resizer.finish(), [200, 100, 0, 128]);
    }
}
