//! The cases of `wgrad self-test`. Each operation is in the middle of a graph and is compared with a naive reference in f64,
//! its gradients with central differences, with every micro-kernel that the adapter can run, and with runtime checks on and
//! off.

use std::sync::{Arc, OnceLock};

use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::kernel::MicroKernel;
use wgrad::self_test::{self, CaseResult};

/// The device that all tests share.
fn gpu() -> Arc<Gpu> {
    static GPU: OnceLock<Arc<Gpu>> = OnceLock::new();
    GPU.get_or_init(|| Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap())).clone()
}

fn check(name: &'static str) {
    let check = self_test::checks().into_iter().find(|check| check.name == name).expect("it is no check");
    let gpu = gpu();
    assert!(gpu.supports(MicroKernel::Direct).is_ok() && !check.cases.is_empty());
    let kernels: Vec<_> = MicroKernel::ALL.into_iter().filter(|kernel| gpu.supports(*kernel).is_ok()).collect();
    let failures: Vec<String> = (check.kernels(&kernels).into_iter())
        .flat_map(|kernel| check.cases.iter().map(move |case| (case, kernel)))
        .filter(|(case, kernel)| case.is_for(&gpu, *kernel))
        .flat_map(|(case, kernel)| CaseResult::new(name, &case.name, kernel, case.run(&gpu, kernel)).failures())
        .collect();
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

macro_rules! operations {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() {
                check(stringify!($name));
            }
        )*

        /// `parity` and `determinism` have files of their own.
        #[test]
        fn every_operation_is_tested() {
            let tested = [$(stringify!($name),)* "parity", "determinism"];
            assert_eq!(self_test::checks().iter().map(|check| check.name).collect::<Vec<_>>(), tested);
        }
    };
}

operations! {
    accumulation
    activation
    adam
    add
    affine
    average_pool2d
    batch_norm
    binary_cross_entropy
    concatenate
    conv2d
    conv2d_max_pool2d
    conv2d_transpose
    dense
    dense_softmax_cross_entropy
    depthwise_conv2d
    dropout
    ending
    frame2d
    gradient_norm
    group_norm
    grouped_conv2d
    half
    half_without_products
    ingest
    layer_norm
    loss_scale
    max_pool2d
    multiply
    muon
    optimizer
    parametric
    penalty
    relu
    reshape
    rmsprop
    sgd
    softmax
    softmax_cross_entropy
    up_sampling2d
    winograd
}
