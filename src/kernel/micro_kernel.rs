//! The loops that a matrix product can run in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{Storage, Wgsl, wgsl};

/// The loop that a matrix product runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum MicroKernel {
    /// Blocks of 4 x 4 straight from memory: every adapter can run it.
    Direct,
    /// Tiles of 64 x 16 in the registers of one subgroup of 8 lanes: for llvmpipe.
    Broadcast64x16,
    /// Tiles of 32 x 32 in the registers of one subgroup of 8 lanes: for llvmpipe.
    Broadcast32x32,
    /// Tiles of 32 x 16 in the registers of one subgroup of 8 lanes, where each loaded pixel serves three columns of a
    /// convolution's kernel: for llvmpipe. Products that are no such convolution run in another loop.
    Broadcast32x16,
    /// [`Self::Broadcast32x16`] with tiles of 64 x 16: a lane makes eight pixels of a line, and loads less for each of them.
    Lines64x16,
    /// Tiles of 32 x 32 of a convolution by a kernel of 3 x 3 of an image with at most four channels, where a lane holds the
    /// pixels that four rows see: for llvmpipe. Other products run in another loop.
    Pixels32x32,
    /// Tiles of 64 x 32 in the registers of one subgroup of 16 lanes: for llvmpipe where it computes 512 bits at once.
    Broadcast64x32,
    /// Tiles of 128 x 16 in the registers of one subgroup of 16 lanes: for products there with at most 16 columns.
    Broadcast128x16,
    /// [`Self::Broadcast32x16`] with tiles of 64 x 16, for subgroups of 16 lanes.
    Taps64x16,
    /// The gradient of the weights of a convolution by a kernel of 3 x 3 with a stride of 1: all taps of 8 channels of the
    /// input by 16 of the output, in the registers of one subgroup of 8 lanes. Other products run in another loop.
    Windows72x16,
    /// [`Self::Windows72x16`] with 4 channels by 32.
    Windows36x32,
    /// [`Self::Windows72x16`] with 16 channels by 16, for subgroups of 16 lanes.
    Windows144x16,
    /// [`Self::Windows72x16`] with 8 channels by 32, for subgroups of 16 lanes.
    Windows72x32,
    /// Tiles of 64 x 64 in workgroup memory: for GPUs.
    Tile,
    /// Tiles of 64 x 32 in workgroup memory: for products on GPUs with at most 32 columns.
    Tile64x32,
    /// Tiles of 64 x 16 in workgroup memory: for products on GPUs with at most 16 columns.
    Tile64x16,
    /// Tiles of 128 x 64 in workgroup memory, of which an invocation computes 8 x 4: for large products on GPUs.
    Tile128x64,
    /// Tiles of 128 x 128 in workgroup memory, of which an invocation computes 8 x 8: for large products on GPUs that have
    /// 160 registers for each of many invocations.
    Tile128x128,
    /// Tiles of 32 x 32 in workgroup memory: for products on GPUs with few rows and few columns.
    Tile32x32,
    /// Tiles of 16 x 64 in workgroup memory: for products on GPUs with few rows.
    Tile16x64,
    /// Tiles of 16 x 16, the reduction split over the invocations of a workgroup: for products on GPUs that have few tiles.
    Split16x16,
    /// Whole rows of up to 2048 columns, the reduction split in the same way: for small dense layers on GPUs.
    Row1x2048,
}

/// What a micro-kernel is and needs.
struct Row {
    kernel: MicroKernel,
    name: &'static str,
    /// Rows and columns of the result that one workgroup makes.
    tile: [usize; 2],
    /// Lanes that a subgroup must have, where they share operands; else 0.
    lanes: u32,
    /// Bytes of workgroup memory.
    workgroup_bytes: u32,
    source: &'static [Wgsl],
}

impl Row {
    /// A tile in the registers of one subgroup.
    const fn of_lanes(
        lanes: u32,
        kernel: MicroKernel,
        name: &'static str,
        tile: [usize; 2],
        source: &'static [Wgsl],
    ) -> Self {
        Self { kernel, name, tile, lanes, workgroup_bytes: 0, source }
    }

