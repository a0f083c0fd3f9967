//! One file an optimizer.

mod adam;

pub use adam::Adam;
