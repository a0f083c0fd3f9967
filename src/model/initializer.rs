//! Initial weights.

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// Draws a kernel uniformly from `±sqrt(6 / (fan_in + fan_out))`, which is Keras's default (Glorot & Bengio 2010). The
/// numbers depend only on `seed`, on the parameter's `place` in the network, and on the kernel's shape (HWIO or (in, out)).
/// ChaCha8 gives the same numbers on every machine.
pub fn glorot_uniform(seed: u64, place: u64, kernel_shape: &[usize]) -> Vec<f32> {
    let [.., channels_in, channels_out] = kernel_shape else { return Vec::new() };
    let field: usize = kernel_shape[..kernel_shape.len() - 2].iter().product();
    let limit = (6.0 / ((channels_in + channels_out) * field) as f64).sqrt();
    let mut random = ChaCha8Rng::seed_from_u64(seed);
    // Streams are counted down from the last one, because the orders of the epochs use the first ones.
    random.set_stream(u64::MAX - place);
    (0..kernel_shape.iter().product())
        .map(|_| {
            let unit = f64::from(random.next_u32() >> 8) / f64::from(1_u32 << 24);
            ((2.0 * unit - 1.0) * limit) as f32
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_in_its_range_and_repeats() {
        let limit = (6.0_f32 / (9.0 * (3.0 + 32.0))).sqrt();
        let weights = glorot_uniform(7, 0, &[3, 3, 3, 32]);
        assert_eq!(weights.len(), 864);
        assert!(weights.iter().all(|w| w.abs() <= limit));
        let largest = weights.iter().fold(0.0_f32, |a, w| a.max(w.abs()));
        let mean = weights.iter().sum::<f32>() / 864.0;
        assert!(largest > 0.95 * limit && mean.abs() < 0.1 * limit, "largest {largest}, mean {mean}");
        assert_eq!(weights, glorot_uniform(7, 0, &[3, 3, 3, 32]));
        assert_ne!(weights, glorot_uniform(7, 1, &[3, 3, 3, 32]));
        assert_ne!(weights, glorot_uniform(8, 0, &[3, 3, 3, 32]));
    }
}