    /// A tile in workgroup memory, where each of its rows and columns takes five fours of floats.
    const fn of_tile(kernel: MicroKernel, name: &'static str, tile: [usize; 2], source: &'static [Wgsl]) -> Self {
        let workgroup_bytes = (tile[0] + tile[1]) as u32 * 5 * 16;
        Self { kernel, name, tile, lanes: 0, workgroup_bytes, source }
    }

    /// Groups of invocations that add up their sums in workgroup memory, of which they take this much at most.
    const fn of_groups(kernel: MicroKernel, name: &'static str, tile: [usize; 2], source: &'static [Wgsl]) -> Self {
        Self { kernel, name, tile, lanes: 0, workgroup_bytes: 16_384, source }
    }
}

const BROADCAST: Wgsl = wgsl!("product/broadcast");
const TAPS: Wgsl = wgsl!("product/taps");
const WINDOWS: Wgsl = wgsl!("product/windows");

/// All of them, in the order of [`MicroKernel`].
const TABLE: [Row; 22] = [
    Row::of_lanes(0, MicroKernel::Direct, "direct", [32, 32], &[wgsl!("product/direct")]),
    Row::of_lanes(
        8,
        MicroKernel::Broadcast64x16,
        "broadcast64x16",
        [64, 16],
        &[BROADCAST, wgsl!("product/broadcast_64x16")],
    ),
    Row::of_lanes(
        8,
        MicroKernel::Broadcast32x32,
        "broadcast32x32",
        [32, 32],
        &[BROADCAST, wgsl!("product/broadcast_32x32")],
    ),
    Row::of_lanes(8, MicroKernel::Broadcast32x16, "broadcast32x16", [32, 16], &[TAPS, wgsl!("product/taps_32x16")]),
    Row::of_lanes(8, MicroKernel::Lines64x16, "lines64x16", [64, 16], &[TAPS, wgsl!("product/lines_64x16")]),
    Row::of_lanes(
        8,
        MicroKernel::Pixels32x32,
        "pixels32x32",
        [32, 32],
        &[wgsl!("product/pixels"), wgsl!("product/pixels_32x32")],
    ),
    Row::of_lanes(
        16,
        MicroKernel::Broadcast64x32,
        "broadcast64x32",
        [64, 32],
        &[BROADCAST, wgsl!("product/broadcast_64x32")],
    ),
    Row::of_lanes(
        16,
        MicroKernel::Broadcast128x16,
        "broadcast128x16",
        [128, 16],
        &[BROADCAST, wgsl!("product/broadcast_128x16")],
    ),
    Row::of_lanes(16, MicroKernel::Taps64x16, "taps64x16", [64, 16], &[TAPS, wgsl!("product/taps_64x16")]),
    Row::of_lanes(8, MicroKernel::Windows72x16, "windows72x16", [72, 16], &[WINDOWS, wgsl!("product/windows_72x16")]),
    Row::of_lanes(8, MicroKernel::Windows36x32, "windows36x32", [36, 32], &[WINDOWS, wgsl!("product/windows_36x32")]),
    Row::of_lanes(
        16,
        MicroKernel::Windows144x16,
        "windows144x16",
        [144, 16],
        &[WINDOWS, wgsl!("product/windows_144x16")],
    ),
    Row::of_lanes(16, MicroKernel::Windows72x32, "windows72x32", [72, 32], &[WINDOWS, wgsl!("product/windows_72x32")]),
    Row::of_tile(MicroKernel::Tile, "tile", [64, 64], &[wgsl!("product/tile_64x64"), wgsl!("product/tile")]),
    Row::of_tile(MicroKernel::Tile64x32, "tile64x32", [64, 32], &[wgsl!("product/tile_64x32"), wgsl!("product/tile")]),
    Row::of_tile(MicroKernel::Tile64x16, "tile64x16", [64, 16], &[wgsl!("product/tile_64x16"), wgsl!("product/tile")]),
    Row::of_tile(
        MicroKernel::Tile128x64,
        "tile128x64",
        [128, 64],
        &[wgsl!("product/tile_128x64"), wgsl!("product/tile")],
    ),
    Row::of_tile(
        MicroKernel::Tile128x128,
        "tile128x128",
        [128, 128],
        &[wgsl!("product/tile_128x128"), wgsl!("product/tile")],
    ),
    Row::of_tile(MicroKernel::Tile32x32, "tile32x32", [32, 32], &[wgsl!("product/tile_32x32"), wgsl!("product/tile")]),
    Row::of_tile(MicroKernel::Tile16x64, "tile16x64", [16, 64], &[wgsl!("product/tile_16x64"), wgsl!("product/tile")]),
    Row::of_groups(MicroKernel::Split16x16, "split16x16", [16, 16], &[wgsl!("product/split16x16")]),
    Row::of_groups(MicroKernel::Row1x2048, "row1x2048", [1, 2048], &[wgsl!("product/row1x2048")]),
];

