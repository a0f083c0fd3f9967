//! Normalizations that use the same moving averages, as those of a layer that is called more than once.

/// One of several normalizations that use the same moving averages.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct NormCall {
    /// Its number among them.
    pub number: usize,
    /// What its statistics are multiplied by. The averages move towards the sum of all.
    pub share: f64,
}

impl NormCall {
    /// Call `number` of `count` of averages with this `momentum`. If each moved them in turn, they would keep `momentum^count`
    /// and take over `(1 - momentum) momentum^(count - 1 - number)` of its statistics.
    pub fn new(number: usize, count: usize, momentum: f64) -> Self {
        let behind = (0..count).map(|place| momentum.powf((count - 1 - place) as f64));
        let all: f64 = behind.clone().sum();
        Self { number, share: behind.clone().nth(number).unwrap_or(0.0) / all.max(f64::MIN_POSITIVE) }
    }
}
