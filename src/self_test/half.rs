//! Operations whose activations and gradients are kept in 16 bits.

use super::{
    Case, OperationCase, batch_norm, conv2d, conv2d_max_pool2d, dense, depthwise_conv2d, max_pool2d, winograd,
};
use crate::kernel::Precision;

/// Some of the cases of an operation, in 16 bits.
fn some(operations: Vec<OperationCase>, every: usize) -> impl Iterator<Item = Case> {
    operations.into_iter().step_by(every).map(|case| case.in_precision(Precision::F16))
}

/// Matrix products: a convolution with every micro-kernel, and others with that of the adapter.
pub(super) fn products() -> Vec<Case> {
    let named = |name: &str, case: OperationCase| OperationCase { name: format!("{name}, {}", case.name), ..case };
    let all = |name: &str, cases: Vec<OperationCase>| cases.into_iter().map(|case| named(name, case)).collect();
    let with_all = conv2d::operations().into_iter().skip(8).take(1).map(|case| case.in_precision(Precision::F16));
    let others = (some(all("conv2d", conv2d::operations()), 12))
        .chain(some(all("conv2d_max_pool2d", conv2d_max_pool2d::operations()), 5))
        .chain(some(all("dense", dense::operations()), 6))
        .chain(some(all("winograd", winograd::operations()), 7));
    with_all.chain(others.map(Case::large)).collect()
}

/// Operations without products.
pub(super) fn others() -> Vec<Case> {
    let normalizations = batch_norm::some().into_iter().map(|case| case.in_precision(Precision::F16));
    (some(depthwise_conv2d::operations(), 5)).chain(some(max_pool2d::operations(), 5)).chain(normalizations).collect()
}
