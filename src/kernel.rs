//! A shader as data: its source, its constants and its grid.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// Most workgroups in one dimension of a dispatch (WebGPU's default limit).
pub const MAX_WORKGROUPS: u32 = 65_535;

/// How a dispatch uses a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads it.
    Read,
    /// Writes all of it.
    Write,
    /// Updates it in place.
    ReadWrite,
}

impl Access {
    /// Whether the elements change.
    pub fn writes(self) -> bool {
        matches!(self, Self::Write | Self::ReadWrite)
    }
}

/// A file below `shaders/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wgsl {
    /// Its path without the ending.
    pub path: &'static str,
    /// Its text.
    pub text: &'static str,
}

/// The file of a path below `shaders/`, without its ending.
macro_rules! wgsl {
    ($path:literal) => {
        $crate::kernel::Wgsl {
            path: $path,
            text: include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $path, ".wgsl")),
        }
    };
}
pub(crate) use wgsl;

/// A compute shader with everything needed to build its pipeline and dispatch it.
#[derive(Clone, Debug, PartialEq)]
pub struct Kernel {
    /// The files that make it what it is: `conv2d/forward, product/tile`.
    pub name: String,
    /// WGSL files that are appended to make the module.
    pub source: Vec<Wgsl>,
    /// Values of the `override` constants.
    pub constants: Vec<(&'static str, f64)>,
    /// Workgroups in x, y and z.
    pub grid: [u32; 3],
    /// Arithmetic it needs, a multiply-add counted as two.
    pub flops: u64,
    /// Most loop iterations one invocation runs. llvmpipe ends loops early past 65,535.
    pub loop_trips: u64,
}

impl Kernel {
    /// The module's text.
    pub fn text(&self) -> String {
        self.source.iter().map(|file| file.text).collect()
    }
}

/// Folds `workgroups` into two dimensions where one would exceed [`MAX_WORKGROUPS`]; `layers` goes into the third.
/// Shaders undo it with `linear_workgroup`. What even two can't hold exceeds [`MAX_WORKGROUPS`], and a plan refuses it.
pub fn fold_grid(workgroups: usize, layers: usize) -> [u32; 3] {
    let saturated = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
    let workgroups = workgroups.max(1);
    let rows = workgroups.div_ceil(MAX_WORKGROUPS as usize);
    [workgroups.div_ceil(rows), rows, layers].map(saturated)
}

/// What tensors live in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Storage {
    /// Storage buffers.
    Buffers,
    /// Storage images of four floats a texel: llvmpipe loads a buffer lane by lane with a branch each, but gathers
    /// eight texels in straight-line code.
    Images,
}

/// The loop that a matrix product runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MicroKernel {
    /// Tiles of 64 x 64 in workgroup memory: for GPUs.
    Tile,
    /// Tiles of 64 x 16 in the registers of one subgroup of 8 lanes: for llvmpipe.
    Broadcast64x16,
    /// Tiles of 32 x 32 in the registers of one subgroup of 8 lanes: for llvmpipe.
    Broadcast32x32,
    /// Blocks of 4 x 4 straight from memory: needs nothing of the adapter.
    Direct,
}

impl MicroKernel {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Tile, Self::Broadcast64x16, Self::Broadcast32x32, Self::Direct];

    /// Rows and columns of the result that one workgroup makes.
    pub fn tile(self) -> [usize; 2] {
        match self {
            Self::Tile => [64, 64],
            Self::Broadcast64x16 => [64, 16],
            Self::Broadcast32x32 | Self::Direct => [32, 32],
        }
    }

    /// Its WGSL.
    pub fn source(self) -> &'static [Wgsl] {
        match self {
            Self::Tile => &[wgsl!("product/tile")],
            Self::Broadcast64x16 => &[wgsl!("product/broadcast"), wgsl!("product/broadcast_64x16")],
            Self::Broadcast32x32 => &[wgsl!("product/broadcast"), wgsl!("product/broadcast_32x32")],
            Self::Direct => &[wgsl!("product/direct")],
        }
    }

    /// Whether it shares operands between the 8 lanes of a subgroup.
    pub fn needs_subgroups(self) -> bool {
        matches!(self, Self::Broadcast64x16 | Self::Broadcast32x32)
    }

    /// What it reads its operands from fastest.
    pub fn storage(self) -> Storage {
        if self.needs_subgroups() { Storage::Images } else { Storage::Buffers }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Tile => "tile",
            Self::Broadcast64x16 => "broadcast64x16",
            Self::Broadcast32x32 => "broadcast32x32",
            Self::Direct => "direct",
        }
    }
}

impl fmt::Display for MicroKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for MicroKernel {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL.into_iter().find(|kernel| kernel.name() == name).ok_or_else(|| {
            let names = Self::ALL.map(Self::name).join(", ");
            format!("no micro-kernel is called `{name}`; choose one of {names}")
        })
    }
}
