//! Measured choices of how to compute each matrix product.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::kernel::MicroKernel;

/// The algorithm of a convolution.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Algorithm {
    /// A matrix product of the windows and the kernel.
    #[default]
    Direct,
    /// Winograd's F(4 x 4, 3 x 3): a quarter of the multiplications, which are 36 matrix products of transformed tiles of
    /// the image and the transformed kernel. Only for kernels of 3 x 3 with a stride of 1.
    Winograd,
}

impl Algorithm {
    fn is_direct(&self) -> bool {
        *self == Self::Direct
    }
}

/// How to compute a matrix product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProductChoice {
    /// The loop.
    pub kernel: MicroKernel,
    /// Parts that the reduction is cut into.
    pub parts: usize,
    /// Of a convolution: by which algorithm.
    #[serde(default, skip_serializing_if = "Algorithm::is_direct")]
    pub algorithm: Algorithm,
}

impl ProductChoice {
    /// Those parts in that loop, computed directly.
    pub fn of(kernel: MicroKernel, parts: usize) -> Self {
        Self { kernel, parts, algorithm: Algorithm::Direct }
    }
}

/// A matrix product of a dispatch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Product {
    /// Operation, direction and sizes. Products with equal keys are computed in the same way.
    pub key: String,
    /// How it is computed.
    pub choice: ProductChoice,
    /// Whether its reduction may be cut into parts.
    pub splits: bool,
    /// Rows and columns of the result, and the length of the reduction.
    pub sizes: [usize; 3],
}

impl Product {
    /// Parts of the reduction with which `kernel` keeps an adapter busy that wants so many workgroups.
    pub fn parts_for(&self, kernel: MicroKernel, busy_workgroups: usize) -> usize {
        let [m, n, _] = self.sizes;
        if self.splits { busy_workgroups.div_ceil(kernel.tiles([m, n])) } else { 1 }
    }
}

/// Choices by the key of their product. A rule chooses for products that have none.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Tuning(BTreeMap<String, ProductChoice>);

impl Tuning {
    /// The choice for a product, if there is one.
    pub fn get(&self, key: &str) -> Option<ProductChoice> {
        self.0.get(key).copied()
    }

    /// Sets the choice for a product.
    pub fn insert(&mut self, key: String, choice: ProductChoice) {
        self.0.insert(key, choice);
    }

    /// Adds the choices of `other`, which replace those of the same key.
    pub fn extend(&mut self, other: Self) {
        self.0.extend(other.0);
    }

    /// Keys and choices, in order of the keys.
    pub fn iter(&self) -> impl Iterator<Item = (&str, ProductChoice)> {
        self.0.iter().map(|(key, choice)| (key.as_str(), *choice))
    }

    /// Whether there is no choice, so that the rule decides everything.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}