impl MicroKernel {
    /// All of them. The first that an adapter supports for each storage is one that a software adapter runs fast.
    pub const ALL: [Self; TABLE.len()] = {
        let mut all = [Self::Direct; TABLE.len()];
        let mut i = 0;
        while i < TABLE.len() {
            assert!(TABLE[i].kernel as usize == i);
            all[i] = TABLE[i].kernel;
            i += 1;
        }
        all
    };

    fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// Rows and columns of the result that one workgroup makes.
    pub fn tile(self) -> [usize; 2] {
        self.row().tile
    }

    /// Tiles of a result of `rows` and `columns`.
    pub fn tiles(self, [rows, columns]: [usize; 2]) -> usize {
        let [tile_rows, tile_columns] = self.tile();
        // A row for the bias, behind nine of each channel, comes with the first tile.
        let rows = if self.takes_windows() && rows > 1 && rows % 9 == 1 { rows - 1 } else { rows };
        rows.div_ceil(tile_rows) * columns.div_ceil(tile_columns)
    }

    /// Its WGSL.
    pub fn source(self) -> &'static [Wgsl] {
        self.row().source
    }

    /// Whether it is made for GPUs: it shares work through workgroup memory, which is slow on a software adapter.
    pub fn is_for_gpus(self) -> bool {
        self.workgroup_bytes() > 0
    }

    /// Bytes of workgroup memory that it needs. With any, a workgroup has up to 256 invocations.
    pub fn workgroup_bytes(self) -> u32 {
        self.row().workgroup_bytes
    }

    /// Invocations of a workgroup, if it reads buffers.
    pub fn invocations(self) -> Option<u32> {
        match self {
            _ if self.storage() == Storage::Images => None,
            Self::Direct | Self::Tile64x16 | Self::Tile32x32 | Self::Tile16x64 => Some(64),
            Self::Tile64x32 => Some(128),
            _ => Some(256),
        }
    }

    /// The lanes that a subgroup must have, where it shares operands between them.
    pub fn lanes(self) -> Option<u32> {
        (self.row().lanes > 0).then_some(self.row().lanes)
    }

    /// Where it only computes convolutions with a kernel of three columns and a stride of 1, since it loads a pixel once for
    /// all three: the rows of a line that one lane makes.
    pub fn rows_of_a_line(self) -> Option<usize> {
        let [rows, _] = self.tile();
        let shares_pixels = matches!(self, Self::Broadcast32x16 | Self::Lines64x16 | Self::Taps64x16);
        shares_pixels.then(|| rows / self.row().lanes as usize)
    }

    /// Whether it only computes gradients of weights of convolutions by a kernel of 3 x 3 with a stride of 1: it loads a
    /// pixel once for all nine taps.
    pub fn takes_windows(self) -> bool {
        matches!(self, Self::Windows72x16 | Self::Windows36x32 | Self::Windows144x16 | Self::Windows72x32)
    }

    /// Whether its lanes find pixels of one table by shuffles, each its own.
    pub fn shuffles_pixels(self) -> bool {
        self == Self::Windows36x32
    }

    /// Whether it only computes convolutions by a kernel of 3 x 3 of images with at most four channels: it holds the pixels
    /// that four rows of a line see.
    pub fn holds_pixels(self) -> bool {
        self == Self::Pixels32x32
    }

    /// The storage from which it reads its operands fastest.
    pub fn storage(self) -> Storage {
        if self.lanes().is_some() { Storage::Images } else { Storage::Buffers }
    }

    fn name(self) -> &'static str {
        self.row().name
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
