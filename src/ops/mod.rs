//! One file an operation: its geometry, and the dispatches of its forward pass and its gradients.

mod activation;
mod add;
mod augmentation;
mod average_pool2d;
mod binary_cross_entropy;
mod conv2d;
mod conv2d_max_pool2d;
mod dense;
mod dense_softmax_cross_entropy;
mod dropout;
mod flatten;
mod ingest;
mod matrix_product;
mod max_pool2d;
mod pool2d;
mod relu;
mod softmax_cross_entropy;

pub use activation::{Activation, Smooth};
pub use add::Add;
pub use augmentation::Augmentation;
pub use average_pool2d::AveragePool2d;
pub use binary_cross_entropy::BinaryCrossEntropy;
pub use conv2d::{Conv2d, Padding};
pub use conv2d_max_pool2d::Conv2dMaxPool2d;
pub use dense::Dense;
pub use dense_softmax_cross_entropy::DenseSoftmaxCrossEntropy;
pub use dropout::Dropout;
pub use flatten::Flatten;
pub use ingest::Ingest;
pub use max_pool2d::MaxPool2d;
pub use pool2d::Pool2d;
pub use relu::Relu;
pub use softmax_cross_entropy::{METRIC_SLOTS, SoftmaxCrossEntropy};
