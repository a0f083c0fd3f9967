//! JPEG (ITU-T T.81): baseline, extended sequential and progressive pictures of 8 bits with Huffman codes.
//!
//! Pixels are those of libjpeg with its defaults, bit for bit. Rows come one by one: of a picture in one scan only a few
//! rows are held, of one in several scans the coefficients. Whatever of a picture is missing is an error; what follows
//! its end is not looked at.
//!
//! There is no other decoder in Rust for it: zune-jpeg takes pictures in several scans for something else, jpeg-decoder
//! is no longer developed, and both fill what is missing with grey.

mod dct;
mod huffman;
#[cfg(test)]
mod libjpeg_tests;
mod sampling;
mod scan;

use huffman::{Bits, Table, next_marker};
use sampling::{Colours, Mixer, Plane};
use scan::{Part, Scan, ZIGZAG};

/// Most scans. Progressive pictures have a dozen; each takes time for every block, however short it is.
const MOST_SCANS: usize = 100;

/// Why a picture can't be decoded.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Fault {
    /// Something is missing at its end.
    EndsEarly,
    /// It is not as JPEGs are.
    Damaged(&'static str),
    /// It is of a kind that is not decoded.
    Unsupported(&'static str),
}

/// A picture whose headers were read.
pub(crate) struct Jpeg<'a> {
    data: &'a [u8],
    /// Behind the code of a marker.
    at: usize,
    /// `[h, w]`.
    pub size: [usize; 2],
    /// Exif metadata, if any.
    pub exif: Option<&'a [u8]>,
    is_progressive: bool,
    components: Vec<Component>,
    colours: Colours,
    tables: [Option<[u16; 64]>; 4],
    /// Those of first coefficients, then those of the rest.
    codes: [[Option<Table>; 4]; 2],
    restart_interval: usize,
}

#[derive(Clone)]
struct Component {
    id: u8,
    /// Blocks in a unit of all components, `[h, w]`.
    units: [usize; 2],
    table: usize,
    /// Blocks that have samples of the picture, `[h, w]`.
    blocks: [usize; 2],
    /// Blocks in a row of units.
    row_blocks: usize,
    /// Factors of the coefficients, from its first scan on.
    factors: Option<[u16; 64]>,
    /// Coefficients of all blocks, where the picture has several scans.
    coefficients: Vec<[i16; 64]>,
    /// Bits that each coefficient lacks, in the order of coding; 255 where nothing was said of it.
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
            tables: [None; 4],
            codes: Default::default(),
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

    /// Bytes in a row of pixels for each of them: 1 for grey, else 3.
    pub fn channels(&self) -> usize {
        if self.colours == Colours::Grey { 1 } else { 3 }
    }

    /// About how many bytes [`Self::decode`] allocates.
    pub fn memory(&self) -> u64 {
        let samples = |component: &Component| {
            let rows = 3 * 8 * component.units[0] as u64;
            8 * component.row_blocks as u64 * rows
        };
        let blocks = |component: &Component| {
            (component.blocks[0].next_multiple_of(component.units[0]) * component.row_blocks) as u64 * 128
        };
        let held = if self.is_in_one_scan() { 0 } else { self.components.iter().map(blocks).sum() };
        held + self.components.iter().map(samples).sum::<u64>() + 16 * self.size[1] as u64
    }

    /// Gives `row` each row of pixels of the picture at one `reduction`th of its size: 1, 2, 4 or 8.
    pub fn decode<E: From<Fault>>(
        mut self,
        reduction: usize,
        row: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.is_in_one_scan() {
            return self.decode_scan_by_rows(reduction, row);
        }
        for component in &mut self.components {
            let blocks = component.blocks[0].next_multiple_of(component.units[0]) * component.row_blocks;
            component.coefficients = vec![[0; 64]; blocks];
        }
        self.decode_scans()?;
        let mut rows = Rows::new(&self, reduction);
        for unit in 0..self.units()[0] {
            for (component, plane) in self.components.iter().zip(&mut rows.planes) {
                let factors = component.factors.as_ref().ok_or(Fault::EndsEarly)?;
                let count = component.units[0] * component.row_blocks;
                let blocks = &component.coefficients[unit * count..][..count];
                plane.grow(component.units[0]);
                for (place, block) in blocks.iter().enumerate() {
                    plane.put([place / component.row_blocks, place % component.row_blocks], block, factors);
                }
            }
            rows.give(unit, row)?;
        }
        Ok(())
    }

