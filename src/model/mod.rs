//! Networks as descriptions: layers in a row, built into a graph for a batch size.

mod initializer;
mod sequential;

pub use initializer::glorot_uniform;
pub use sequential::{Built, LayerSummary, ModelError, Sequential};
