//! The loops that a matrix product can run in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Storage, Wgsl, wgsl};

/// The loop that a matrix product runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MicroKernel {
    /// Tiles of 64 x 64 in workgroup memory: for GPUs.
    Tile,
    /// Tiles of 64 x 32 in workgroup memory: for products on GPUs with at most 32 columns.
    Tile64x32,
    /// Tiles of 64 x 16 in workgroup memory: for products on GPUs with at most 16 columns.
    Tile64x16,
    /// Tiles of 16 x 16, the reduction split over the invocations of a workgroup: for products on GPUs that have few tiles.
    Split16x16,
    /// Tiles of 64 x 16 in the registers of one subgroup of 8 lanes: for llvmpipe.
    Broadcast64x16,
    /// Tiles of 32 x 32 in the registers of one subgroup of 8 lanes: for llvmpipe.
    Broadcast32x32,
    /// Tiles of 32 x 16 in the registers of one subgroup of 8 lanes, where each loaded pixel serves three columns of a
    /// convolution's kernel: for llvmpipe. Products that are no such convolution run in another loop.
    Broadcast32x16,
    /// Blocks of 4 x 4 straight from memory: every adapter can run it.
    Direct,
}

impl MicroKernel {
    /// All of them. The first for each storage is one that a software adapter runs fast.
    pub const ALL: [Self; 8] = [
        Self::Direct,
        Self::Broadcast64x16,
        Self::Broadcast32x32,
        Self::Broadcast32x16,
        Self::Tile,
        Self::Tile64x32,
        Self::Tile64x16,
        Self::Split16x16,
    ];

    /// Rows and columns of the result that one workgroup makes.
    pub fn tile(self) -> [usize; 2] {
        match self {
            Self::Tile => [64, 64],
            Self::Tile64x32 => [64, 32],
            Self::Tile64x16 | Self::Broadcast64x16 => [64, 16],
            Self::Split16x16 => [16, 16],
            Self::Broadcast32x32 | Self::Direct => [32, 32],
            Self::Broadcast32x16 => [32, 16],
        }
    }

    /// Tiles of a result of `rows` and `columns`.
    pub fn tiles(self, [rows, columns]: [usize; 2]) -> usize {
        let [tile_rows, tile_columns] = self.tile();
        rows.div_ceil(tile_rows) * columns.div_ceil(tile_columns)
    }

    /// Its WGSL.
    pub fn source(self) -> &'static [Wgsl] {
        match self {
            Self::Tile => const { &[wgsl!("product/tile_64x64"), wgsl!("product/tile")] },
            Self::Tile64x32 => const { &[wgsl!("product/tile_64x32"), wgsl!("product/tile")] },
            Self::Tile64x16 => const { &[wgsl!("product/tile_64x16"), wgsl!("product/tile")] },
            Self::Split16x16 => const { &[wgsl!("product/split16x16")] },
            Self::Broadcast64x16 => const { &[wgsl!("product/broadcast"), wgsl!("product/broadcast_64x16")] },
            Self::Broadcast32x32 => const { &[wgsl!("product/broadcast"), wgsl!("product/broadcast_32x32")] },
            Self::Broadcast32x16 => const { &[wgsl!("product/broadcast_32x16")] },
            Self::Direct => const { &[wgsl!("product/direct")] },
        }
    }

    /// Whether it is made for GPUs: it shares work through workgroup memory, which is slow on a software adapter.
    pub fn is_for_gpus(self) -> bool {
        self.workgroup_bytes() > 0
    }

    /// Bytes of workgroup memory that it needs. With any, a workgroup has up to 256 invocations.
    pub fn workgroup_bytes(self) -> u32 {
        match self {
            Self::Tile | Self::Tile64x32 | Self::Tile64x16 => 10_240,
            Self::Split16x16 => 16_384,
            Self::Broadcast64x16 | Self::Broadcast32x32 | Self::Broadcast32x16 | Self::Direct => 0,
        }
    }

    /// Whether it shares operands between the lanes of a subgroup, which must have 8.
    pub fn needs_subgroups(self) -> bool {
        matches!(self, Self::Broadcast64x16 | Self::Broadcast32x32 | Self::Broadcast32x16)
    }

    /// The storage from which it reads its operands fastest.
    pub fn storage(self) -> Storage {
        if self.needs_subgroups() { Storage::Images } else { Storage::Buffers }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Tile => "tile",
            Self::Tile64x32 => "tile64x32",
            Self::Tile64x16 => "tile64x16",
            Self::Split16x16 => "split16x16",
            Self::Broadcast64x16 => "broadcast64x16",
            Self::Broadcast32x32 => "broadcast32x32",
            Self::Broadcast32x16 => "broadcast32x16",
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
            format!("there is no micro-kernel `{name}`; choose one of {names}")
        })
    }
}
