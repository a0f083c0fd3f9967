//! `shapes`: a generated ten-class set in CIFAR-10's format, for machines without CIFAR-10.
//!
//! Every image is a pure function of its split and index. Only IEEE-exact arithmetic
//! (`+ - * /`, square root, floor) is used, never sines or the like, whose last bits differ
//! between platforms, so the set is the same bytes everywhere.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

use super::{Dataset, Split};

/// Training images of the set as the command line offers it.
pub const TRAIN_IMAGES: usize = 20_000;
/// Test images of the set as the command line offers it.
pub const TEST_IMAGES: usize = 2_000;
/// The ten classes, in label order.
pub const CLASS_NAMES: [&str; 10] = [
    "circle",
    "square",
    "triangle",
    "cross",
    "ring",
    "horizontal stripes",
    "vertical stripes",
    "diagonal stripes",
    "checkerboard",
    "dots",
];

const SIDE: usize = 32;
const KEY: [u8; 32] = *b"wgrad shapes, the first version ";
/// Test images draw from streams that no training index reaches.
const TEST_STREAM: u64 = 1 << 63;

/// Generates `train` and `test` images of `[32, 32, 3]`; image `i` has label `i % 10`, so any
/// prefix is balanced, and does not depend on how many others there are.
pub fn generate(train: usize, test: usize) -> Dataset {
    Dataset::new("shapes", "generated", CLASS_NAMES, split(train, 0), split(test, TEST_STREAM))
}

fn split(len: usize, first_stream: u64) -> Split {
    let mut pixels = vec![0; len * SIDE * SIDE * 3];
    for (i, image) in pixels.chunks_exact_mut(SIDE * SIDE * 3).enumerate() {
        draw(image, i % CLASS_NAMES.len(), first_stream + i as u64);
    }
    let labels = (0..len).map(|i| (i % CLASS_NAMES.len()) as u16).collect();
    Split::new([SIDE, SIDE, 3], pixels, labels)
}

/// Draws one `[32, 32, 3]` image: a figure of one colour on another, lit unevenly, with noise.
fn draw(image: &mut [u8], class: usize, stream: u64) {
    let mut dice = Dice::new(stream);
    let figure = Figure::random(class, &mut dice);
    let (ink, paper) = dice.colours();
    let light = [dice.between(-25.0, 25.0), dice.between(-25.0, 25.0)];
    let noise = dice.between(4.0, 22.0);
    for (i, pixel) in image.chunks_exact_mut(3).enumerate() {
        let x = (i % SIDE) as f32 - (SIDE as f32 - 1.0) / 2.0;
        let y = (i / SIDE) as f32 - (SIDE as f32 - 1.0) / 2.0;
        let cover = (0.5 - figure.distance(x, y)).clamp(0.0, 1.0);
        let lit = (light[0] * x + light[1] * y) / (SIDE as f32 / 2.0);
        let grain = dice.0.next_u32().to_le_bytes();
        for (channel, value) in pixel.iter_mut().enumerate() {
            let colour = paper[channel] + cover * (ink[channel] - paper[channel]);
            let speck = noise * (f32::from(grain[channel]) / 127.5 - 1.0);
            *value = (colour + lit + speck).clamp(0.0, 255.0) as u8;
        }
    }
}

/// A placed figure; lengths are in pixels, from the image's centre.
struct Figure {
    class: usize,
    centre: [f32; 2],
    /// Cosine and sine of its rotation.
    turn: [f32; 2],
    /// Radius of a single figure, period of a pattern.
    size: f32,
}

impl Figure {
    fn random(class: usize, dice: &mut Dice) -> Self {
        let size = dice.between(8.0, 12.5);
        // A single figure stays within the image; a pattern starts anywhere in its period.
        let shift = if class < 5 { SIDE as f32 / 2.0 - size } else { size };
        let centre = [dice.between(-shift, shift), dice.between(-shift, shift)];
        // Direction tells the kinds of stripes apart, and a small square that is turned looks like a circle.
        let tilt = dice.between(-0.25, 0.25);
        let turn = match class {
            2..=4 => dice.direction(),
            7 if dice.0.next_u32() & 1 == 0 => unit([1.0 - tilt, 1.0 + tilt]),
            7 => unit([1.0 - tilt, -1.0 - tilt]),
            _ => unit([1.0, tilt]),
        };
        Self { class, centre, turn, size }
    }

    /// Signed distance from the figure's edge, negative inside.
    fn distance(&self, x: f32, y: f32) -> f32 {
        let (dx, dy) = (x - self.centre[0], y - self.centre[1]);
        let u = self.turn[0] * dx + self.turn[1] * dy;
        let v = self.turn[0] * dy - self.turn[1] * dx;
        let size = self.size;
        let bar = |a: f32, b: f32| (a.abs() - size).max(b.abs() - 0.3 * size);
        match self.class {
            0 => (u * u + v * v).sqrt() - size,
            1 => u.abs().max(v.abs()) - 0.8 * size,
            // cos 30° = 0.866: three half-planes at 120°.
            2 => (0.866 * u.abs() + 0.5 * v).max(-v) - 0.6 * size,
            3 => bar(u, v).min(bar(v, u)),
            4 => ((u * u + v * v).sqrt() - 0.8 * size).abs() - 0.2 * size,
            5 => size * wave(v / size),
            6 | 7 => size * wave(u / size),
            8 => {
                let (a, b) = (wave(u / size), wave(v / size));
                size * a.min(b).max(-a.max(b))
            }
            _ => {
                let (a, b) = (cell(u / size), cell(v / size));
                size * ((a * a + b * b).sqrt() - 0.3)
            }
        }
    }
}

