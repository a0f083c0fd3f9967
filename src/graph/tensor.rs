//! Tensors and where they live.

use super::{Arena, Graph, GraphError, MOST_ELEMENTS, Place};
use crate::kernel::Precision;
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
    /// Memory of its own, for what is made from the parameters alone: only the first run of a plan behind a change of them makes
    /// it again.
    Lasting,
    /// The elements of another tensor under another shape.
    View(TensorId),
    /// The minibatch on the device, as the staging ring copied it.
    Minibatch(Minibatch),
    /// The images that the device holds, of which minibatches name places.
    Images,
    /// The ring of the metrics of each step.
    Metrics,
}

/// A tensor.
#[derive(Clone, Debug)]
pub struct Tensor {
    /// Name for printing.
    pub name: String,
    /// Sizes, outermost first.
    pub shape: Shape,
    /// Where its elements live.
    pub home: Home,
    /// What its elements are in memory; those of a minibatch are words of 32 bits.
    pub precision: Precision,
}

impl Tensor {
    /// Bytes in memory: see [`Shape::padded_elements`].
    pub fn bytes(&self) -> u64 {
        (self.shape.padded_elements() as u64).saturating_mul(self.precision.bytes())
    }

    /// Bytes that it would have in 32 bits: parts of tensors have equal numbers of elements, whatever the precision is.
    pub(super) fn bytes_in_f32(&self) -> u64 {
        (self.shape.padded_elements() as u64).saturating_mul(Precision::F32.bytes())
    }
}

impl Graph {
    /// Adds a tensor.
    pub(crate) fn add_tensor(&mut self, name: impl Into<String>, shape: impl Into<Shape>, home: Home) -> TensorId {
        let precision = match home {
            Home::View(of) => self.tensor(of).precision,
            _ => Precision::F32,
        };
        self.tensors.push(Tensor { name: name.into(), shape: shape.into(), home, precision });
        TensorId(self.tensors.len() - 1)
    }
}

/// Whether shaders can index a tensor of this shape. Past the end they take the last elements, so there must be some.
pub(super) fn indexable(tensor: &str, shape: &Shape) -> Result<(), GraphError> {
    if shape.padded_elements() == 0 {
        return Err(GraphError::Value { node: tensor.into(), wrong: format!("its shape {shape} has no elements") });
    }
    if shape.padded_elements() > MOST_ELEMENTS {
        return Err(GraphError::TooLarge { tensor: tensor.into(), shape: shape.clone() });
    }
    Ok(())
}
