//! What a pipeline is made from.

use super::joined::Member;
use super::module_recipe::ModuleRecipe;
use super::{Access, Kernel, MINIBATCH_BINDING, Storage};

/// How a kernel uses a binding of group 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BindingUse {
    /// Number of the binding.
    pub index: u32,
    /// What the kernel does with it.
    pub access: Access,
    /// What it lives in.
    pub storage: Storage,
}

impl BindingUse {
    /// Whether each dispatch says where in the buffer it begins.
    pub fn is_placed_by_dispatch(&self) -> bool {
        self.index == MINIBATCH_BINDING && self.access == Access::Read && self.storage == Storage::Buffers
    }
}

/// Everything that a pipeline is made from. Kernels with equal recipes share a pipeline.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Recipe {
    name: String,
    module: ModuleRecipe,
    /// Values as their bits.
    constants: Vec<(&'static str, u64)>,
    bindings: Vec<BindingUse>,
}

impl Recipe {
    /// The recipe of a kernel whose bindings are used as given.
    pub fn new(kernel: &Kernel, bindings: impl IntoIterator<Item = BindingUse>) -> Self {
        let module = kernel.module_recipe();
        let constants = kernel.constants.iter().map(|(name, value)| (*name, value.to_bits())).collect();
        let name = kernel.name.clone();
        Self { name, module, constants, bindings: bindings.into_iter().collect() }
    }

    /// What its module is made from.
    pub(crate) fn module(&self) -> &ModuleRecipe {
        &self.module
    }

    /// Values of the `override` constants.
    pub(crate) fn constants(&self) -> Vec<(&'static str, f64)> {
        self.constants.iter().map(|(name, bits)| (*name, f64::from_bits(*bits))).collect()
    }

    /// The kernel's name, the constants and the bindings in a line, for tools that show pipelines:
    /// `conv2d/dw, product/tile; KH=3 KW=3; 0 1 2`.
    pub fn label(&self) -> String {
        let of_members = self.module.members.iter().flat_map(Member::constants);
        let constants = self.constants().into_iter().chain(of_members).map(|(name, value)| format!("{name}={value}"));
        let bindings = self.bindings.iter().map(|binding| binding.index.to_string());
        let (constants, bindings) = (Vec::from_iter(constants), Vec::from_iter(bindings));
        format!("{}; {}; {}", self.name, constants.join(" "), bindings.join(" "))
    }

    /// How the tensors are bound.
    pub(crate) fn bindings(&self) -> &[BindingUse] {
        &self.bindings
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A number that is read at run time is no part of a pipeline's recipe; a constant is.
    #[test]
    fn only_constants_make_a_pipeline_another_one() {
        let recipe = |constant: f64, number: f64| {
            let kernel =
                Kernel { constants: vec![("KH", constant)], numbers: vec![("H", number)], ..Kernel::default() };
            Recipe::new(&kernel, [])
        };
        assert_eq!(recipe(3.0, 32.0), recipe(3.0, 16.0));
        assert_ne!(recipe(3.0, 32.0), recipe(5.0, 32.0));
    }
}
