//! A shader as data: its source, its constants and its grid.

mod joined;
mod micro_kernel;
mod module;
mod module_recipe;
mod recipe;
mod source;
mod storage;

pub(crate) use joined::{Member, binding_of_member};
pub use micro_kernel::MicroKernel;
pub use module::{Module, NUMBERS_BINDING};
pub(crate) use module_recipe::ModuleRecipe;
pub use recipe::{BindingUse, Recipe};
pub use source::{Wgsl, binding_of_part};
pub use storage::{Precision, Storage};

/// Binding of the minibatch. Its place in the buffer is said with each dispatch, so that a buffer can hold several.
pub const MINIBATCH_BINDING: u32 = 6;

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
    /// Invocations of a workgroup, where the kernel may be joined to others; else 0.
    pub(crate) invocations: u32,
    /// Whether a workgroup may have more of them, which then have nothing to do.
    pub(crate) takes_more: bool,
    /// The kernels that were joined into it, which stand in the place of a source.
    pub(crate) members: Vec<Member>,
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
            invocations: 0,
            takes_more: false,
            members: Vec::new(),
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
        let of_others = self.source.iter().any(Wgsl::is_foreign);
        self.unchecked = !of_others && (!foreign || self.source.iter().any(Wgsl::is_vouched));
    }

    /// The module.
    pub fn module(&self) -> Module {
        self.module_recipe().make()
    }

    /// What its module is made from.
    pub(crate) fn module_recipe(&self) -> ModuleRecipe {
        ModuleRecipe {
            source: self.source.clone(),
            numbers: self.numbers.iter().map(|(name, _)| *name).collect(),
            members: self.members.clone(),
            invocations: if self.members.is_empty() { 0 } else { self.invocations },
            unchecked: self.may_run_unchecked(),
        }
    }

    /// What is taken over of it where it is joined to others.
    fn member(&self) -> Member {
        let constants = self.constants.iter().map(|(name, value)| (*name, value.to_bits())).collect();
        Member { source: self.source.clone(), constants, grid: self.grid, follows: false, through: Vec::new() }
    }

    /// A kernel that does the work of several, which may be joined. Workgroups come in the order of the kernels.
    pub(crate) fn joined(kernels: &[&Self]) -> Self {
        let workgroups = kernels.iter().map(|kernel| kernel.workgroups() as u32).sum();
        let loop_trips = kernels.iter().map(|kernel| kernel.loop_trips).max().unwrap_or(0);
        let members = kernels.iter().map(|kernel| kernel.member()).collect();
        Self { grid: [workgroups, 1, 1], loop_trips, ..Self::of(kernels, members, " & ") }
    }

    /// A kernel whose workgroups do what those of several do, which have equal grids and may be joined, one after the other.
    /// Each kernel reaches some of its bindings `through` those of a kernel before it.
    pub(crate) fn chained(kernels: &[&Self], through: Vec<Vec<(u32, u32)>>) -> Self {
        let members = kernels.iter().zip(through).enumerate();
        let members = members.map(|(i, (kernel, through))| Member { follows: i > 0, through, ..kernel.member() });
        let grid = kernels.first().map_or([1; 3], |first| first.grid);
        let loop_trips = kernels.iter().map(|kernel| kernel.loop_trips).sum();
        Self { grid, loop_trips, ..Self::of(kernels, members.collect(), " > ") }
    }

    /// What a kernel made of `kernels` has of them, however it is made.
    fn of(kernels: &[&Self], members: Vec<Member>, between_names: &str) -> Self {
        let names: Vec<&str> = kernels.iter().map(|kernel| kernel.name.as_str()).collect();
        Self {
            name: names.join(between_names),
            flops: kernels.iter().map(|kernel| kernel.flops).sum(),
            invocations: kernels.iter().map(|kernel| kernel.invocations).max().unwrap_or(0),
            members,
            unchecked: kernels.iter().all(|kernel| kernel.unchecked),
            ..Self::default()
        }
    }

    /// Workgroups of its grid.
    pub(crate) fn workgroups(&self) -> u64 {
        self.grid.iter().map(|size| u64::from(*size)).product()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn operations_are_counted_in_64_bits() {
        assert_eq!(operations([1 << 20, 3, 1 << 20]), 3 << 40);
        assert_eq!(operations([1 << 30, 1 << 30, 1 << 30]), u64::MAX);
    }
}
