//! Windows bitmaps: 1, 4 and 8 bits with a palette, and 16, 24 and 32 bits, without compression.

use super::super::fault::Fault;
use super::super::orientation::Orientation;
use super::super::source::{Sink, Source};

/// The length of the longest known header (BITMAPV5HEADER).
const LONGEST_HEADER: usize = 124;

/// The bits of a pixel that have the value of a channel.
#[derive(Clone, Copy)]
struct Mask {
    shift: u32,
    most: u64,
}

impl Mask {
    fn new(mask: u32) -> Self {
        let shift = if mask == 0 { 0 } else { mask.trailing_zeros() };
        Self { shift, most: u64::from(mask >> shift) }
    }

    fn value(self, pixel: u32) -> u8 {
        if self.most == 0 {
            return 0;
        }
        ((u64::from(pixel >> self.shift) & self.most) * 255 / self.most) as u8
    }
}

enum Pixels {
    /// A pixel is an index of this list of red, green and blue.
    Palette(Vec<[u8; 3]>),
    /// A pixel has red, green, blue and possibly alpha in these bits.
    Masks(Vec<Mask>),
}

/// Reads the headers of a bitmap.
pub(super) fn open(bytes: &[u8]) -> Result<Source<'_>, Fault> {
    let short = |at: usize| Some(u16::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let long = |at: usize| Some(u32::from_le_bytes(*bytes.get(at..)?.first_chunk()?));
    let word = |at: usize| short(at).ok_or(Fault::EndsEarly);
    let double = |at: usize| long(at).ok_or(Fault::EndsEarly);
    let data = double(10)? as usize;
    let header = double(14)? as usize;
    let (width, height, depth, compression, colours) = match header {
        12 => (i32::from(word(18)?), i32::from(word(20)?), word(24)?, 0, 0),
        40..=LONGEST_HEADER => (double(18)? as i32, double(22)? as i32, word(28)?, double(30)?, double(46)?),
        _ => return Err(Fault::Unsupported("a BMP with an unknown header")),
    };
    let is_upside_down = height > 0;
    let size = [height.unsigned_abs() as usize, usize::try_from(width).unwrap_or(0)];
    let masks = |red: u32, green: u32, blue: u32, alpha: u32| {
        let mut masks = vec![Mask::new(red), Mask::new(green), Mask::new(blue)];
        if alpha != 0 {
            masks.push(Mask::new(alpha));
        }
        Pixels::Masks(masks)
    };
    let pixels = match (depth, compression) {
        (1 | 4 | 8, 0) => {
            let entry = if header == 12 { 3 } else { 4 };
            let most = 1_usize << depth;
            let count = if colours == 0 { most } else { most.min(colours as usize) };
            let table = bytes.get(14 + header..).unwrap_or_default();
            let palette: Vec<[u8; 3]> =
                table.chunks_exact(entry).take(count).map(|entry| [entry[2], entry[1], entry[0]]).collect();
            if palette.len() < count {
                return Err(Fault::EndsEarly);
            }
            Pixels::Palette(palette)
        }
        (16, 0) => masks(0x7c00, 0x03e0, 0x001f, 0),
        (24 | 32, 0) => masks(0xff_0000, 0xff00, 0xff, 0),
        (16 | 32, 3 | 6) => {
            let alpha = if header >= 56 || compression == 6 { double(66)? } else { 0 };
            masks(double(54)?, double(58)?, double(62)?, alpha)
        }
        (4 | 8, 1 | 2) => return Err(Fault::Unsupported("a BMP with run-length coding")),
        (_, 4 | 5) => return Err(Fault::Unsupported("a BMP that wraps a picture of another format")),
        _ => return Err(Fault::Damaged("its depth of colours is impossible")),
    };
    let channels = match &pixels {
        Pixels::Palette(_) => 3,
        Pixels::Masks(masks) => masks.len(),
    };
    let [height, width] = size;
    let depth = usize::from(depth);
    let stride = (width * depth).div_ceil(32) * 4;
    let rows = move |_: usize, sink: Sink| {
        let mut row = vec![0; width * channels];
        for y in 0..height {
            let y = if is_upside_down { height - 1 - y } else { y };
            let start = data.checked_add(y * stride).ok_or(Fault::EndsEarly)?;
            // Some files lack the padding of the last row.
            let from = bytes.get(start..).and_then(|rest| rest.get(..(width * depth).div_ceil(8)));
            let from = from.ok_or(Fault::EndsEarly)?;
            for (x, to) in row.chunks_exact_mut(channels).enumerate() {
                match &pixels {
                    Pixels::Palette(palette) => {
                        let bit = x * depth;
                        let index = from[bit / 8] >> (8 - depth - bit % 8) & (0xff >> (8 - depth));
                        let colour = palette.get(usize::from(index));
                        to.copy_from_slice(colour.ok_or(Fault::Damaged("a colour is not in its palette"))?);
                    }
                    Pixels::Masks(masks) => {
                        let pixel = &from[x * depth / 8..][..depth / 8];
                        let pixel = pixel.iter().rev().fold(0, |pixel, &byte| pixel << 8 | u32::from(byte));
                        to.iter_mut().zip(masks).for_each(|(value, mask)| *value = mask.value(pixel));
                    }
                }
            }
            sink(&row)?;
        }
        Ok(())
    };
    let memory = 8 * width as u64;
    Ok(Source { size, channels, orientation: Orientation::UPRIGHT, memory, reduces: false, rows: Box::new(rows) })
}
