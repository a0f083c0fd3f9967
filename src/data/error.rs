//! What can go wrong between asking for a data set and holding its pixels.

use std::{io, path::PathBuf};

/// A data set could not be found, fetched or read.
///
/// Every message is one line: what is wrong, where, and what to do next.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataError {
    /// The directory named for the data does not exist (or is not a directory).
    #[error(
        "no directory {}: create it with the CIFAR-10 binary files in it, or name another with --data-dir or CIFAR10_DIR",
        path.display()
    )]
    MissingDirectory {
        /// The directory looked for.
        path: PathBuf,
    },
    /// One of the six CIFAR-10 files is not there.
    #[error(
        "no file {}: put all six CIFAR-10 binary files (or cifar-10-binary.tar.gz) there, or name another directory with --data-dir or CIFAR10_DIR",
        path.display()
    )]
    MissingFile {
        /// The file looked for.
        path: PathBuf,
    },
    /// A CIFAR-10 file ends early.
    #[error(
        "{} is truncated: {actual} of {expected} bytes; delete it and copy or download it again",
        path.display()
    )]
    Truncated {
        /// The file read.
        path: PathBuf,
        /// Bytes a whole file has.
        expected: u64,
        /// Bytes it has.
        actual: u64,
    },
    /// A CIFAR-10 file is longer than the format allows.
    #[error(
        "{} has {actual} bytes instead of {expected}: it is not a CIFAR-10 binary file; use the binary version of the set",
        path.display()
    )]
    WrongSize {
        /// The file read.
        path: PathBuf,
        /// Bytes a whole file has.
        expected: u64,
        /// Bytes it has.
        actual: u64,
    },
    /// A record's label byte is not a CIFAR-10 class.
    #[error(
        "{} record {record} has label {value}, above 9: the file is damaged or not CIFAR-10; delete it and download it again",
        path.display()
    )]
    BadLabel {
        /// The file read.
        path: PathBuf,
        /// The record, counted from 0.
        record: usize,
        /// The label byte found.
        value: u8,
    },
    /// A file could not be read.
    #[error("cannot read {}: {source}; check that it is a readable file", path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file or directory could not be written.
    #[error(
        "cannot write {}: {source}; check its permissions and the free space, or name another directory with --data-dir or CIFAR10_DIR",
        path.display()
    )]
    Write {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The server could not be reached or refused.
    #[error(
        "download of {url} failed: {source}; check the network, or fetch it elsewhere and name its directory with --data-dir or CIFAR10_DIR"
    )]
    Download {
        /// The address asked for.
        url: String,
        /// What the HTTP client said.
        #[source]
        source: Box<ureq::Error>,
    },
    /// The connection broke, or stalled, before the whole archive had arrived.
    #[error("download of {url} broke off after {received} of {expected} bytes: {source}; try again")]
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
    /// The archive has not the published length.
    #[error("archive {origin} has {actual} bytes instead of {expected}: delete it if it is a file, and fetch it again")]
    ArchiveLength {
        /// The archive's path or address.
        origin: String,
        /// The published length in bytes.
        expected: u64,
        /// The length found (at least, for a download cut off for being too long).
        actual: u64,
    },
    /// The archive has not the published checksum.
    #[error("archive {origin} has MD5 {actual} instead of {expected}: delete it if it is a file, and fetch it again")]
    ArchiveChecksum {
        /// The archive's path or address.
        origin: String,
        /// The published MD5, in hex.
        expected: String,
        /// The MD5 found, in hex.
        actual: String,
    },
    /// A member of the archive is missing or has the wrong size.
    #[error("archive {origin}: {member} {problem}; fetch the binary version of CIFAR-10")]
    ArchiveMember {
        /// The archive's path or address.
        origin: String,
        /// The member's file name.
        member: String,
        /// What is wrong with it.
        problem: String,
    },
    /// CIFAR-10 is in none of the usual places and could not be fetched.
    #[error("CIFAR-10 not found (looked in {looked}) and not fetched: {reason}")]
    NotFound {
        /// The places looked at, for people.
        looked: String,
        /// Why the download, whose address it names, failed.
        #[source]
        reason: Box<DataError>,
    },
    /// The system names no cache directory for this user.
    #[error(
        "this user has no cache directory to download to: set HOME, or name a directory with --data-dir or CIFAR10_DIR"
    )]
    NoCacheDirectory,
    /// A batch was asked for that the split cannot give.
    #[error(
        "cannot make batches of {batch_size} from {len} images in an order that names image {index}: pass a batch size of 1 or more and an order within the split"
    )]
    BadOrder {
        /// Images per batch.
        batch_size: usize,
        /// Images in the split.
        len: usize,
        /// The largest index in the order.
        index: u32,
    },
    /// The thread that gathers batches could not be started.
    #[error("cannot start the thread that gathers batches: {0}; end other programs and try again")]
    Thread(#[source] io::Error),
}
