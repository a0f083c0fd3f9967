//! A picture whose header was read.

use super::fault::Fault;
use super::orientation::Orientation;

/// Takes the rows of a picture, from the top down.
pub(super) type Sink<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), Fault>;

/// Decodes a picture at its size divided by a number, which is 1 unless [`Source::reduces`], and passes on its rows.
pub(super) type Rows<'a> = Box<dyn FnOnce(usize, Sink) -> Result<(), Fault> + 'a>;

/// A picture whose header was read.
pub(super) struct Source<'a> {
    /// The size `[h, w]` before the picture is turned.
    pub size: [usize; 2],
    /// How many channels the rows have: 1 is grey, 2 are grey and alpha, 3 are red, green and blue, 4 have alpha too.
    pub channels: usize,
    pub orientation: Orientation,
    /// The number of bytes that decoding takes at most, besides the file.
    pub memory: u64,
    /// Whether `rows` can decode at a half, a quarter and an eighth of the size.
    pub reduces: bool,
    pub rows: Rows<'a>,
}

/// Rounds values of 16 bits, whose bytes `read` puts together, to 8 bits.
pub(super) fn eight_bits(values: &[u8], read: fn([u8; 2]) -> u16, to: &mut Vec<u8>) {
    to.clear();
    to.extend(values.chunks_exact(2).map(|pair| ((u32::from(read([pair[0], pair[1]])) + 128) / 257) as u8));
}
