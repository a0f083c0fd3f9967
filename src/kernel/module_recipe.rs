//! What a module is made from.

use super::joined::{self, Member};
use super::module::Module;
use super::source::Wgsl;

/// Everything that a module is made from.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct ModuleRecipe {
    pub(super) source: Vec<Wgsl>,
    /// Names of what it reads at run time.
    pub(super) numbers: Vec<&'static str>,
    /// The kernels that it joins, in the place of a source, and the invocations of their workgroups.
    pub(super) members: Vec<Member>,
    pub(super) invocations: u32,
    pub(super) unchecked: bool,
}

impl ModuleRecipe {
    /// The module.
    pub fn make(&self) -> Module {
        if !self.members.is_empty() {
            return Module::new(joined::text(&self.members, self.invocations), []);
        }
        Module::new(self.source.iter().map(Wgsl::text).collect(), self.numbers.iter().copied())
    }

    /// Whether it may run without runtime checks: see [`Wgsl`].
    pub fn may_run_unchecked(&self) -> bool {
        self.unchecked
    }
}
