//! Initial values of variables.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Standard deviation of a normal distribution that is cut off at two standard deviations, as a share of that of the whole
/// distribution.
const TRUNCATED_DEVIATION: f64 = 0.879_625_661_034_239_8;

/// How a variable gets its first values. The names are Keras's.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Initializer {
    /// Uniform between `±sqrt(6 / (fan_in + fan_out))` (Glorot & Bengio 2010), Keras's default for kernels.
    GlorotUniform,
    /// Normal with the variance `2 / fan_in`, cut off at two standard deviations (He et al. 2015).
    HeNormal,
    /// 0.
    Zeros,
    /// 1.
    Ones,
    /// One number.
    Constant(f32),
}

impl Initializer {
    /// Whether the values are drawn at random.
    pub fn draws(self) -> bool {
        matches!(self, Self::GlorotUniform | Self::HeNormal)
    }

    /// Values of a variable of `shape`. Drawn ones depend only on `seed`, on `ordinal`, which counts the drawn variables of
    /// a network, and on the shape. ChaCha8 gives the same numbers on every machine.
    pub fn values(self, shape: &[usize], seed: u64, ordinal: u64) -> Vec<f32> {
        let len = shape.iter().product();
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        // Streams are counted down from the last one, because the orders of the epochs use the first ones.
        random.set_stream(u64::MAX - ordinal);
        let mut unit = || f64::from(random.next_u32() >> 8) / f64::from(1_u32 << 24);
        let [fan_in, fan_out] = fans(shape);
        match self {
            Self::GlorotUniform => {
                let limit = (6.0 / (fan_in + fan_out)).sqrt();
                (0..len).map(|_| ((2.0 * unit() - 1.0) * limit) as f32).collect()
            }
            Self::HeNormal => {
                let deviation = (2.0 / fan_in).sqrt() / TRUNCATED_DEVIATION;
                (0..len).map(|_| (truncated_normal(&mut unit) * deviation) as f32).collect()
            }
            Self::Zeros => vec![0.0; len],
            Self::Ones => vec![1.0; len],
            Self::Constant(value) => vec![value; len],
        }
    }
}

/// Connections into and out of a unit, as Keras counts them: a kernel `[.., inputs, outputs]` has as many as its window
/// has cells, times its inputs or its outputs.
fn fans(shape: &[usize]) -> [f64; 2] {
    match shape {
        [] => [1.0; 2],
        [len] => [*len as f64; 2],
        [field @ .., inputs, outputs] => {
            let field: usize = field.iter().product();
            [(field * inputs) as f64, (field * outputs) as f64]
        }
    }
}

/// A number of the standard normal distribution (Box & Muller 1958); those past ±2 are drawn again.
fn truncated_normal(unit: &mut impl FnMut() -> f64) -> f64 {
    loop {
        // Of (0, 1], since 0 has no logarithm.
        let radius = (-2.0 * (1.0 - unit()).ln()).sqrt();
        let normal = radius * (std::f64::consts::TAU * unit()).cos();
        if normal.abs() <= 2.0 {
            return normal;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uniform_values_stay_in_their_range_and_repeat() {
        let limit = (6.0_f32 / (9.0 * (3.0 + 32.0))).sqrt();
        let draw = |seed, ordinal| Initializer::GlorotUniform.values(&[3, 3, 3, 32], seed, ordinal);
        let weights = draw(7, 0);
        assert_eq!(weights.len(), 864);
        assert!(weights.iter().all(|w| w.abs() <= limit));
        let largest = weights.iter().fold(0.0_f32, |a, w| a.max(w.abs()));
        let mean = weights.iter().sum::<f32>() / 864.0;
        assert!(largest > 0.95 * limit && mean.abs() < 0.1 * limit, "largest {largest}, mean {mean}");
        assert_eq!(weights, draw(7, 0));
        assert_ne!(weights, draw(7, 1));
        assert_ne!(weights, draw(8, 0));
    }

    #[test]
    fn normal_values_have_the_variance_of_he() {
        let weights = Initializer::HeNormal.values(&[3, 3, 64, 64], 1, 0);
        let count = weights.len() as f64;
        let mean = weights.iter().map(|w| f64::from(*w)).sum::<f64>() / count;
        let variance = weights.iter().map(|w| (f64::from(*w) - mean).powi(2)).sum::<f64>() / count;
        let expected = 2.0 / (9.0 * 64.0);
        // 36,864 draws: the variance is within 3 % of its expectation but for one seed in thousands.
        assert!((variance / expected - 1.0).abs() < 0.03 && mean.abs() < 0.02 * expected.sqrt(), "{mean}, {variance}");
        let largest = weights.iter().fold(0.0_f32, |a, w| a.max(w.abs()));
        assert!(f64::from(largest) <= 2.0 * expected.sqrt() / TRUNCATED_DEVIATION * 1.000_001);
        assert_eq!(weights, Initializer::HeNormal.values(&[3, 3, 64, 64], 1, 0));
        assert_ne!(weights, Initializer::HeNormal.values(&[3, 3, 64, 64], 1, 1));
    }

    #[test]
    fn some_values_are_not_drawn() {
        for (initializer, value) in
            [(Initializer::Zeros, 0.0), (Initializer::Ones, 1.0), (Initializer::Constant(0.25), 0.25)]
        {
            assert_eq!(initializer.values(&[2, 3], 1, 2), [value; 6]);
            assert!(!initializer.draws());
        }
        assert!(Initializer::GlorotUniform.draws() && Initializer::HeNormal.draws());
    }

    #[test]
    fn fans_are_those_of_keras() {
        assert_eq!(fans(&[3, 5, 4, 8]), [60.0, 120.0]);
        assert_eq!(fans(&[7, 2]), [7.0, 2.0]);
        assert_eq!(fans(&[6]), [6.0, 6.0]);
    }
}
