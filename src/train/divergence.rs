//! Where a loss that is not finite comes from.

use std::fmt;

use crate::exec::{ExecError, Executor};
use crate::model::NamedTensor;

/// What the weights and the gradients of the last training step show.
#[derive(Clone, Debug, PartialEq)]
pub struct Divergence {
    /// The first value that is NaN or infinite, in the weights or else in their gradients; none if all are finite.
    pub not_finite: Option<Extreme>,
    /// The finite value of the gradients with the largest magnitude; none if no value is finite.
    pub largest_gradient: Option<Extreme>,
}

/// A value of a tensor.
#[derive(Clone, Debug, PartialEq)]
pub struct Extreme {
    /// The tensor: `dense/kernel`, or `gradient of dense/kernel`.
    pub tensor: String,
    /// The value.
    pub value: f32,
}

impl Divergence {
    /// Looks for such values in the network of `executor`. Steps that were submitted after the one whose loss is not
    /// finite have changed the weights too.
    ///
    /// # Errors
    /// What the device reports.
    pub fn of(executor: &mut Executor) -> Result<Self, ExecError> {
        let gpu = executor.gpu().clone();
        let weights = gpu.block_on(executor.parameters())?;
        let gradients = gpu.block_on(executor.gradients())?;
        Ok(Self::among(&weights, &gradients))
    }

    fn among(weights: &[NamedTensor], gradients: &[NamedTensor]) -> Self {
        let first = |tensors: &[NamedTensor], prefix: &str| {
            tensors.iter().find_map(|tensor| {
                let value = tensor.values.iter().copied().find(|value| !value.is_finite())?;
                Some(Extreme { tensor: format!("{prefix}{}", tensor.name), value })
            })
        };
        let not_finite = first(weights, "").or_else(|| first(gradients, "gradient of "));
        let finite = |tensor: &NamedTensor| {
            let largest = tensor.values.iter().copied().filter(|value| value.is_finite());
            largest.max_by(|a, b| a.abs().total_cmp(&b.abs()))
        };
        let largest_gradient = (gradients.iter())
            .filter_map(|tensor| Some(Extreme { tensor: tensor.name.clone(), value: finite(tensor)? }))
            .max_by(|a, b| a.value.abs().total_cmp(&b.value.abs()));
        Self { not_finite, largest_gradient }
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.not_finite {
            Some(Extreme { tensor, value }) => write!(f, "{tensor} has a {value}")?,
            None => f.write_str("weights and gradients are finite")?,
        }
        if let Some(Extreme { tensor, value }) = &self.largest_gradient {
            write!(f, ", and the largest finite gradient is {value:e} in {tensor}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tensors(values: [[f32; 3]; 2]) -> Vec<NamedTensor> {
        let tensor = |(name, values): (&str, [f32; 3])| NamedTensor {
            name: name.into(),
            shape: vec![3],
            values: values.to_vec(),
        };
        ["conv2d/kernel", "dense/bias"].into_iter().zip(values).map(tensor).collect()
    }

    #[test]
    fn the_first_value_that_is_not_finite_is_named_and_the_largest_gradient() {
        let fine = tensors([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]);
        let (nan, infinite) = (f32::NAN, f32::NEG_INFINITY);
        for (weights, gradients, expected) in [
            (&fine, &fine, "weights and gradients are finite, and the largest finite gradient is 6e0 in dense/bias"),
            (
                &tensors([[1.0, 2.0, 3.0], [4.0, infinite, nan]]),
                &tensors([[nan, -7.0, 2.0], [1.0, 2.0, 3.0]]),
                "dense/bias has a -inf, and the largest finite gradient is -7e0 in conv2d/kernel",
            ),
            (
                &fine,
                &tensors([[1.0, 2.0, 3.0], [4.0, nan, 6.0]]),
                "gradient of dense/bias has a NaN, and the largest finite gradient is 6e0 in dense/bias",
            ),
            (&fine, &tensors([[nan; 3]; 2]), "gradient of conv2d/kernel has a NaN"),
        ] {
            assert_eq!(Divergence::among(weights, gradients).to_string(), expected);
        }
    }
}
