//! A shader as data: its source, its constants and its grid.

use std::fmt;
use std::str::FromStr;

/// Most workgroups in one dimension of a dispatch (WebGPU's default limit).
pub const MAX_WORKGROUPS: u32 = 65_535;

/// How a dispatch uses a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// Reads it as a storage buffer.
    Read,
    /// Reads it through its image.
    ReadImage,
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
/// Shaders undo it with `linear_workgroup`.
pub fn fold_grid(workgroups: usize, layers: usize) -> [u32; 3] {
    let workgroups = u32::try_from(workgroups).unwrap_or(u32::MAX).max(1);
    let rows = workgroups.div_ceil(MAX_WORKGROUPS);
    [workgroups.div_ceil(rows), rows, layers as u32]
}

/// The loop that a matrix product runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum MicroKernel {
    /// 64 x 64 tiles in workgroup memory: for GPUs.
    Tile,
    /// 32 x 32 tiles in the registers of one subgroup of 8 lanes, operands read as images: for llvmpipe.
    Broadcast,
    /// 4 x 4 blocks straight from the buffers: needs nothing of the adapter.
    Direct,
}

impl MicroKernel {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Tile, Self::Broadcast, Self::Direct];

    /// Rows and columns of the result that one workgroup makes.
    pub fn tile(self) -> usize {
        match self {
            Self::Tile => 64,
            Self::Broadcast | Self::Direct => 32,
        }
    }

    /// Its WGSL.
    pub fn source(self) -> Wgsl {
        match self {
            Self::Tile => wgsl!("product/tile"),
            Self::Broadcast => wgsl!("product/broadcast"),
            Self::Direct => wgsl!("product/direct"),
        }
    }

    /// Whether float operands are read through images: see `shaders/access/a_image.wgsl`.
    pub fn reads_images(self) -> bool {
        self == Self::Broadcast
    }
}

impl fmt::Display for MicroKernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Tile => "tile",
            Self::Broadcast => "broadcast",
            Self::Direct => "direct",
        })
    }
}

impl FromStr for MicroKernel {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, String> {
        Self::ALL
            .into_iter()
            .find(|kernel| kernel.to_string() == name)
            .ok_or_else(|| format!("no micro-kernel is called `{name}`; choose tile, broadcast or direct"))
    }
}
