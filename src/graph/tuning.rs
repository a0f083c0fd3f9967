//! Measured choices of how to compute each matrix product.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::kernel::{MicroKernel, Storage};

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
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Direct, Self::Winograd];

    fn is_direct(&self) -> bool {
        *self == Self::Direct
    }
}

/// Most parts of a reduction that a rule chooses for a GPU.
const MOST_PARTS_ON_A_GPU: usize = 32;

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
    /// Parts of the reduction with which `kernel` keeps an adapter busy that wants so many workgroups. On a GPU they are not
    /// more than the update adds up in four rounds of loads.
    pub fn parts_for(&self, kernel: MicroKernel, busy_workgroups: usize) -> usize {
        let [m, n, _] = self.sizes;
        let most = if kernel.storage() == Storage::Buffers { MOST_PARTS_ON_A_GPU } else { usize::MAX };
        if self.splits { busy_workgroups.div_ceil(kernel.tiles([m, n])).min(most) } else { 1 }
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

    /// The choice for the same product over another number of images, for one that has none: over the nearest number by
    /// ratio, and the smaller one of two that are as near. Its micro-kernel and its algorithm carry over.
    pub fn carried_over(&self, key: &str) -> Option<ProductChoice> {
        let (images, product) = without_images(key)?;
        let others = self.iter().filter_map(|(other, choice)| {
            let (others, other) = without_images(other)?;
            let ratio = (others.max(images) as f64) / (others.min(images).max(1) as f64);
            (other == product).then_some((ratio, others, choice))
        });
        let nearest = others.min_by(|a, b| a.0.total_cmp(&b.0).then(a.1.cmp(&b.1)));
        nearest.map(|(_, _, choice)| choice)
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

/// The number of images in the key of a product, as in `forward of 32 x 28 x 28 x 16 by ...`, and what stands around it.
fn without_images(key: &str) -> Option<(usize, [&str; 2])> {
    let (direction, sizes) = key.split_once(" of ")?;
    let (images, rest) = sizes.split_once(" x ")?;
    Some((images.parse().ok()?, [direction, rest]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_carry_over_to_the_nearest_number_of_images() {
        let mut tuning = Tuning::default();
        let key = |images: usize| format!("dw of {images} x 8 x 8 x 4 by 3 x 3 to 16, stride 1 x 1");
        for (images, kernel) in [(8, MicroKernel::Direct), (32, MicroKernel::Tile), (500, MicroKernel::Tile64x32)] {
            tuning.insert(key(images), ProductChoice::of(kernel, 3));
        }
        for (images, kernel) in [
            (1, MicroKernel::Direct),
            (15, MicroKernel::Direct),
            // As near to 8 as to 32.
            (16, MicroKernel::Direct),
            (17, MicroKernel::Tile),
            (100, MicroKernel::Tile),
            (200, MicroKernel::Tile64x32),
            (100_000, MicroKernel::Tile64x32),
        ] {
            assert_eq!(tuning.carried_over(&key(images)), Some(ProductChoice::of(kernel, 3)), "{images}");
        }
        for other in [
            "dx of 8 x 8 x 8 x 4 by 3 x 3 to 16, stride 1 x 1",
            "dw of 8 x 8 x 8 x 4 by 3 x 3 to 17, stride 1 x 1",
            "dw",
        ] {
            assert_eq!(tuning.carried_over(other), None);
        }
    }
}
