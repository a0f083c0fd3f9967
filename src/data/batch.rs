//! Images of one step.

/// Images of one step that the device holds: see [`Executor::hold`](crate::exec::Executor::hold).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selection {
    /// Places `[batch_size]` of the images among those that the device holds; those from `len` on mean nothing.
    pub places: Vec<u32>,
    /// Labels `[batch_size]`; those from `len` on mean nothing.
    pub labels: Vec<u32>,
    /// Images of the step. Only the last step of a pass may have fewer than the batch size.
    pub len: usize,
}

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
