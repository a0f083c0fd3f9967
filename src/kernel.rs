//! A shader as data: its source, its constants and its grid.

mod module;
mod recipe;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use module::{Module, NUMBERS_BINDING};
pub(crate) use recipe::ModuleRecipe;
pub use recipe::{BindingUse, Recipe};

/// Most workgroups in one dimension of a dispatch (WebGPU's default limit).
pub const MAX_WORKGROUPS: u32 = 65_535;

/// How a dispatch uses a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Reads it.
    Read,
    /// Writes all of it.
    Write,
    /// Updates it in place.
    ReadWrite,
}

impl Access {
    /// Whether the dispatch changes the elements.
    pub fn writes(self) -> bool {
        matches!(self, Self::Write | Self::ReadWrite)
    }
}

/// A file of WGSL.
///
/// Kernels may run without the checks of indices and loops that WebGPU asks for, which makes them faster. That is sound
/// only for sources and sizes that were proven together, so it is done for two kinds of kernels: those that wgrad's own
/// operations record after the graph has checked their geometry, and those whose author has vouched for them.
///
/// ```
/// use wgrad::kernel::Wgsl;
///
/// let mine = Wgsl::new("mine/double", "fn element(i: u32) -> vec4<f32> { return 2.0 * read_a(i); }");
/// assert_eq!(mine.path(), "mine/double");
/// ```
///
/// Nobody else can make a source that counts as wgrad's own:
///
/// ```compile_fail
/// let mine = wgrad::kernel::Wgsl::own("mine", "fn main() {}");
/// ```
///
/// and to vouch for a source is unsafe:
///
/// ```compile_fail
/// let mine = wgrad::kernel::Wgsl::vouched("mine", "fn main() {}");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Wgsl {
    path: &'static str,
    text: &'static str,
    origin: Origin,
}

/// Who is responsible for a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Origin {
    Own,
    Foreign,
    Vouched,
}

impl Wgsl {
    /// A source of another crate. Kernels with it always run with runtime checks.
    pub const fn new(path: &'static str, text: &'static str) -> Self {
        Self { path, text, origin: Origin::Foreign }
    }

    /// A source of another crate that runs without runtime checks where [`RuntimeChecks::Off`] is set.
    ///
    /// [`RuntimeChecks::Off`]: crate::gpu::RuntimeChecks::Off
    ///
    /// # Safety
    /// In every kernel that the source becomes part of, with the constants, the grid and the tensors that the kernel is
    /// recorded with, each index lies inside what it indexes, whatever the tensors hold, and every loop ends.
    #[allow(unsafe_code)]
    pub const unsafe fn vouched(path: &'static str, text: &'static str) -> Self {
        Self { path, text, origin: Origin::Vouched }
    }

    /// A file below `shaders/`.
    pub(crate) const fn own(path: &'static str, text: &'static str) -> Self {
        Self { path, text, origin: Origin::Own }
    }

    /// What it is called; of wgrad's own the path below `shaders/`, without its ending.
    pub fn path(&self) -> &'static str {
        self.path
    }

    /// Its text.
    pub fn text(&self) -> &'static str {
        self.text
    }
}

