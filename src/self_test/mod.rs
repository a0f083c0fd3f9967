//! Tests whether wgrad computes correctly on a device. Every operation is compared with a reference in f64, twenty steps of
//! training are compared with Keras, and a step must give the same bits each time.
//!
//! A [`Check`] has cases. Each runs with every micro-kernel of the device and gives its errors with their limits.
//! [`SelfTest`] runs the cases and makes a [`Report`], in which failures are listed.

mod accumulation;
mod activation;
mod adam;
mod add;
mod affine;
mod average_pool2d;
mod batch_norm;
mod binary_cross_entropy;
mod case;
mod comparison;
mod concatenate;
mod conv2d;
mod conv2d_max_pool2d;
mod dense;
mod dense_softmax_cross_entropy;
mod depthwise_conv2d;
mod determinism;
mod dropout;
mod gradient_norm;
mod group_norm;
mod ingest;
mod layer_norm;
mod max_pool2d;
mod multiply;
mod normalization;
mod operation_case;
mod optimizer;
mod parity;
mod relu;
mod report;
mod reshape;
mod rmsprop;
mod runner;
mod sgd;
mod softmax;
mod softmax_cross_entropy;
mod zero_padding2d;

pub use case::Case;
pub use comparison::Comparison;
pub use operation_case::OperationCase;
pub use report::{CaseResult, DeviceReport, Report};
pub use runner::SelfTest;

/// Cases of one operation, or of training as a whole.
pub struct Check {
    /// Its name: the operation.
    pub name: &'static str,
    /// The cases, at least one.
    pub cases: Vec<Case>,
}

/// Every check of wgrad.
pub fn checks() -> Vec<Check> {
    vec![
        Check { name: "accumulation", cases: accumulation::cases() },
        Check { name: "activation", cases: activation::cases() },
        Check { name: "adam", cases: adam::cases() },
        Check { name: "add", cases: add::cases() },
        Check { name: "affine", cases: affine::cases() },
        Check { name: "average_pool2d", cases: average_pool2d::cases() },
        Check { name: "batch_norm", cases: batch_norm::cases() },
        Check { name: "binary_cross_entropy", cases: binary_cross_entropy::cases() },
        Check { name: "concatenate", cases: concatenate::cases() },
        Check { name: "conv2d", cases: conv2d::cases() },
        Check { name: "conv2d_max_pool2d", cases: conv2d_max_pool2d::cases() },
        Check { name: "dense", cases: dense::cases() },
        Check { name: "dense_softmax_cross_entropy", cases: dense_softmax_cross_entropy::cases() },
        Check { name: "depthwise_conv2d", cases: depthwise_conv2d::cases() },
        Check { name: "dropout", cases: dropout::cases() },
        Check { name: "gradient_norm", cases: gradient_norm::cases() },
        Check { name: "group_norm", cases: group_norm::cases() },
        Check { name: "ingest", cases: ingest::cases() },
        Check { name: "layer_norm", cases: layer_norm::cases() },
        Check { name: "max_pool2d", cases: max_pool2d::cases() },
        Check { name: "multiply", cases: multiply::cases() },
        Check { name: "optimizer", cases: optimizer::cases() },
        Check { name: "relu", cases: relu::cases() },
        Check { name: "reshape", cases: reshape::cases() },
        Check { name: "rmsprop", cases: rmsprop::cases() },
        Check { name: "sgd", cases: sgd::cases() },
        Check { name: "softmax", cases: softmax::cases() },
        Check { name: "softmax_cross_entropy", cases: softmax_cross_entropy::cases() },
        Check { name: "zero_padding2d", cases: zero_padding2d::cases() },
        Check { name: "parity", cases: parity::cases() },
        Check { name: "determinism", cases: determinism::cases() },
    ]
}
