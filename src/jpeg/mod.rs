//! A decoder of JPEG (ITU-T T.81): baseline, extended sequential and progressive pictures of 8 bits with Huffman codes.
//!
//! Its pixels have the same bits as those of libjpeg with its default settings. It gives a picture row by row. If the
//! picture has one scan, only a few rows are in memory, else all coefficients are. A picture that is not complete is an
//! error. The decoder stops at the marker of the picture's end, and does not read what follows.
//!
//! The known decoders in Rust are not used, because zune-jpeg 0.5.15 decodes baseline pictures in several scans to wrong
//! colours, jpeg-decoder is no longer developed, and both of them fill with grey what is missing from a picture.

mod dct;
mod headers;
mod huffman;
#[cfg(test)]
mod libjpeg_tests;
mod rows;
mod sampling;
mod scan;

use huffman::{Bits, Table};
use rows::Rows;
use sampling::Colours;
use scan::Scan;

/// The largest number of scans. Progressive pictures have about ten. Each scan takes time for every block of the picture,
/// even if it has only a few bytes, so a small file of many scans could take hours.
const MOST_SCANS: usize = 100;

/// Why a picture can't be decoded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// The file ends before the picture is complete.
    EndsEarly,
    /// The file breaks a rule of the format; the text says which.
    Damaged(&'static str),
    /// The picture is of a kind that this decoder does not know; the text names it, with its article.
    Unsupported(&'static str),
}

/// A picture whose headers were read.
pub(crate) struct Jpeg<'a> {
    data: &'a [u8],
    /// The place behind the last marker that was read.
    at: usize,
    /// The picture's size `[h, w]`.
    pub size: [usize; 2],
    /// The Exif metadata, if there are any.
    pub exif: Option<&'a [u8]>,
    is_progressive: bool,
    components: Vec<Component>,
    colours: Colours,
    quantization_tables: [Option<[u16; 64]>; 4],
    /// The tables for DC coefficients, then those for AC coefficients.
    huffman_tables: [[Option<Table>; 4]; 2],
    restart_interval: usize,
}

#[derive(Clone)]
struct Component {
    id: u8,
    /// The sampling factors `[v, h]`: how many blocks of the component an MCU has in each direction.
    sampling: [usize; 2],
    /// The number of its quantization table.
    table: usize,
    /// How many blocks `[h, w]` have samples of the picture.
    blocks: [usize; 2],
    /// How many blocks a row of MCUs has side by side.
    row_blocks: usize,
    /// Its quantization table as it was at the component's first scan.
    quantization: Option<[u16; 64]>,
    /// The coefficients of all blocks, if the picture has several scans.
    coefficients: Vec<[i16; 64]>,
    /// How many low bits of each coefficient are still to come, in zigzag order; 255 if nothing of it has come.
    lacks: [u8; 64],
}

impl<'a> Jpeg<'a> {
    /// Reads the headers of a picture.
    pub fn new(data: &'a [u8]) -> Result<Self, Fault> {
        let mut jpeg = Self {
            data,
            at: 0,
            size: [0; 2],
            exif: None,
            is_progressive: false,
            components: Vec::new(),
            colours: Colours::Grey,
            quantization_tables: [None; 4],
            huffman_tables: Default::default(),
            restart_interval: 0,
        };
        let (mut is_jfif, mut adobe) = (false, None);
        loop {
            let marker = jpeg.marker()?;
            match marker {
                0xda => break,
                0xe0 => is_jfif |= jpeg.segment()?.starts_with(b"JFIF\0"),
                0xe1 => {
                    let segment = jpeg.segment()?;
                    jpeg.exif = jpeg.exif.or(segment.strip_prefix(b"Exif\0\0"));
                }
                0xee => {
                    if let [b'A', b'd', b'o', b'b', b'e', _, _, _, _, _, _, transform, ..] = *jpeg.segment()? {
                        adobe = Some(transform);
                    }
                }
                0xd9 => return Err(Fault::EndsEarly),
                _ => jpeg.table_or_frame(marker)?,
            }
        }
        let ids: Vec<u8> = jpeg.components.iter().map(|component| component.id).collect();
        jpeg.colours = match (ids.as_slice(), adobe) {
            ([], _) => return Err(Fault::Damaged("its size is missing")),
            ([_], _) => Colours::Grey,
            ([_, _, _], _) if is_jfif => Colours::YCbCr,
            ([_, _, _], Some(0)) | ([b'R', b'G', b'B'], None) => Colours::Rgb,
            ([_, _, _], _) => Colours::YCbCr,
            ([_, _, _, _], None | Some(0)) => Colours::Cmyk,
            ([_, _, _, _], _) => Colours::Ycck,
            _ => return Err(Fault::Unsupported("a JPEG of 2 or more than 4 components")),
        };
        Ok(jpeg)
    }

    /// How many bytes a pixel has: 1 for grey, else 3.
    pub fn channels(&self) -> usize {
        if self.colours == Colours::Grey { 1 } else { 3 }
    }

    /// About how many bytes [`Self::decode`] allocates.
    pub fn memory(&self) -> u64 {
        let samples = |component: &Component| {
            let rows = 3 * 8 * component.sampling[0] as u64;
            8 * component.row_blocks as u64 * rows
        };
        let blocks = |component: &Component| {
            (component.blocks[0].next_multiple_of(component.sampling[0]) * component.row_blocks) as u64 * 128
        };
        let held = if self.is_in_one_scan() { 0 } else { self.components.iter().map(blocks).sum() };
        held + self.components.iter().map(samples).sum::<u64>() + 16 * self.size[1] as u64
    }

