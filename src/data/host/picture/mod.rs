//! One picture of any size as the pixels of a network's input.

mod channels;
mod cut;
mod fault;
mod format;
mod formats;
mod limits;
mod memory;
mod orientation;
mod resize;
mod source;
#[cfg(test)]
mod tests;

use std::io;
use std::path::Path;

use super::DataError;
use crate::{file, foreign_panic};

use channels::convert;
use cut::Cut;
use fault::Fault;
use memory::Memory;
use resize::Resizer;
use source::Source;

pub(super) use format::Format;
pub use limits::{MAX_BYTES, MAX_SIDE, MOST_MEMORY, MOST_PIXELS};

/// The endings of the names of picture files, in lower case.
pub const EXTENSIONS: [&str; 9] = ["png", "jpg", "jpeg", "jfif", "gif", "bmp", "tif", "tiff", "webp"];

/// A JPEG of more pixels than this is decoded at a half, a quarter or an eighth of its size, if [`ENOUGH`] pixels remain.
const REDUCED_ABOVE: usize = 24_000_000;
/// How many pixels must remain on each axis for each pixel of the result. The result then differs by a few levels of 255
/// at most from that of the whole picture.
const ENOUGH: usize = 4;

/// The memory that all pictures share while they are decoded.
static MEMORY: Memory = Memory::new(MOST_MEMORY);

/// Reads the picture at `path` as pixels of `shape` `[h, w, c]`. The picture is turned as its EXIF orientation says, cut
/// about its centre to the proportions of `[h, w]`, and resized. If it has the size already, its pixels stay as they are.
///
/// The contents of the file decide its format: PNG, JPEG, GIF (the first picture), BMP, TIFF (the first picture) or WebP.
///
/// With 1 channel the pixels are grey, by the luma of ITU-R BT.601 (`0.299 R + 0.587 G + 0.114 B`); with 3 they are red,
/// green and blue. In both cases the picture is placed on a white background where it is transparent. With 4 channels the
/// pixels are red, green, blue and alpha.
///
/// BMP, PNG without interlacing, and JPEG in one scan are read row by row: besides the file, they take up to 180 bytes of
/// memory for each pixel of a row. Most other pictures take up to 11 bytes for each of their pixels, and animated WebP 19.
/// All threads together take at most [`MOST_MEMORY`]: a thread that would exceed it waits until others are done.
///
/// # Errors
///
/// [`DataError::Read`] if the file can't be read, or has more than [`MAX_BYTES`]. [`DataError::Picture`] if it is in
/// another format, is cut short or damaged, is larger than [`MAX_SIDE`] or [`MOST_PIXELS`], or takes more than
/// [`MOST_MEMORY`]; and if `c` is not 1, 3 or 4.
pub fn read(path: &Path, shape: [usize; 3]) -> Result<Vec<u8>, DataError> {
    let broken = |fault: Fault| DataError::Picture { path: path.into(), reason: fault.to_string() };
    if !matches!(shape[2], 1 | 3 | 4) {
        return Err(broken(Fault::Channels(shape[2])));
    }
    let read_error = |source: io::Error| DataError::Read { path: path.into(), source };
    let len = file::open(path).and_then(|file| file.metadata()).map_err(read_error)?.len();
    // Reading refuses a file of more than MAX_BYTES, so no memory is kept for more.
    let mut memory = MEMORY.take(len.min(MAX_BYTES));
    loop {
        let bytes = file::read(path, MAX_BYTES).map_err(read_error)?;
        // A library may panic if a file has something that it did not expect.
        let needed = foreign_panic::catch(|| {
            let picture = open(&bytes)?;
            let needed = bytes.len() as u64 + picture.memory + resizing(&picture, shape);
            if needed > MOST_MEMORY {
                return Err(Fault::Memory(needed));
            }
            if !memory.grow(needed) {
                return Ok(Err(needed));
            }
            decode(picture, shape).map(Ok)
        });
        match needed.unwrap_or(Err(Fault::Damaged("its decoder gave up"))).map_err(broken)? {
            Ok(pixels) => return Ok(pixels),
            Err(needed) => {
                // This thread gives back its memory before it waits, because others may be waiting for that memory.
                drop((bytes, memory));
                memory = MEMORY.take(needed);
            }
        }
    }
}

/// Reads the header of a picture, and refuses a picture that is too large.
fn open(bytes: &[u8]) -> Result<Source<'_>, Fault> {
    let picture = formats::open(bytes)?;
    let size = picture.size.map(|side| side as u64);
    match size {
        [0, _] | [_, 0] => Err(Fault::Damaged("it has no pixels")),
        [h, w] if h > MAX_SIDE || w > MAX_SIDE || h * w > MOST_PIXELS => Err(Fault::TooLarge(size)),
        _ => Ok(picture),
    }
}

/// The number of bytes that resizing takes at most, with its result.
fn resizing(picture: &Source, [h, w, c]: [usize; 3]) -> u64 {
    (picture.size[1] * 4 * 4 * 8 + 3 * h * w * c) as u64
}

/// Decodes a picture at the smallest size that is enough for `shape`.
fn decode(picture: Source, shape: [usize; 3]) -> Result<Vec<u8>, Fault> {
    let cut = Cut::new(picture.size, picture.orientation, [shape[0], shape[1]]);
    let is_enough = |&reduction: &usize| (0..2).all(|axis| cut.len[axis] >= ENOUGH * reduction * cut.to[axis]);
    let may_reduce = picture.reduces && picture.size[0] * picture.size[1] > REDUCED_ABOVE;
    let reduction = [8, 4, 2].into_iter().find(|reduction| may_reduce && is_enough(reduction)).unwrap_or(1);
    decode_reduced(picture, shape, &cut, reduction)
}

/// Decodes the part `cut` of a picture at its size divided by `reduction`.
fn decode_reduced(picture: Source, [h, w, c]: [usize; 3], cut: &Cut, reduction: usize) -> Result<Vec<u8>, Fault> {
    let Source { size, channels, orientation, .. } = picture;
    let own = match (channels, c) {
        (1, _) | (_, 1) | (2, 3) => 1,
        (2 | 4, 4) => 4,
        _ => 3,
    };
    let mut resizer = Resizer::new(cut.axis(0, reduction), cut.axis(1, reduction), own);
    let (mut given, mut row) = (0, Vec::new());
    (picture.rows)(reduction, &mut |stored| {
        given += 1;
        row.clear();
        convert(stored, channels, own, &mut row);
        resizer.push(&row);
        Ok(())
    })?;
    if given != size[0].div_ceil(reduction) {
        return Err(Fault::EndsEarly);
    }
    let stored = resizer.finish();
    let mut pixels = Vec::with_capacity(h * w * c);
    for place in 0..h * w {
        let [y, x] = orientation.stored(cut.to, [place / w, place % w]);
        let pixel = &stored[(y * cut.to[1] + x) * own..][..own];
        match (pixel, c) {
            (&[grey], 3) => pixels.extend([grey; 3]),
            (&[grey], 4) => pixels.extend([grey, grey, grey, 255]),
            (&[r, g, b], 4) => pixels.extend([r, g, b, 255]),
            _ => pixels.extend_from_slice(pixel),
        }
    }
    Ok(pixels)
}
