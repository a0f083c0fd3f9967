//! The largest pictures that are read.

/// The largest width and height of a picture.
pub const MAX_SIDE: u64 = 65_535;
/// The largest number of pixels of a picture.
pub const MOST_PIXELS: u64 = 200_000_000;
/// The largest size of a picture file in bytes.
pub const MAX_BYTES: u64 = 1 << 30;
/// The largest number of bytes that all pictures being decoded at the same time take in memory, with their files.
pub const MOST_MEMORY: u64 = 2 << 30;
