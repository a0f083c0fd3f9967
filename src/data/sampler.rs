//! The order in which an epoch visits its images.

use rand_chacha::{
    ChaCha8Rng,
    rand_core::{Rng, SeedableRng},
};

/// Shuffles `len` images anew for each epoch, the same way whenever the seed is the same.
#[derive(Debug, Clone)]
pub struct Sampler {
    len: u32,
    key: [u8; 32],
}

impl Sampler {
    /// Samples `0..len`; a length above `u32::MAX` is cut to it.
    pub fn new(len: usize, seed: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        Self { len: u32::try_from(len).unwrap_or(u32::MAX), key }
    }

    /// The order of `epoch`: a permutation of `0..len`. It depends only on the seed and the epoch, so that a run can be
    /// resumed at any epoch.
    pub fn permutation(&self, epoch: u64) -> Vec<u32> {
        let mut rng = ChaCha8Rng::from_seed(self.key);
        rng.set_stream(epoch);
        let mut order: Vec<u32> = (0..self.len).collect();
        // Not the shuffle of `rand`: a release may change what it returns, but a run must be resumed in the same order.
        // Scaling 64 bits by at most 2^32 leaves a bias below 2^-32.
        for i in (1..order.len()).rev() {
            let j = (u128::from(rng.next_u64()) * (i as u128 + 1)) >> 64;
            order.swap(i, j as usize);
        }
        order
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_is_another_permutation() {
        let sampler = Sampler::new(1000, 7);
        let orders: Vec<_> = (0..4).map(|epoch| sampler.permutation(epoch)).collect();
        for (epoch, order) in orders.iter().enumerate() {
            let mut sorted = order.clone();
            sorted.sort_unstable();
            assert!(sorted.iter().copied().eq(0..1000));
            assert!(orders[..epoch].iter().all(|earlier| earlier != order));
        }
    }

    #[test]
    fn order_depends_on_seed_and_epoch_alone() {
        let order = Sampler::new(50, 1).permutation(9);
        assert_eq!(order, Sampler::new(50, 1).permutation(9));
        assert_ne!(order, Sampler::new(50, 2).permutation(9));
    }

    #[test]
    fn first_values_are_pinned() {
        assert_eq!(Sampler::new(50_000, 42).permutation(3)[..4], [36386, 24773, 1643, 15362]);
    }

    #[test]
    fn nothing_and_one_are_fine() {
        assert!(Sampler::new(0, 0).permutation(0).is_empty());
        assert_eq!(Sampler::new(1, 0).permutation(0), [0]);
    }
}
