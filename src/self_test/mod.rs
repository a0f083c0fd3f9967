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
mod conv2d_transpose;
mod dense;
mod dense_softmax_cross_entropy;
mod depthwise_conv2d;
mod determinism;
mod dropout;
mod ending;
mod frame2d;
mod gradient_norm;
mod group_norm;
mod grouped_conv2d;
mod half;
mod ingest;
mod layer_norm;
mod loss;
mod loss_scale;
mod max_pool2d;
mod multiply;
mod muon;
mod normalization;
mod operation_case;
mod optimizer;
mod parametric;
mod parity;
mod parted_gradients;
mod penalty;
mod relu;
mod report;
mod reshape;
mod rmsprop;
mod runner;
mod sgd;
mod softmax;
mod softmax_cross_entropy;
mod up_sampling2d;
mod update;
mod winograd;

pub use case::Case;
pub use comparison::Comparison;
pub use operation_case::OperationCase;
pub use report::{CaseResult, DeviceReport, Report};
pub use runner::SelfTest;

use crate::kernel::MicroKernel;

/// Cases of one operation, or of training as a whole.
pub struct Check {
    /// Its name: the operation.
    pub name: &'static str,
    /// The cases, at least one.
    pub cases: Vec<Case>,
    /// Whether they compute matrix products, which each micro-kernel does in its own way.
    pub products: bool,
}

impl Check {
    /// A check without matrix products.
    pub fn new(name: &'static str, cases: Vec<Case>) -> Self {
        Self { name, cases, products: false }
    }

    /// A check of matrix products.
    pub fn of_products(name: &'static str, cases: Vec<Case>) -> Self {
        Self { name, cases, products: true }
    }

    /// The micro-kernels of `kernels` that the cases run with: all where there are products, else the first for each
    /// storage, since nothing but the storage makes a difference then. The kernel for dense layers alone runs these: others
    /// would run in another kernel.
    pub fn kernels(&self, kernels: &[MicroKernel]) -> Vec<MicroKernel> {
        let first = |i: usize| kernels[..i].iter().all(|other| other.storage() != kernels[i].storage());
        let suits = |kernel| kernels.len() == 1 || kernel != MicroKernel::Row1x2048 || self.name == "dense";
        (0..kernels.len()).filter(|i| (self.products || first(*i)) && suits(kernels[*i])).map(|i| kernels[i]).collect()
    }
}

/// Every check of wgrad.
pub fn checks() -> Vec<Check> {
    vec![
        Check::new("accumulation", accumulation::cases()),
        Check::new("activation", activation::cases()),
        Check::new("adam", adam::cases()),
        Check::new("add", add::cases()),
        Check::new("affine", affine::cases()),
        Check::new("average_pool2d", average_pool2d::cases()),
        Check::new("batch_norm", batch_norm::cases()),
        Check::new("binary_cross_entropy", binary_cross_entropy::cases()),
        Check::new("concatenate", concatenate::cases()),
        Check::of_products("conv2d", conv2d::cases()),
        Check::of_products("conv2d_max_pool2d", conv2d_max_pool2d::cases()),
        Check::new("conv2d_transpose", conv2d_transpose::cases()),
        Check::of_products("dense", dense::cases()),
        Check::of_products("dense_softmax_cross_entropy", dense_softmax_cross_entropy::cases()),
        Check::new("depthwise_conv2d", depthwise_conv2d::cases()),
        Check::new("dropout", dropout::cases()),
        Check::of_products("ending", ending::cases()),
        Check::new("frame2d", frame2d::cases()),
        Check::new("gradient_norm", gradient_norm::cases()),
        Check::new("group_norm", group_norm::cases()),
        Check::new("grouped_conv2d", grouped_conv2d::cases()),
        Check::of_products("half", half::products()),
        Check::new("half_without_products", half::others()),
        Check::new("ingest", ingest::cases()),
        Check::new("layer_norm", layer_norm::cases()),
        Check::new("loss_scale", loss_scale::cases()),
        Check::new("max_pool2d", max_pool2d::cases()),
        Check::new("multiply", multiply::cases()),
        Check::new("muon", muon::cases()),
        Check::new("optimizer", optimizer::cases()),
        Check::new("parametric", parametric::cases()),
        Check::new("penalty", penalty::cases()),
        Check::new("relu", relu::cases()),
        Check::new("reshape", reshape::cases()),
        Check::new("rmsprop", rmsprop::cases()),
        Check::new("sgd", sgd::cases()),
        Check::new("softmax", softmax::cases()),
        Check::new("softmax_cross_entropy", softmax_cross_entropy::cases()),
        Check::new("up_sampling2d", up_sampling2d::cases()),
        Check::of_products("winograd", winograd::cases()),
        Check::of_products("parity", parity::cases()),
        Check::of_products("determinism", determinism::cases()),
    ]
}
