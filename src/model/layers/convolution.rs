//! What the kinds of convolution share.

use super::{Inferred, positive, product};
use crate::graph::VariableSpec;
use crate::model::error::LayerError;

/// The window that a convolution moves, `[y, x]`.
pub struct Window {
    /// Of the kernel.
    pub size: [usize; 2],
    /// From one window to the next.
    pub strides: [usize; 2],
    /// From one cell to the next.
    pub dilation: [usize; 2],
}

impl Window {
    /// What a convolution makes. Its `output` `[n, oh, ow, filters]` can be computed if no size of the window is 0. Its tensors
    /// of variables begin with a kernel each, which is used once for each pixel of the output.
    pub fn infer(
        &self,
        output: impl FnOnce() -> [usize; 4],
        variables: impl FnOnce() -> Vec<Vec<VariableSpec>>,
    ) -> Result<Inferred, LayerError> {
        positive(&[self.size, self.strides, self.dilation].concat())?;
        let (strides, dilation) = (self.strides, self.dilation);
        if strides.iter().any(|stride| *stride > 1) && dilation.iter().any(|apart| *apart > 1) {
            return Err(LayerError::StridesApart { strides, dilation });
        }
        let [_, oh, ow, filters] = output();
        if oh == 0 || ow == 0 {
            let cells = |axis: usize| (self.size[axis] - 1).saturating_mul(dilation[axis]).saturating_add(1);
            return Err(LayerError::Window([0, 1].map(cells)));
        }
        let variables = variables();
        let kernels = variables.iter().filter_map(|tensor| tensor.first());
        let each = kernels.map(|kernel| product(kernel.shape.iter().copied().chain([oh, ow])));
        let multiply_adds = each.fold(0, u64::saturating_add);
        Ok(Inferred { shape: [oh, ow, filters].into(), variables, multiply_adds })
    }
}
