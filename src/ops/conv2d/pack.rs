//! Weights in the order in which a micro-kernel reads them.

use super::Conv2d;
use crate::graph::{Product, Recorder, TensorId};
use crate::kernel::wgsl;

/// Columns of a tile of `product/taps`.
const COLUMNS: usize = 16;

/// Invocations of a workgroup.
const LANES: usize = 64;

/// Packed weights.
#[derive(Clone, Copy, Debug)]
pub(super) struct Packed {
    pub tensor: TensorId,
    /// First float of the bias.
    pub bias_first: usize,
}

impl Conv2d {
    /// Records the packing of the weights `w` for `product`, which runs in `product/taps`: its points for three columns of the
    /// kernel, for the forward pass with the bias behind them, or `turned`, for the gradient of the input. What is packed
    /// lives from here to the product that reads it, so the two are measured together. In inference it lasts until the weights
    /// change.
    pub(super) fn pack(&self, recorder: &mut Recorder, product: Product, w: TensorId, turned: bool) -> Packed {
        let kh = self.kernel[0];
        // A lane makes two tiles.
        let points = product.choice.kernel.rows_of_a_line().unwrap_or_default() / 2 + 2;
        let [c, filters] = self.channels();
        let [channels, columns] = if turned { [filters, c] } else { [c, filters] };
        let packed = kh * points * channels * columns.next_multiple_of(COLUMNS);
        let bias = if self.bias && !turned { filters } else { 0 };
        let name = format!("{}, packed", recorder.graph().tensor(w).name);
        let tensor = recorder.of_parameters(name.clone(), [packed + bias]);
        let dispatch = recorder.dispatch(name).a(w).c(tensor).source(wgsl!("conv2d/pack")).constant("TURNED", turned);
        let dispatch = dispatch.size("POINTS", points);
        let numbers = [
            ("KH", kh),
            ("CIN", c),
            ("COUT", filters),
            ("BIAS_FIRST", self.bias_first()),
            ("PACKED", packed),
            ("BIAS", bias),
        ];
        let dispatch = numbers.into_iter().fold(dispatch, |dispatch, (name, number)| dispatch.number(name, number));
        let invocations = packed / (16 * points) + bias / 4;
        dispatch.workgroups(invocations.div_ceil(LANES), 1).cost(0, 0).product(product).record();
        Packed { tensor, bias_first: packed }
    }
}
