//! Networks as descriptions: layers in a row, built into a graph for a batch size.

mod answer;
mod error;
mod layer;
mod lowering;
mod model_file;
mod named_tensor;
mod sequential;

pub use answer::Answer;
pub use error::ModelError;
pub(crate) use layer::is_layer_name;
pub use layer::{Activation, Layer};
pub use lowering::{BuildOptions, Built};
pub use named_tensor::NamedTensor;
pub use sequential::{LayerSummary, Sequential};
