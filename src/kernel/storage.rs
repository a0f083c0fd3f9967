//! What tensors live in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// What tensors live in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Storage {
    /// Storage buffers.
    Buffers,
    /// Storage images with four floats in a texel. They are faster on llvmpipe, which loads a buffer lane by lane with a
    /// branch for each, but gathers eight texels without a branch.
    Images,
    /// Storage images with four floats of 16 bits in a texel.
    HalfImages,
}

impl Storage {
    /// Whether it is an image.
    pub fn is_image(self) -> bool {
        self != Self::Buffers
    }
}

/// How many bits a float has in memory. Shaders compute with 32 bits whatever memory holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Precision {
    /// 32 bits.
    #[default]
    F32,
    /// 16 bits: IEEE 754's binary16, with 11 significant bits and numbers up to 65,504.
    F16,
}

impl Precision {
    /// Bytes of a float.
    pub fn bytes(self) -> u64 {
        match self {
            Self::F32 => 4,
            Self::F16 => 2,
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::F32 => "f32",
            Self::F16 => "f16",
        })
    }
}

impl FromStr for Precision {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "f32" => Ok(Self::F32),
            "f16" => Ok(Self::F16),
            _ => Err("give f32 or f16".into()),
        }
    }
}
