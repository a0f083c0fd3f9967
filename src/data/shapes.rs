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
    Dataset::new(
        "shapes",
        "generated",
        &CLASS_NAMES,
        split(train, 0),
        split(test, TEST_STREAM),
    )
}

fn split(len: usize, first_stream: u64) -> Split {
    let mut pixels = vec![0; len * SIDE * SIDE * 3];
    for (i, image) in pixels.chunks_exact_mut(SIDE * SIDE * 3).enumerate() {
        draw(image, i % CLASS_NAMES.len(), first_stream + i as u64);
    }
    let labels = (0..len).map(|i| (i % CLASS_NAMES.len()) as u8).collect();
    Split::new([SIDE, SIDE, 3], pixels, labels)
}

/// Draws one `[32, 32, 3]` image: a figure of one colour on another, lit unevenly, with noise.
fn draw(image: &mut [u8], class: usize, stream: u64) {
    let mut dice = Dice::new(stream);
    let figure = Figure::random(class, &mut dice);
    let (ink, paper) = dice.colours();
    let light = [dice.between(-25.0, 25.0), dice.between(-25.0, 25.0)];
    let noise = dice.between(6.0, 26.0);
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
        let size = dice.between(7.0, 12.0);
        // A single figure stays within the image; a pattern starts anywhere in its period.
        let shift = if class < 5 {
            SIDE as f32 / 2.0 - size
        } else {
            size
        };
        let centre = [dice.between(-shift, shift), dice.between(-shift, shift)];
        // Stripes are told apart by direction, and a small turned square is a circle to any eye.
        let tilt = dice.between(-0.25, 0.25);
        let turn = match class {
            2..=4 => dice.direction(),
            7 if dice.0.next_u32() & 1 == 0 => unit([1.0 - tilt, 1.0 + tilt]),
            7 => unit([1.0 - tilt, -1.0 - tilt]),
            _ => unit([1.0, tilt]),
        };
        Self {
            class,
            centre,
            turn,
            size,
        }
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
            2 => (0.866 * u.abs() + 0.5 * v).max(-v) - 0.55 * size,
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

    /// Two colours that differ enough to be seen through the noise; ink tends to be the lighter,
    /// which leaves a linear model something to learn.
    fn colours(&mut self) -> ([f32; 3], [f32; 3]) {
        loop {
            let ink = [(); 3].map(|()| self.between(50.0, 245.0));
            let paper = [(); 3].map(|()| self.between(10.0, 205.0));
            let contrast: f32 = ink.iter().zip(&paper).map(|(a, b)| (a - b).abs()).sum();
            if contrast > 140.0 {
                return (ink, paper);
            }
        }
    }
}
