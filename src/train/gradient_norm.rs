//! The norm of the gradient.

use serde::{Deserialize, Serialize};

/// Updates of an epoch whose gradients are measured: reading the norm waits for the device, which falls idle meanwhile.
const SAMPLES: usize = 8;

/// L2 norm of the gradient of the loss by all trainable parameters together, for some minibatches of an epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct GradientNorm {
    sum_of_squares: f64,
    samples: usize,
}

impl GradientNorm {
    /// Whether the gradient of `step`, counted from 1, of an epoch of `steps` is one of the samples: eight in even
    /// distances, the last step among them; all of them where there are no more.
    pub fn samples(step: usize, steps: usize) -> bool {
        step * SAMPLES / steps > (step - 1) * SAMPLES / steps
    }

    /// Counts the norm of a minibatch's gradient in.
    pub fn add(&mut self, norm: f64) {
        self.sum_of_squares += norm * norm;
        self.samples += 1;
    }

    /// The root mean square over the minibatches; 0 if there are none.
    pub fn root_mean_square(&self) -> f64 {
        (self.sum_of_squares / self.samples.max(1) as f64).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_steps_are_taken_in_even_distances() {
        let taken =
            |steps: usize| -> Vec<usize> { (1..=steps).filter(|step| GradientNorm::samples(*step, steps)).collect() };
        assert_eq!(taken(1563), [196, 391, 587, 782, 977, 1173, 1368, 1563]);
        assert_eq!(taken(16), [2, 4, 6, 8, 10, 12, 14, 16]);
        assert_eq!(taken(3), [1, 2, 3]);
    }

    #[test]
    fn the_norms_are_averaged_as_squares() {
        let mut norm = GradientNorm::default();
        assert_eq!(norm.root_mean_square(), 0.0);
        norm.add(5.0);
        assert_eq!(norm.root_mean_square(), 5.0);
        norm.add(1.0);
        assert_eq!(norm.root_mean_square(), 13.0_f64.sqrt());
    }
}
