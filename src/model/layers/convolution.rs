//! What the kinds of convolution share.

use super::{Inferred, positive, product};
use crate::graph::VariableSpec;
use crate::model::error::LayerError;

/// What a convolution makes that moves a `window`. Its `output` `[n, oh, ow, filters]` can be computed if no size among its
/// options is 0. Its tensors of variables begin with a kernel each, which is used once for each pixel of the output.
pub fn infer(
    window: [usize; 2],
    sizes: &[usize],
    output: impl FnOnce() -> [usize; 4],
    variables: impl FnOnce() -> Vec<Vec<VariableSpec>>,
) -> Result<Inferred, LayerError> {
    positive(&[&window[..], sizes].concat())?;
    let [_, oh, ow, filters] = output();
    if oh == 0 || ow == 0 {
        return Err(LayerError::Window(window));
    }
    let variables = variables();
    let kernels = variables.iter().filter_map(|tensor| tensor.first());
    let each = kernels.map(|kernel| product(kernel.shape.iter().copied().chain([oh, ow])));
    let multiply_adds = each.fold(0, u64::saturating_add);
    Ok(Inferred { shape: [oh, ow, filters].into(), variables, multiply_adds })
}
