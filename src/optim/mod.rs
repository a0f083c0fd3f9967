//! One file an optimizer, and the gradients that they all read.

mod adam;
mod gradients;

pub use adam::Adam;
pub use gradients::GradientTable;
