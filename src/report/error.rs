//! Errors of a report.

/// A report that can't be drawn.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A plot cannot be drawn.
    #[error("cannot draw {plot}: {reason}; please report it")]
    Plot {
        /// Its title.
        plot: String,
        /// What the drawing library said.
        reason: String,
    },
    /// A picture cannot be encoded as PNG.
    #[error("cannot encode a picture of the report: {0}; please report it")]
    Picture(#[from] png::EncodingError),
}
