//! How variables lie in memory.

use super::ARENA_ALIGNMENT;

/// How a variable's elements lie in memory. The innermost size of what is called a row is rounded up to a multiple of
/// four, the length of a vec4, and the added floats are 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Layout {
    /// A kernel `[.., inputs, outputs]` as rows of outputs, where the number of rows of each cell, the inputs, is rounded up
    /// to a multiple of four too.
    Kernel,
    /// All elements, in their order, as rows of `columns`: vectors, or a depthwise kernel `[kh, kw, c, m]` as rows of
    /// `c * m`.
    Rows {
        /// Elements of a row.
        columns: usize,
    },
}

/// A layout of certain sizes: `groups` of `rows`, padded to `padded_rows`, of `columns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Rows {
    groups: usize,
    rows: usize,
    padded_rows: usize,
    columns: usize,
}

impl Rows {
    pub fn padded_columns(self) -> usize {
        rounded_up(self.columns, 4)
    }

    /// Floats in memory.
    pub fn padded_len(self) -> usize {
        self.groups.saturating_mul(self.padded_rows).saturating_mul(self.padded_columns())
    }

    /// The floats in memory of these elements; missing ones are 0.
    pub fn pad(self, elements: &[f32]) -> Vec<f32> {
        let mut padded = vec![0.0; self.padded_len()];
        let groups = padded.chunks_mut(self.padded_rows * self.padded_columns());
        for (group, elements) in groups.zip(elements.chunks(self.rows * self.columns)) {
            for (row, elements) in group.chunks_mut(self.padded_columns()).zip(elements.chunks(self.columns)) {
                row[..elements.len()].copy_from_slice(elements);
            }
        }
        padded
    }

    /// The elements of these floats in memory.
    pub fn unpad(self, padded: &[f32]) -> Vec<f32> {
        let groups = padded.chunks(self.padded_rows * self.padded_columns());
        groups
            .flat_map(|group| group.chunks(self.padded_columns()).take(self.rows))
            .flat_map(|row| &row[..self.columns.min(row.len())])
            .copied()
            .collect()
    }
}

/// `size` as a multiple of `unit`; the largest number where there is none.
pub(super) fn rounded_up(size: usize, unit: usize) -> usize {
    size.checked_next_multiple_of(unit).unwrap_or(usize::MAX)
}

fn product(sizes: &[usize]) -> usize {
    sizes.iter().fold(1_usize, |product, size| product.saturating_mul(*size))
}

impl Layout {
    pub(super) fn rows(self, shape: &[usize]) -> Rows {
        match (self, shape) {
            (Self::Kernel, [field @ .., inputs, outputs]) => {
                let padded_rows = rounded_up(*inputs, 4);
                Rows { groups: product(field), rows: *inputs, padded_rows, columns: *outputs }
            }
            (Self::Kernel, _) => Rows { groups: 0, rows: 0, padded_rows: 0, columns: 0 },
            (Self::Rows { columns }, _) => {
                let rows = product(shape).checked_div(columns).unwrap_or(0);
                Rows { groups: 1, rows, padded_rows: rows, columns }
            }
        }
    }

    /// Why no variable of this shape can lie like this, if that is so.
    pub(super) fn refuse(self, shape: &[usize]) -> Option<String> {
        if shape.contains(&0) {
            return Some(format!("a variable has no size of 0, but its shape is {shape:?}"));
        }
        match self {
            Self::Kernel if shape.len() < 2 => {
                Some(format!("a kernel has at least two sizes, but its shape is {shape:?}"))
            }
            Self::Rows { columns } if columns == 0 || !product(shape).is_multiple_of(columns) => {
                Some(format!("the elements of shape {shape:?} make no rows of {columns}"))
            }
            _ => None,
        }
    }
}

/// Where variables lie in a tensor that holds them one after the other: the first float of each, and the length of the
/// tensor. Each begins at a multiple of 64 floats, so that a block of the optimizer's table never has two.
pub(crate) fn places<'a>(variables: impl IntoIterator<Item = (Layout, &'a [usize])>) -> (Vec<usize>, usize) {
    let (mut firsts, mut end) = (Vec::new(), 0_usize);
    for (layout, shape) in variables {
        let first = rounded_up(end, ARENA_ALIGNMENT);
        end = first.saturating_add(layout.rows(shape).padded_len());
        firsts.push(first);
    }
    (firsts, end)
}
