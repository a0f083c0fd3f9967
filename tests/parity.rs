//! Parity with Keras: the same weights and minibatches give the same losses, gradients and updates, compared with
//! results that `tests/fixtures/keras_parity.py` wrote.

use std::sync::Arc;

use wgrad::gpu::{AdapterChoice, Gpu};
use wgrad::kernel::MicroKernel;
use wgrad::self_test::{self, CaseResult};

fn check(case: &str) {
    let parity = self_test::checks().into_iter().find(|check| check.name == "parity").unwrap();
    let case = parity.cases.iter().find(|other| other.name == case).unwrap();
    let gpu = Arc::new(Gpu::open_blocking(&AdapterChoice::default()).unwrap());
    let mut checked = 0;
    for kernel in MicroKernel::ALL {
        // On a software adapter, workgroup memory makes this take minutes.
        let minutes = kernel.is_for_gpus() && gpu.is_software();
        if gpu.supports(kernel).is_ok() && !minutes {
            let result = CaseResult::new("parity", &case.name, kernel, case.run(&gpu, kernel));
            for comparison in &result.comparisons {
                println!("{}, {kernel}: worst {} {:.1e}", case.name, comparison.what, comparison.error);
            }
            assert!(result.passed, "{:?}", result.failures());
            checked += 1;
        }
    }
    assert!(checked > 0);
}

#[test]
fn tutorial_network() {
    check("the tutorial's network");
}

#[test]
fn odd_network() {
    check("a network of odd sizes");
}
