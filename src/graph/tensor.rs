//! Tensors and where they live.

use super::{Arena, Place};
use crate::minibatch::Minibatch;
use crate::shape::Shape;

/// A tensor of one graph.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TensorId(pub(super) usize);

/// Where a tensor's elements live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// A buffer that the plan may share with tensors whose lives don't overlap.
    Slot,
    /// A buffer of its own, which outlives the steps.
    Input,
    /// A range of an arena, which starts at this place.
    Arena(Arena, Place),
    /// The elements of another tensor under another shape.
    View(TensorId),
    /// The minibatch on the device, as the staging ring copied it.
    Minibatch(Minibatch),
    /// The images that the device holds, of which minibatches name places.
    Images,
    /// The ring of the metrics of each step.
    Metrics,
}

/// A tensor: elements are 4 bytes, f32 unless the shader says otherwise.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Name for printing.
    pub name: String,
    /// Sizes, outermost first.
    pub shape: Shape,
    /// Where its elements live.
    pub home: Home,
}

impl Tensor {
    /// Bytes in memory: see [`Shape::padded_elements`].
    pub fn bytes(&self) -> u64 {
        (self.shape.padded_elements() as u64).saturating_mul(4)
    }
}
