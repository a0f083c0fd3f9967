//! Networks as descriptions: layers that read one another, built into a graph for a batch size.

mod answer;
mod error;
mod function;
mod functional;
mod infer;
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
pub use layers::Layer;
pub use lower::{BuildOptions, Built};
pub(crate) use model_file::is_layer_name;
pub use named_tensor::NamedTensor;
pub use network::{Network, Node, Value};
pub use sequential::Sequential;
pub use summary::LayerSummary;
