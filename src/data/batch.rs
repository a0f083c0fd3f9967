//! Images of one step.

/// Images and labels of one step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Batch {
    /// Pixels `[batch_size, h, w, c]`, 0 to 255; rows from `len` on are zero.
    pub pixels: Vec<u8>,
    /// Labels `[batch_size]`; those from `len` on are zero.
    pub labels: Vec<u32>,
    /// Images in the batch. Only the last batch may have fewer than the batch size.
    pub len: usize,
}