    /// Decodes the picture at its size divided by `reduction` (1, 2, 4 or 8, rounded up), and passes each row to `row`.
    ///
    /// # Errors
    /// A [`Fault`], or the error of `row`.
    pub fn decode<E: From<Fault>>(
        mut self,
        reduction: usize,
        row: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.is_in_one_scan() {
            return self.decode_scan_by_rows(reduction, row);
        }
        for component in &mut self.components {
            let blocks = component.blocks[0].next_multiple_of(component.sampling[0]) * component.row_blocks;
            component.coefficients = vec![[0; 64]; blocks];
        }
        self.decode_scans()?;
        let mut rows = Rows::new(&self, reduction);
        for mcu_row in 0..self.mcus()[0] {
            for (component, plane) in self.components.iter().zip(&mut rows.planes) {
                let factors = component.quantization.as_ref().ok_or(Fault::EndsEarly)?;
                let count = component.sampling[0] * component.row_blocks;
                let blocks = &component.coefficients[mcu_row * count..][..count];
                plane.grow(component.sampling[0]);
                for (place, block) in blocks.iter().enumerate() {
                    plane.put([place / component.row_blocks, place % component.row_blocks], block, factors);
                }
            }
            rows.give(mcu_row, row)?;
        }
        Ok(())
    }

    /// Decodes a picture whose only scan has all components: each row of MCUs becomes pixels before the next is decoded.
    fn decode_scan_by_rows<E: From<Fault>>(
        mut self,
        reduction: usize,
        row: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (found, part) = self.scan()?;
        let factors: Vec<[u16; 64]> =
            self.components.iter().map(|component| component.quantization.unwrap_or([0; 64])).collect();
        let mut scan = Scan::new(Bits::new(self.data, self.at), part);
        let mut rows = Rows::new(&self, reduction);
        let mut restarts = Restarts::new(self.restart_interval);
        let [height, width] = self.mcus();
        for y in 0..height {
            for &(place, _) in &found {
                rows.planes[place].grow(self.components[place].sampling[0]);
            }
            for x in 0..width {
                restarts.before_mcu(&mut scan)?;
                for &(place, [ref dc, ref ac]) in &found {
                    let [down, right] = self.components[place].sampling;
                    for i in 0..down * right {
                        let mut block = [0; 64];
                        scan.block(place, [dc, ac], &mut block)?;
                        rows.planes[place].put([i / right, x * right + i % right], &block, &factors[place]);
                    }
                }
            }
            rows.give(y, row)?;
        }
        self.at = scan.bits.at;
        Ok(self.end()?)
    }

    /// Decodes the coefficients of all scans, up to the end of the picture.
    fn decode_scans(&mut self) -> Result<(), Fault> {
        for _ in 0..MOST_SCANS {
            let (found, part) = self.scan()?;
            let mut scan = Scan::new(Bits::new(self.data, self.at), part);
            let mut restarts = Restarts::new(self.restart_interval);
            if let [(place, [dc, ac])] = &found[..] {
                // In a scan of one component an MCU is one block, and only blocks with samples of the picture are coded.
                let component = &mut self.components[*place];
                let row_blocks = component.row_blocks;
                for row in component.coefficients.chunks_exact_mut(row_blocks).take(component.blocks[0]) {
                    for block in &mut row[..component.blocks[1]] {
                        restarts.before_mcu(&mut scan)?;
                        scan.block(*place, [dc, ac], block)?;
                    }
                }
            } else {
                let [height, width] = self.mcus();
                for mcu in 0..height * width {
                    restarts.before_mcu(&mut scan)?;
                    for &(place, [ref dc, ref ac]) in &found {
                        let component = &mut self.components[place];
                        let [down, right] = component.sampling;
                        for i in 0..down * right {
                            let y = mcu / width * down + i / right;
                            let x = mcu % width * right + i % right;
                            scan.block(place, [dc, ac], &mut component.coefficients[y * component.row_blocks + x])?;
                        }
                    }
                }
            }
            self.at = scan.bits.at;
            loop {
                match self.marker()? {
                    0xda => break,
                    0xd9 if self.components.iter().all(|component| component.lacks == [0; 64]) => return Ok(()),
                    0xd9 => return Err(Fault::EndsEarly),
                    marker => self.table_or_frame(marker)?,
                }
            }
        }
        Err(Fault::Unsupported("a JPEG of more than 100 scans"))
    }
}

/// Counts the MCUs up to the next restart marker.
struct Restarts {
    interval: usize,
    left: usize,
    number: u8,
}

impl Restarts {
    fn new(interval: usize) -> Self {
        Self { interval, left: interval, number: 0 }
    }

    /// Must be called before each MCU.
    #[inline(always)]
    fn before_mcu(&mut self, scan: &mut Scan) -> Result<(), Fault> {
        if self.interval == 0 {
            return Ok(());
        }
        if self.left == 0 {
            scan.restart(self.number)?;
            self.number = (self.number + 1) % 8;
            self.left = self.interval;
        }
        self.left -= 1;
        Ok(())
    }
}
