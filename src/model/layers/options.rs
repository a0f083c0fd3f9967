//! Options as model files write them.

use serde::{Deserialize, Deserializer};

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

pub fn ones() -> [usize; 2] {
    [1, 1]
}
