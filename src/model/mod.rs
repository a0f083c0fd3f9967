//! Networks as descriptions: layers that read one another, built into a graph for a batch size.

mod answer;
mod connections;
mod error;
mod folding;
mod function;
mod functional;
mod image_scale;
mod infer;
mod layer_entry;
pub mod layers;
mod lower;
mod lowering;
mod model_file;
mod named_tensor;
mod network;
mod sequential;
mod summary;
pub mod zoo;

pub use answer::Answer;
pub use error::{LayerError, ModelError};
pub use function::Activation;
pub use functional::Functional;
pub(crate) use layer_entry::is_layer_name;
pub use layers::Layer;
pub use lower::{BuildOptions, Built};
pub use named_tensor::NamedTensor;
pub use network::{Network, Node, Value};
pub use sequential::Sequential;
pub use summary::LayerSummary;