    /// The code of the next marker that has a segment, or of the end.
    fn marker(&mut self) -> Result<u8, Fault> {
        loop {
            self.at = next_marker(self.data, self.at).ok_or(Fault::EndsEarly)? + 1;
            let code = self.data[self.at - 1];
            if !matches!(code, 0x01 | 0xd0..=0xd8) {
                return Ok(code);
            }
        }
    }

    /// The contents of the segment at `at`, which is passed.
    fn segment(&mut self) -> Result<&'a [u8], Fault> {
        let rest = &self.data[self.at..];
        let &[high, low, ..] = rest else { return Err(Fault::EndsEarly) };
        let len = usize::from(u16::from_be_bytes([high, low]));
        if len < 2 {
            return Err(Fault::Damaged("a segment has no length"));
        }
        self.at += len;
        rest.get(2..len).ok_or(Fault::EndsEarly)
    }

    fn table_or_frame(&mut self, marker: u8) -> Result<(), Fault> {
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
                    let to = self.codes.get_mut(class).and_then(|codes| codes.get_mut(place));
                    *to.ok_or(Fault::Damaged("there are too many Huffman tables"))? =
                        Some(Table::new(counts, symbols)?);
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
                    let to = self.tables.get_mut(usize::from(place & 15));
                    *to.ok_or(Fault::Damaged("there are too many tables of factors"))? = Some(table);
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

    fn frame(&mut self, is_progressive: bool) -> Result<(), Fault> {
        let segment = self.segment()?;
        if !self.components.is_empty() {
            return Err(Fault::Damaged("it has two sizes"));
        }
        let &[depth, h1, h0, w1, w0, count, ref rest @ ..] = segment else {
            return Err(Fault::Damaged("a segment is too short"));
        };
        if depth != 8 {
            return Err(Fault::Unsupported("a JPEG of more than 8 bits to a sample"));
        }
        let [height, width] = [[h1, h0], [w1, w0]].map(|side| usize::from(u16::from_be_bytes(side)));
        match [height, width] {
            [0, _] => return Err(Fault::Unsupported("a JPEG that tells its height behind its pixels")),
            [_, 0] => return Err(Fault::Damaged("it has no pixels")),
            _ if rest.len() != 3 * usize::from(count) || count == 0 => {
                return Err(Fault::Damaged("the list of its components is incomplete"));
            }
            _ => {}
        }
        self.is_progressive = is_progressive;
        self.size = [height, width];
        for component in rest.chunks_exact(3) {
            // The only component has no other to be finer than.
            let sampling = if count == 1 { 0x11 } else { component[1] };
            let units = [usize::from(sampling & 15), usize::from(sampling >> 4)];
            if !units.iter().all(|unit| (1..=4).contains(unit)) {
                return Err(Fault::Damaged("the resolution of a component is impossible"));
            }
            if self.components.iter().any(|other| other.id == component[0]) {
                return Err(Fault::Damaged("two of its components have the same number"));
            }
            self.components.push(Component {
                id: component[0],
                units,
                table: component[2].into(),
                blocks: [0; 2],
                row_blocks: 0,
                factors: None,
                coefficients: Vec::new(),
                lacks: [255; 64],
            });
        }
        let (most, units) = (self.finest(), self.units());
        for component in &mut self.components {
            for axis in [0, 1] {
                if !most[axis].is_multiple_of(component.units[axis]) {
                    return Err(Fault::Unsupported("a JPEG of components whose resolutions do not divide each other"));
                }
                component.blocks[axis] = (self.size[axis] * component.units[axis]).div_ceil(most[axis] * 8);
            }
            component.row_blocks = units[1] * component.units[1];
        }
        Ok(())
    }

    /// Most blocks of a component in a unit of all components, `[h, w]`.
    fn finest(&self) -> [usize; 2] {
        [0, 1].map(|axis| self.components.iter().map(|component| component.units[axis]).max().unwrap_or(1))
    }

    /// Units of blocks of all components, `[h, w]`.
    fn units(&self) -> [usize; 2] {
        let most = self.finest();
        [0, 1].map(|axis| self.size[axis].div_ceil(8 * most[axis]))
    }

    /// Whether the scan at `at` is the only one.
    fn is_in_one_scan(&self) -> bool {
        !self.is_progressive
            && self.data.get(self.at + 2).is_some_and(|&count| usize::from(count) == self.components.len())
    }

    /// Reads the header of the scan at `at`: the components, their Huffman tables, and what of them the scan holds.
    fn scan(&mut self) -> Result<(Vec<(usize, [Table; 2])>, Part), Fault> {
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
            (true, 0, 0) => Part::First { low },
            (true, 0, _) => Part::FirstBit { low },
            _ if end < start || end > 63 || count != 1 => return Err(broken),
            (true, _, 0) => Part::Rest { start, end, low },
            (true, _, _) => Part::RestBit { start, end, low },
        };
        if (self.is_progressive && low > 13) || !(1..=4).contains(&count) {
            return Err(broken);
        }
        let mut found: Vec<(usize, [Table; 2])> = Vec::new();
        for pair in list.chunks_exact(2) {
            let place = self.components.iter().position(|component| component.id == pair[0]).ok_or(broken)?;
            if found.iter().any(|&(other, _)| other == place) {
                return Err(broken);
            }
            let component = &mut self.components[place];
            if component.factors.is_none() {
                let table = self.tables.get(component.table).copied().flatten();
                component.factors = Some(table.ok_or(Fault::Damaged("a table of factors is missing"))?);
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
                let named = self.codes[class].get(number).ok_or(broken)?;
                Ok(named.clone().unwrap_or_else(|| Table::usual(class == 1, number > 0)))
            };
            found.push((place, [table(0)?, table(1)?]));
        }
        let blocks: usize =
            found.iter().map(|&(place, _)| self.components[place].units.iter().product::<usize>()).sum();
        if count > 1 && blocks > 10 {
            return Err(Fault::Damaged("a scan has too many blocks in a unit"));
        }
        Ok((found, part))
    }

    /// Makes sure that the picture ends with no scan missing.
    fn end(&mut self) -> Result<(), Fault> {
        loop {
            match self.marker()? {
                0xd9 => return Ok(()),
                0xda => return Err(Fault::Damaged("it has a scan too many")),
                marker => self.table_or_frame(marker)?,
            }
        }
    }

    fn decode_scan_by_rows<E: From<Fault>>(
        mut self,
        reduction: usize,
        row: &mut dyn FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let (found, part) = self.scan()?;
        let factors: Vec<[u16; 64]> =
            self.components.iter().map(|component| component.factors.unwrap_or([0; 64])).collect();
        let mut scan = Scan::new(Bits::new(self.data, self.at), part);
        let mut rows = Rows::new(&self, reduction);
        let mut restarts = Restarts::new(self.restart_interval);
        let [height, width] = self.units();
        for y in 0..height {
            for &(place, _) in &found {
                rows.planes[place].grow(self.components[place].units[0]);
            }
            for x in 0..width {
                restarts.unit(&mut scan)?;
                for &(place, [ref dc, ref ac]) in &found {
                    let [down, right] = self.components[place].units;
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

    /// Decodes the coefficients of all scans up to the end of the picture.
    fn decode_scans(&mut self) -> Result<(), Fault> {
        for _ in 0..MOST_SCANS {
            let (found, part) = self.scan()?;
            let mut scan = Scan::new(Bits::new(self.data, self.at), part);
            let mut restarts = Restarts::new(self.restart_interval);
            if let [(place, [dc, ac])] = &found[..] {
                // A unit of a single component is a block, and only blocks that have pixels are there.
                let component = &mut self.components[*place];
                let row_blocks = component.row_blocks;
                for row in component.coefficients.chunks_exact_mut(row_blocks).take(component.blocks[0]) {
                    for block in &mut row[..component.blocks[1]] {
                        restarts.unit(&mut scan)?;
                        scan.block(*place, [dc, ac], block)?;
                    }
                }
            } else {
                let [height, width] = self.units();
                for unit in 0..height * width {
                    restarts.unit(&mut scan)?;
                    for &(place, [ref dc, ref ac]) in &found {
                        let component = &mut self.components[place];
                        let [down, right] = component.units;
                        for i in 0..down * right {
                            let y = unit / width * down + i / right;
                            let x = unit % width * right + i % right;
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

/// Counts units up to the next restart marker.
struct Restarts {
    interval: usize,
    left: usize,
    number: u8,
}

impl Restarts {
    fn new(interval: usize) -> Self {
        Self { interval, left: interval, number: 0 }
    }

    /// Is called before each unit.
    #[inline(always)]
    fn unit(&mut self, scan: &mut Scan) -> Result<(), Fault> {
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

/// A component's samples, made of blocks.
struct Blocks {
    plane: Plane,
    /// Samples of a block on a side.
    side: usize,
    /// Where the rows of the unit in work begin.
    unit: usize,
}

impl Blocks {
    /// Makes room for the next unit of `units` rows of blocks.
    fn grow(&mut self, units: usize) {
        let rows = self.plane.grow(units * self.side);
        self.unit = rows;
    }

    /// Transforms the block at `[y, x]` of the unit in work.
    #[inline]
    fn put(&mut self, [y, x]: [usize; 2], block: &[i16; 64], factors: &[u16; 64]) {
        let mut coefficients = [0; 64];
        for ((to, &value), &factor) in coefficients.iter_mut().zip(block).zip(factors) {
            *to = i32::from(value) * i32::from(factor);
        }
        let stride = self.plane.stride;
        let start = self.unit + y * self.side * stride + x * self.side;
        dct::inverse(self.side, &coefficients, &mut self.plane.rows[start..], stride);
    }
}

/// Rows of pixels, given as soon as their samples are there.
struct Rows {
    planes: Vec<Blocks>,
    mixer: Mixer,
    /// Units downwards.
    units: usize,
    /// Rows of pixels in a unit, and in the picture.
    unit_rows: usize,
    height: usize,
    given: usize,
}

impl Rows {
    fn new(jpeg: &Jpeg, reduction: usize) -> Self {
        let finest = 8 / reduction;
        let most = jpeg.finest();
        let planes = jpeg.components.iter().map(|component| {
            // A coarser component's blocks are reduced less, rather than widened afterwards.
            let mut side = finest;
            while side < 8
                && [0, 1].iter().all(|&axis| (most[axis] * finest).is_multiple_of(component.units[axis] * side * 2))
            {
                side *= 2;
            }
            let size = [0, 1].map(|axis| (jpeg.size[axis] * component.units[axis] * side).div_ceil(most[axis] * 8));
            let pixels = [0, 1].map(|axis| most[axis] * finest / (component.units[axis] * side));
            Blocks { plane: Plane::new(size, component.row_blocks * side, pixels, finest == 1), side, unit: 0 }
        });
        let [height, width] = jpeg.size.map(|side| side.div_ceil(reduction));
        Self {
            planes: planes.collect(),
            mixer: Mixer::new(jpeg.colours, width),
            units: jpeg.units()[0],
            unit_rows: finest * most[0],
            height,
            given: 0,
        }
    }

    /// Gives the rows whose samples are there once unit `unit` is decoded.
    fn give<E: From<Fault>>(&mut self, unit: usize, row: &mut dyn FnMut(&[u8]) -> Result<(), E>) -> Result<(), E> {
        let mut end = (unit + 1) * self.unit_rows;
        if unit + 1 == self.units {
            end = self.height;
        } else if self.planes.iter().any(|blocks| blocks.plane.looks_ahead()) {
            end -= 1;
        }
        for y in self.given..end {
            row(self.mixer.row(self.planes.iter().map(|blocks| &blocks.plane), y))?;
        }
        self.given = end;
        self.planes.iter_mut().for_each(|blocks| blocks.plane.forget(end));
        Ok(())
    }
}
