//! What can go wrong with the archive of a published set.

use std::io;

use super::PublishedSet;

/// Failure to get an archive, or to take files from it. Every message is one line.
#[derive(Debug, thiserror::Error)]
pub enum ArchiveError {
    /// The server could not be reached or refused.
    #[error("{url} could not be downloaded: {source}; check the network, or download it by other means")]
    Download {
        /// The address asked for.
        url: String,
        /// What the HTTP client said.
        #[source]
        source: Box<ureq::Error>,
    },
    /// The connection broke, or stalled, before the whole archive had arrived.
    #[error("the download of {url} broke off after {received} of {expected} bytes: {source}; try again")]
    Interrupted {
        /// The address asked for.
        url: String,
        /// Bytes the archive has.
        expected: u64,
        /// Bytes that arrived.
        received: u64,
        /// What the HTTP client said.
        source: io::Error,
    },
    /// The archive does not have the published length.
    #[error(
        "the archive {origin} has {actual} bytes instead of {expected}; if it is a file, delete it; then download it again"
    )]
    Length {
        /// The archive's path or address.
        origin: String,
        /// The published length in bytes.
        expected: u64,
        /// The length found (at least, for a download cut off for being too long).
        actual: u64,
    },
    /// The archive does not have the published checksum.
    #[error(
        "the archive {origin} has the MD5 {actual} instead of {expected}; if it is a file, delete it; then download it again"
    )]
    Checksum {
        /// The archive's path or address.
        origin: String,
        /// The published MD5, in hex.
        expected: String,
        /// The MD5 found, in hex.
        actual: String,
    },
    /// A member of the archive is missing or has the wrong size.
    #[error("in the archive {origin}, {member} {problem}; download {} again ({})", set.title, set.archive_names())]
    Member {
        /// The archive's path or address.
        origin: String,
        /// The member's file name.
        member: String,
        /// What is wrong with it.
        problem: String,
        /// The set it should be of.
        set: &'static PublishedSet,
    },
}