/// Position within a cell of length 1, from its middle: `[-0.5, 0.5)`.
fn cell(t: f32) -> f32 {
    t - t.floor() - 0.5
}

/// Triangle wave of period 1 in `[-0.25, 0.25]`: the distance from stripes half a period wide.
fn wave(t: f32) -> f32 {
    cell(t).abs() - 0.25
}

fn unit(v: [f32; 2]) -> [f32; 2] {
    let length = (v[0] * v[0] + v[1] * v[1]).sqrt();
    [v[0] / length, v[1] / length]
}

/// The random choices of one image.
struct Dice(ChaCha8Rng);

impl Dice {
    fn new(stream: u64) -> Self {
        let mut rng = ChaCha8Rng::from_seed(KEY);
        rng.set_stream(stream);
        Self(rng)
    }

    fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * ((self.0.next_u32() >> 8) as f32 / (1 << 24) as f32)
    }

    fn direction(&mut self) -> [f32; 2] {
        loop {
            let v = [self.between(-1.0, 1.0), self.between(-1.0, 1.0)];
            let square = v[0] * v[0] + v[1] * v[1];
            if (0.01..=1.0).contains(&square) {
                return unit(v);
            }
        }
    }

    /// Two colours that differ enough to be seen through the noise. The ink tends to be the lighter one, so that a linear
    /// model can learn something.
    fn colours(&mut self) -> ([f32; 3], [f32; 3]) {
        loop {
            let ink = [(); 3].map(|()| self.between(50.0, 245.0));
            let paper = [(); 3].map(|()| self.between(10.0, 205.0));
            let contrast: f32 = ink.iter().zip(&paper).map(|(a, b)| (a - b).abs()).sum();
            if contrast > 150.0 {
                return (ink, paper);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_set_is_pinned() {
        let set = generate(200, 100);
        assert_eq!(set.checksum.get(), "e954b6888345d45dedbb676410ce0bad955eaa6edbbca4c1bd5208d3135e5213");
        assert_eq!((set.train.len(), set.test.len()), (200, 100));
    }

    #[test]
    fn images_do_not_depend_on_the_size_of_the_set() {
        let (few, many) = (generate(10, 10), generate(30, 20));
        assert_eq!(many.train.take(10), *few.train);
        assert_eq!(many.test.take(10), *few.test);
        assert_ne!(few.train.image(0), few.test.image(0));
    }

    #[test]
    fn any_prefix_is_balanced() {
        let set = generate(70, 10);
        for split in [&set.train, &set.test] {
            for (tens, labels) in split.labels().chunks(10).enumerate() {
                assert!(labels.iter().copied().eq(0..10), "images from {tens}0");
            }
        }
    }

    /// Accuracy of `weights` `[10, pixels + 1]`, the last of each row being the bias.
    fn accuracy(weights: &[Vec<f32>], split: &Split) -> f32 {
        let right = (0..split.len()).filter(|&i| {
            let scores = scores(weights, &input(split, i));
            let best = (0..10).max_by(|&a, &b| scores[a].total_cmp(&scores[b]));
            best == Some(split.labels()[i].into())
        });
        right.count() as f32 / split.len() as f32
    }

    fn input(split: &Split, i: usize) -> Vec<f32> {
        let image = split.image(i).unwrap();
        image.iter().map(|&p| f32::from(p) / 255.0 - 0.5).collect()
    }

    fn scores(weights: &[Vec<f32>], input: &[f32]) -> Vec<f32> {
        let score = |row: &Vec<f32>| row.iter().zip(input).map(|(w, x)| w * x).sum::<f32>();
        weights.iter().map(|row| score(row) + row[input.len()]).collect()
    }

    #[test]
    fn a_linear_model_learns_something_but_not_the_classes() {
        let set = generate(3000, 1000);
        let mut weights = vec![vec![0.0_f32; SIDE * SIDE * 3 + 1]; 10];
        for step in 0..5 * 3000 {
            let i = step % 3000;
            let input = input(&set.train, i);
            let mut errors = scores(&weights, &input);
            let highest = errors.iter().copied().fold(f32::MIN, f32::max);
            errors.iter_mut().for_each(|e| *e = (*e - highest).exp());
            let sum: f32 = errors.iter().sum();
            errors.iter_mut().for_each(|e| *e /= sum);
            errors[usize::from(set.train.labels()[i])] -= 1.0;
            for (row, error) in weights.iter_mut().zip(errors) {
                let rate = 0.001 * error;
                row.iter_mut().zip(&input).for_each(|(w, x)| *w -= rate * x);
                row[input.len()] -= rate;
            }
        }
        let accuracy = accuracy(&weights, &set.test);
        assert!((0.13..0.60).contains(&accuracy), "{accuracy}");
    }
}
