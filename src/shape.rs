//! Sizes of a tensor, outermost first.

use std::fmt;

/// Sizes of a tensor, outermost first: activations are `[n, h, w, c]` or `[n, features]`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Shape(Vec<usize>);

impl Shape {
    /// Number of elements.
    pub fn elements(&self) -> usize {
        product(self.0.iter())
    }

    /// Number of elements in memory, where the innermost size is rounded up to a multiple of four, the length of a vec4.
    /// The added elements are zero.
    pub fn padded_elements(&self) -> usize {
        self.rows().saturating_mul(self.padded_columns())
    }

    /// Product of all sizes but the innermost.
    pub fn rows(&self) -> usize {
        product(self.0.iter().rev().skip(1))
    }

    /// The innermost size.
    pub fn columns(&self) -> usize {
        self.0.last().copied().unwrap_or(1)
    }

    /// The innermost size, rounded up to a multiple of four.
    pub fn padded_columns(&self) -> usize {
        self.columns().checked_next_multiple_of(4).unwrap_or(usize::MAX)
    }

    /// The sizes.
    pub fn dims(&self) -> &[usize] {
        &self.0
    }
}

/// Products that would overflow are the largest number, which fits no device.
fn product<'a>(sizes: impl Iterator<Item = &'a usize>) -> usize {
    sizes.fold(1_usize, |product, size| product.saturating_mul(*size))
}

impl<const N: usize> From<[usize; N]> for Shape {
    fn from(dims: [usize; N]) -> Self {
        Self(dims.to_vec())
    }
}

impl From<Vec<usize>> for Shape {
    fn from(dims: Vec<usize>) -> Self {
        Self(dims)
    }
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.0)
    }
}
