//! How training ends.

/// Why training ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All epochs were trained.
    Finished,
    /// An observer asked for it, at the end of an epoch.
    Enough,
    /// The stop flag was set; the last epoch may be incomplete.
    Interrupted,
}
