//! Markers and their segments: tables, frames and scans (ITU-T T.81, Annex B).

use super::huffman::{Table, next_marker};
use super::scan::{Part, ZIGZAG};
use super::{Component, Fault, Jpeg};

/// The number of a component in a scan, and its tables for DC and AC coefficients.
pub(super) type Coded = (usize, [Table; 2]);

impl<'a> Jpeg<'a> {
    /// Goes to the next marker, except those that have no segment: returns the code of a marker with a segment, or that
    /// of the picture's end.
    pub(super) fn marker(&mut self) -> Result<u8, Fault> {
        loop {
            self.at = next_marker(self.data, self.at).ok_or(Fault::EndsEarly)? + 1;
            let code = self.data[self.at - 1];
            if !matches!(code, 0x01 | 0xd0..=0xd8) {
                return Ok(code);
            }
        }
    }

    /// Returns the contents of the segment at `at`, and goes behind it.
    pub(super) fn segment(&mut self) -> Result<&'a [u8], Fault> {
        let rest = &self.data[self.at..];
        let &[high, low, ..] = rest else { return Err(Fault::EndsEarly) };
        let len = usize::from(u16::from_be_bytes([high, low]));
        if len < 2 {
            return Err(Fault::Damaged("a segment has no length"));
        }
        self.at += len;
        rest.get(2..len).ok_or(Fault::EndsEarly)
    }

    /// Reads the segment of a marker that defines tables or the frame, or passes any other segment.
    pub(super) fn table_or_frame(&mut self, marker: u8) -> Result<(), Fault> {
        let short = Fault::Damaged("a segment is too short");
        match marker {
            0xc0..=0xc2 => self.frame(marker == 0xc2),
            0xc3 => Err(Fault::Unsupported("a lossless JPEG")),
            0xc5..=0xc7 | 0xde | 0xdf => Err(Fault::Unsupported("a hierarchical JPEG")),
            0xc9..=0xcf => Err(Fault::Unsupported("a JPEG with arithmetic coding")),
            0xc4 => {
                let mut rest = self.segment()?;
                while let Some((&place, after)) = rest.split_first() {
                    let (counts, after) = after.split_first_chunk::<16>().ok_or(short)?;
                    let count = counts.iter().map(|&count| usize::from(count)).sum();
                    let (symbols, after) = after.split_at_checked(count).ok_or(short)?;
                    let (class, place) = (usize::from(place >> 4), usize::from(place & 15));
                    let to = self.huffman_tables.get_mut(class).and_then(|codes| codes.get_mut(place));
                    *to.ok_or(Fault::Damaged("it has too many Huffman tables"))? = Some(Table::new(counts, symbols)?);
                    rest = after;
                }
                Ok(())
            }
            0xdb => {
                let mut rest = self.segment()?;
                while let Some((&place, after)) = rest.split_first() {
                    let bytes = if place >> 4 == 0 { 1 } else { 2 };
                    let (values, after) = after.split_at_checked(64 * bytes).ok_or(short)?;
                    let mut table = [0; 64];
                    for (value, &to) in values.chunks_exact(bytes).zip(&ZIGZAG) {
                        table[usize::from(to)] = value.iter().fold(0, |high, &low| high << 8 | u16::from(low));
                    }
                    let to = self.quantization_tables.get_mut(usize::from(place & 15));
                    *to.ok_or(Fault::Damaged("it has too many quantization tables"))? = Some(table);
                    rest = after;
                }
                Ok(())
            }
            0xdd => {
                let &[high, low] = self.segment()? else { return Err(short) };
                self.restart_interval = u16::from_be_bytes([high, low]).into();
                Ok(())
            }
            _ => self.segment().map(|_| ()),
        }
    }

    /// Reads the header of the frame: the picture's size and its components.
    fn frame(&mut self, is_progressive: bool) -> Result<(), Fault> {
        let segment = self.segment()?;
        if !self.components.is_empty() {
            return Err(Fault::Damaged("it has two frames"));
        }
        let &[depth, h1, h0, w1, w0, count, ref rest @ ..] = segment else {
            return Err(Fault::Damaged("a segment is too short"));
        };
        if depth != 8 {
            return Err(Fault::Unsupported("a JPEG of more than 8 bits to a sample"));
        }
        let [height, width] = [[h1, h0], [w1, w0]].map(|side| usize::from(u16::from_be_bytes(side)));
        match [height, width] {
            [0, _] => return Err(Fault::Unsupported("a JPEG whose height follows its pixels")),
            [_, 0] => return Err(Fault::Damaged("it has no pixels")),
            _ if rest.len() != 3 * usize::from(count) || count == 0 => {
                return Err(Fault::Damaged("the list of its components is incomplete"));
            }
            _ => {}
        }
        self.is_progressive = is_progressive;
        self.size = [height, width];
        for component in rest.chunks_exact(3) {
            // A scan of one component has one block in an MCU, whatever its sampling factors are.
            let factors = if count == 1 { 0x11 } else { component[1] };
            let sampling = [usize::from(factors & 15), usize::from(factors >> 4)];
            if !sampling.iter().all(|factor| (1..=4).contains(factor)) {
                return Err(Fault::Damaged("the sampling factor of a component is impossible"));
            }
            if self.components.iter().any(|other| other.id == component[0]) {
                return Err(Fault::Damaged("two of its components have the same number"));
            }
            self.components.push(Component {
                id: component[0],
                sampling,
                table: component[2].into(),
                blocks: [0; 2],
                row_blocks: 0,
                quantization: None,
                coefficients: Vec::new(),
                lacks: [255; 64],
            });
        }
        let (most, mcus) = (self.max_sampling(), self.mcus());
        for component in &mut self.components {
            for axis in [0, 1] {
                if !most[axis].is_multiple_of(component.sampling[axis]) {
                    return Err(Fault::Unsupported("a JPEG whose sampling factors do not divide each other"));
                }
                component.blocks[axis] = (self.size[axis] * component.sampling[axis]).div_ceil(most[axis] * 8);
            }
            component.row_blocks = mcus[1] * component.sampling[1];
        }
        Ok(())
    }

    /// The largest sampling factors `[v, h]` of all components.
    pub(super) fn max_sampling(&self) -> [usize; 2] {
        [0, 1].map(|axis| self.components.iter().map(|component| component.sampling[axis]).max().unwrap_or(1))
    }

    /// How many MCUs of all components the picture has, `[h, w]`.
    pub(super) fn mcus(&self) -> [usize; 2] {
        let most = self.max_sampling();
        [0, 1].map(|axis| self.size[axis].div_ceil(8 * most[axis]))
    }

    /// Whether the scan whose segment is at `at` has all of the picture.
    pub(super) fn is_in_one_scan(&self) -> bool {
        !self.is_progressive
            && self.data.get(self.at + 2).is_some_and(|&count| usize::from(count) == self.components.len())
    }

    /// Reads the header of a scan: its components with their Huffman tables (DC, AC), and which part of their coefficients
    /// it has.
    pub(super) fn scan(&mut self) -> Result<(Vec<Coded>, Part), Fault> {
        let broken = Fault::Damaged("the header of a scan is impossible");
        let &[count, ref rest @ ..] = self.segment()? else { return Err(broken) };
        let count = usize::from(count);
        let Some((list, &[start, end, bits])) = rest.split_at_checked(2 * count) else { return Err(broken) };
        let [start, end] = [start, end].map(usize::from);
        let (high, low) = (bits >> 4, u32::from(bits & 15));
        let part = match (self.is_progressive, start, high) {
            (false, _, _) => Part::Whole,
            (true, _, high) if high != 0 && u32::from(high) != low + 1 => return Err(broken),
            (true, 0, _) if end != 0 => return Err(broken),
            (true, 0, 0) => Part::DcFirst { low },
            (true, 0, _) => Part::DcRefine { low },
            _ if end < start || end > 63 || count != 1 => return Err(broken),
            (true, _, 0) => Part::AcFirst { start, end, low },
            (true, _, _) => Part::AcRefine { start, end, low },
        };
        if (self.is_progressive && low > 13) || !(1..=4).contains(&count) {
            return Err(broken);
        }
        let mut found: Vec<Coded> = Vec::new();
        for pair in list.chunks_exact(2) {
            let place = self.components.iter().position(|component| component.id == pair[0]).ok_or(broken)?;
            if found.iter().any(|&(other, _)| other == place) {
                return Err(broken);
            }
            let component = &mut self.components[place];
            if component.quantization.is_none() {
                let table = self.quantization_tables.get(component.table).copied().flatten();
                component.quantization = Some(table.ok_or(Fault::Damaged("a quantization table is missing"))?);
            }
            let range = if part == Part::Whole { 0..=63 } else { start..=end };
            for lacks in &mut component.lacks[range] {
                let is_next = if high == 0 { *lacks == 255 } else { *lacks == high };
                if !is_next {
                    return Err(Fault::Damaged("its scans are in a wrong order"));
                }
                *lacks = if part == Part::Whole { 0 } else { low as u8 };
            }
            let table = |class: usize| {
                let number = usize::from(if class == 0 { pair[1] >> 4 } else { pair[1] & 15 });
                let named = self.huffman_tables[class].get(number).ok_or(broken)?;
                Ok(named.clone().unwrap_or_else(|| Table::usual(class == 1, number > 0)))
            };
            found.push((place, [table(0)?, table(1)?]));
        }
        let blocks: usize =
            found.iter().map(|&(place, _)| self.components[place].sampling.iter().product::<usize>()).sum();
        if count > 1 && blocks > 10 {
            return Err(Fault::Damaged("a scan has too many blocks in an MCU"));
        }
        Ok((found, part))
    }

    /// Reads up to the marker of the picture's end.
    pub(super) fn end(&mut self) -> Result<(), Fault> {
        loop {
            match self.marker()? {
                0xd9 => return Ok(()),
                0xda => return Err(Fault::Damaged("it has more scans than components")),
                marker => self.table_or_frame(marker)?,
            }
        }
    }
}
