//! Options as model files write them.

use serde::{Deserialize, Deserializer, Serialize};

use crate::model::error::LayerError;
use crate::ops::Affine;

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a whole number, or two of them as [y, x]")]
enum OneOrTwo {
    One(usize),
    Two([usize; 2]),
}

pub fn pair<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[usize; 2], D::Error> {
    Ok(match OneOrTwo::deserialize(deserializer)? {
        OneOrTwo::One(size) => [size; 2],
        OneOrTwo::Two(sizes) => sizes,
    })
}

pub fn some_pair<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<[usize; 2]>, D::Error> {
    pair(deserializer).map(Some)
}

#[derive(Deserialize)]
#[serde(untagged, expecting = "expected a whole number, [y, x] or [[top, bottom], [left, right]]")]
enum Sides {
    One(usize),
    Two([usize; 2]),
    Four([[usize; 2]; 2]),
}

/// `[[before, after]; 2]` of the sides of y and x.
pub fn sides<'de, D: Deserializer<'de>>(deserializer: D) -> Result<[[usize; 2]; 2], D::Error> {
    Ok(match Sides::deserialize(deserializer)? {
        Sides::One(size) => [[size; 2]; 2],
        Sides::Two(sizes) => sizes.map(|size| [size; 2]),
        Sides::Four(sizes) => sizes,
    })
}

pub fn ones() -> [usize; 2] {
    [1, 1]
}

pub fn one() -> usize {
    1
}

pub fn are_ones(sizes: &[usize; 2]) -> bool {
    *sizes == ones()
}

pub fn is_one(size: &usize) -> bool {
    *size == one()
}

pub fn yes() -> bool {
    true
}

/// One number for all channels, or a list of one for each.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(untagged, expecting = "expected a number, or a list of one for each channel")]
pub enum PerChannel {
    /// The same for all channels.
    One(f64),
    /// One for each.
    Each(Vec<f64>),
}

impl Default for PerChannel {
    fn default() -> Self {
        Self::One(0.0)
    }
}

impl PerChannel {
    /// The numbers of all channels.
    pub(super) fn of(&self, channels: usize) -> Vec<f64> {
        match self {
            Self::One(number) => vec![*number; channels],
            Self::Each(numbers) => numbers.clone(),
        }
    }

    /// Makes sure that the numbers of `option` are as many as channels, not more than can differ, finite as float32, and
    /// `good`, which `allowed` says in words.
    pub(super) fn check(
        &self,
        option: &'static str,
        channels: usize,
        (allowed, good): (&'static str, impl Fn(f64) -> bool),
    ) -> Result<(), LayerError> {
        let numbers = match self {
            Self::One(number) => std::slice::from_ref(number),
            Self::Each(numbers) if numbers.len() != channels => {
                return Err(LayerError::Channels { option, numbers: numbers.len() });
            }
            Self::Each(numbers) if numbers.len() > Affine::MOST_CHANNELS => {
                return Err(LayerError::LongList { option, most: Affine::MOST_CHANNELS });
            }
            Self::Each(numbers) => numbers,
        };
        match numbers.iter().find(|number| !(**number as f32).is_finite() || !good(**number)) {
            Some(number) => Err(LayerError::Number { option, number: *number, allowed }),
            None => Ok(()),
        }
    }
}