/// The file of a path below `shaders/`, without its ending.
macro_rules! wgsl {
    ($path:literal) => {
        $crate::kernel::Wgsl::own($path, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/shaders/", $path, ".wgsl")))
    };
}
pub(crate) use wgsl;

/// A compute shader with everything needed to build its pipeline and dispatch it.
#[derive(Clone, Debug, PartialEq)]
pub struct Kernel {
    /// The files that distinguish it from other kernels, such as `conv2d/forward, product/tile`.
    pub name: String,
    /// WGSL files, which are joined in this order to make the module.
    pub source: Vec<Wgsl>,
    /// Values of the `override` constants.
    pub constants: Vec<(&'static str, f64)>,
    /// Values of those that are read at run time, so that kernels which differ only in them share a pipeline.
    pub numbers: Vec<(&'static str, f64)>,
    /// Workgroups in x, y and z.
    pub grid: [u32; 3],
    /// Floating-point operations of one run; a multiply-add counts as two.
    pub flops: u64,
    /// Most loop iterations that one invocation runs. llvmpipe silently ends loops after 65,535 iterations.
    pub loop_trips: u64,
    unchecked: bool,
}

impl Default for Kernel {
    /// One workgroup of nothing, with runtime checks.
    fn default() -> Self {
        Self {
            name: String::new(),
            source: Vec::new(),
            constants: Vec::new(),
            numbers: Vec::new(),
            grid: [1; 3],
            flops: 0,
            loop_trips: 0,
            unchecked: false,
        }
    }
}

impl Kernel {
    /// Whether it may run without runtime checks: see [`Wgsl`].
    pub fn may_run_unchecked(&self) -> bool {
        self.unchecked
    }

    /// Decides that, now that all its files are known. Own files are not enough by themselves where a `foreign`
    /// operation chose the geometry.
    pub(crate) fn settle_checks(&mut self, foreign: bool) {
        let has = |origin: Origin| self.source.iter().any(|file| file.origin == origin);
        self.unchecked = !has(Origin::Foreign) && (!foreign || has(Origin::Vouched));
    }

    /// The module.
    pub fn module(&self) -> Module {
        Module::new(self.source.iter().map(Wgsl::text).collect(), self.numbers.iter().map(|(name, _)| *name))
    }
}

/// The product of `sizes` in 64 bits, since a `usize` may have 32; the largest number where that is too few.
pub(crate) fn operations<const N: usize>(sizes: [usize; N]) -> u64 {
    sizes.iter().fold(1, |product: u64, size| product.saturating_mul(*size as u64))
}

/// Folds `workgroups` into two dimensions where one would exceed [`MAX_WORKGROUPS`]; `layers` goes into the third.
/// Shaders undo it with `linear_workgroup`. A count that does not fit into two dimensions gives a size above
/// [`MAX_WORKGROUPS`], which a plan refuses.
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
    /// Storage images with four floats in a texel. They are faster on llvmpipe, which loads a buffer lane by lane with a
    /// branch for each, but gathers eight texels without a branch.
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
    /// Tiles of 32 x 16 in the registers of one subgroup of 8 lanes, where each loaded pixel serves three columns of a
    /// convolution's kernel: for llvmpipe. Products that are no such convolution run in another loop.
    Broadcast32x16,
    /// Blocks of 4 x 4 straight from memory: every adapter can run it.
    Direct,
}

impl MicroKernel {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Tile, Self::Broadcast64x16, Self::Broadcast32x32, Self::Broadcast32x16, Self::Direct];

    /// Rows and columns of the result that one workgroup makes.
    pub fn tile(self) -> [usize; 2] {
        match self {
            Self::Tile => [64, 64],
            Self::Broadcast64x16 => [64, 16],
            Self::Broadcast32x32 | Self::Direct => [32, 32],
            Self::Broadcast32x16 => [32, 16],
        }
    }

    /// Its WGSL.
    pub fn source(self) -> &'static [Wgsl] {
        match self {
            Self::Tile => const { &[wgsl!("product/tile")] },
            Self::Broadcast64x16 => const { &[wgsl!("product/broadcast"), wgsl!("product/broadcast_64x16")] },
            Self::Broadcast32x32 => const { &[wgsl!("product/broadcast"), wgsl!("product/broadcast_32x32")] },
            Self::Broadcast32x16 => const { &[wgsl!("product/broadcast_32x16")] },
            Self::Direct => const { &[wgsl!("product/direct")] },
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_counted_in_64_bits() {
        assert_eq!(operations([1 << 20, 3, 1 << 20]), 3 << 40);
        assert_eq!(operations([1 << 30, 1 << 30, 1 << 30]), u64::MAX);
    }
}
