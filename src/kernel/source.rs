//! Files of WGSL, and which may run without runtime checks.

use std::borrow::Cow;

use super::module::NUMBERS_BINDING;

/// Binding of a part of a tensor that is larger than a binding; its first part, 0, is at `binding`.
pub fn binding_of_part(binding: u32, part: u32) -> u32 {
    binding + part * (NUMBERS_BINDING + 1)
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
    operand: Option<Operand>,
}

/// The tensor that a file is for, or a part of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Operand {
    name: &'static str,
    binding: u32,
    part: u32,
}

impl Operand {
    /// The name of a part in a module.
    fn name_of(self, part: u32) -> String {
        if part == 0 { self.name.into() } else { format!("{}_{part}", self.name) }
    }
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
        Self { path, text, origin: Origin::Foreign, operand: None }
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
        Self { path, text, origin: Origin::Vouched, operand: None }
    }

    /// A file below `shaders/`.
    pub(crate) const fn own(path: &'static str, text: &'static str) -> Self {
        Self { path, text, origin: Origin::Own, operand: None }
    }

    /// The file for the tensor `name` at `binding`: these take the places of `operand` and of its binding 0.
    pub(crate) const fn of(self, name: &'static str, binding: u32) -> Self {
        self.of_part(name, binding, 0)
    }

    /// The file for a part of the tensor `name`, whose first part is at `binding`: see [`binding_of_part`].
    pub(crate) const fn of_part(self, name: &'static str, binding: u32, part: u32) -> Self {
        Self { operand: Some(Operand { name, binding, part }), ..self }
    }

    /// Whether nobody vouched for it.
    pub(super) fn is_foreign(&self) -> bool {
        self.origin == Origin::Foreign
    }

    /// Whether its author vouched for it: see [`Wgsl::vouched`].
    pub(super) fn is_vouched(&self) -> bool {
        self.origin == Origin::Vouched
    }

    /// What it is called; of wgrad's own the path below `shaders/`, without its ending.
    pub fn path(&self) -> &'static str {
        self.path
    }

    /// Its text.
    pub fn text(&self) -> Cow<'static, str> {
        match self.operand {
            None => self.text.into(),
            Some(operand) => {
                let [name, following] = [0, 1].map(|next| operand.name_of(operand.part + next));
                let binding = format!("@binding({})", binding_of_part(operand.binding, operand.part));
                let text = self.text.replace("following", &following).replace("OPERAND", &name.to_uppercase());
                text.replace("operand", &name).replace("@binding(0)", &binding).into()
            }
        }
    }
}
