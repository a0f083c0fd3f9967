//! Huffman codes and the bit stream that has them (ITU-T T.81, Annexes C and F).

use super::Fault;

/// Codes of up to this many bits are found with one look into a table.
const FAST: u32 = 9;

/// Reads the entropy-coded data of a scan bit by bit, up to the next marker.
pub(super) struct Bits<'a> {
    data: &'a [u8],
    /// The place of the next byte to read.
    pub at: usize,
    /// The next `count` bits; the first of them is the highest bit of the number.
    bits: u64,
    count: u32,
    /// How many of the bits read so far are zeros that stand for data behind the end.
    missing: u32,
}

impl<'a> Bits<'a> {
    pub fn new(data: &'a [u8], at: usize) -> Self {
        Self { data, at, bits: 0, count: 0, missing: 0 }
    }

    /// Reads until there are 32 bits, which is enough for a code and the value that follows it.
    #[inline(always)]
    fn fill(&mut self) {
        if self.count >= 32 {
            return;
        }
        if let Some(&four) = self.data[self.at.min(self.data.len())..].first_chunk::<4>() {
            let word = u32::from_be_bytes(four);
            // A byte of 0xff may begin a marker; its complement is a byte of 0, which this expression finds.
            let zeros = (!word).wrapping_sub(0x0101_0101) & word & 0x8080_8080;
            if zeros == 0 {
                self.bits |= u64::from(word) << (32 - self.count);
                self.count += 32;
                self.at += 4;
                return;
            }
        }
        self.fill_slowly();
    }

    #[cold]
    fn fill_slowly(&mut self) {
        while self.count <= 56 {
            let byte = match (self.data.get(self.at), self.data.get(self.at + 1)) {
                (Some(0xff), Some(0)) => {
                    self.at += 2;
                    Some(0xff)
                }
                (Some(0xff), _) | (None, _) => None,
                (Some(&byte), _) => {
                    self.at += 1;
                    Some(byte)
                }
            };
            match byte {
                Some(byte) => self.bits |= u64::from(byte) << (56 - self.count),
                None => self.missing += 8,
            }
            self.count += 8;
        }
    }

    #[inline(always)]
    fn drop(&mut self, count: u32) {
        self.bits <<= count;
        self.count -= count;
    }

    /// Takes the next `count` bits, at most 16.
    #[inline(always)]
    pub fn take(&mut self, count: u32) -> u32 {
        self.fill();
        // There are two shifts because `count` may be 0, and Rust does not shift by all 64 bits.
        let value = (self.bits >> 1 >> (63 - count)) as u32;
        self.drop(count);
        value
    }

    /// Takes a signed value of `size` bits (Figure F.12).
    #[inline(always)]
    pub fn value(&mut self, size: u32) -> i32 {
        let value = self.take(size) as i32;
        if size > 0 && value < 1 << (size - 1) { value - (1 << size) + 1 } else { value }
    }

    /// Fails if more bits were taken than the data have.
    #[inline(always)]
    pub fn check(&self) -> Result<(), Fault> {
        if self.missing > self.count { Err(Fault::EndsEarly) } else { Ok(()) }
    }

    /// Continues behind the next marker, which must be the restart marker with this number (0 to 7).
    pub fn restart(&mut self, number: u8) -> Result<(), Fault> {
        let Some(next) = next_marker(self.data, self.at) else { return Err(Fault::EndsEarly) };
        match self.data[next] {
            marker if marker == 0xd0 + number => {
                *self = Self::new(self.data, next + 1);
                Ok(())
            }
            0xd0..=0xd7 => Err(Fault::Damaged("a part of it is missing")),
            _ => Err(Fault::EndsEarly),
        }
    }
}

/// The place of the code (the second byte) of the next marker at or behind `at`.
pub(super) fn next_marker(data: &[u8], at: usize) -> Option<usize> {
    let mut at = at;
    loop {
        at += data.get(at..)?.iter().position(|&byte| byte == 0xff)?;
        while data.get(at) == Some(&0xff) {
            at += 1;
        }
        if *data.get(at)? != 0 {
            return Some(at);
        }
    }
}

/// A table of Huffman codes.
#[derive(Clone)]
pub(super) struct Table {
    /// The length and symbol of the code that the bits of the index begin with. The length is 0 if the code is longer.
    fast: Box<[(u8, u8); 1 << FAST]>,
    symbols: Vec<u8>,
    /// For each length, the smallest 16 bits that are greater than all codes of the length.
    limits: [u32; 17],
    /// For each length, the number that is added to a code to get the place of its symbol.
    offsets: [i32; 17],
}

impl Table {
    /// The table with `counts` codes of the lengths from 1 to 16.
    pub fn new(counts: &[u8; 16], symbols: &[u8]) -> Result<Self, Fault> {
        let broken = Err(Fault::Damaged("a table of Huffman codes is impossible"));
        let mut table =
            Self { fast: Box::new([(0, 0); 1 << FAST]), symbols: symbols.to_vec(), limits: [0; 17], offsets: [0; 17] };
        let (mut code, mut place) = (0_u32, 0_usize);
        for length in 1..=16 {
            table.offsets[length] = place as i32 - code as i32;
            for _ in 0..counts[length - 1] {
                let Some(&symbol) = symbols.get(place) else { return broken };
                if code >= 1 << length {
                    return broken;
                }
                if length as u32 <= FAST {
                    let free = FAST - length as u32;
                    let first = (code << free) as usize;
                    table.fast[first..first + (1 << free)].fill((length as u8, symbol));
                }
                code += 1;
                place += 1;
            }
            table.limits[length] = code << (16 - length);
            code <<= 1;
        }
        Ok(table)
    }

    /// Takes the next code, and returns its symbol.
    #[inline(always)]
    pub fn symbol(&self, bits: &mut Bits) -> Result<u8, Fault> {
        bits.fill();
        let (length, symbol) = self.fast[(bits.bits >> (64 - FAST)) as usize];
        if length > 0 {
            bits.drop(length.into());
            return Ok(symbol);
        }
        self.long_symbol(bits)
    }

    #[cold]
    fn long_symbol(&self, bits: &mut Bits) -> Result<u8, Fault> {
        let next = (bits.bits >> 48) as u32;
        for length in FAST as usize + 1..=16 {
            if next < self.limits[length] {
                let place = (next >> (16 - length)) as i32 + self.offsets[length];
                bits.drop(length as u32);
                return self.symbols.get(place as usize).copied().ok_or(Fault::Damaged("a Huffman code is unknown"));
            }
        }
        Err(if bits.missing > 0 { Fault::EndsEarly } else { Fault::Damaged("a Huffman code is unknown") })
    }

    /// The table of Annex K.3. Frames of Motion JPEG use these tables without defining them.
    pub fn usual(is_ac: bool, is_colour: bool) -> Self {
        const DC: [u8; 12] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11];
        let (counts, symbols): (&[u8; 16], &[u8]) = match (is_ac, is_colour) {
            (false, false) => (&[0, 1, 5, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0], &DC),
            (false, true) => (&[0, 3, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0, 0], &DC),
            (true, false) => (&[0, 2, 1, 3, 3, 2, 4, 3, 5, 5, 4, 4, 0, 0, 1, 0x7d], &LUMA_AC),
            (true, true) => (&[0, 2, 1, 2, 4, 4, 3, 4, 7, 5, 4, 4, 0, 1, 2, 0x77], &COLOUR_AC),
        };
        Self::new(counts, symbols).unwrap_or_else(|_| unreachable!("the tables of Annex K are sound"))
    }
}

/// Table K.5.
#[rustfmt::skip]
const LUMA_AC: [u8; 162] = [
    0x01, 0x02, 0x03, 0x00, 0x04, 0x11, 0x05, 0x12, 0x21, 0x31, 0x41, 0x06, 0x13, 0x51, 0x61, 0x07, 0x22, 0x71,
    0x14, 0x32, 0x81, 0x91, 0xa1, 0x08, 0x23, 0x42, 0xb1, 0xc1, 0x15, 0x52, 0xd1, 0xf0, 0x24, 0x33, 0x62, 0x72,
    0x82, 0x09, 0x0a, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x25, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x34, 0x35, 0x36, 0x37,
    0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59,
    0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a, 0x83,
    0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a, 0xa2, 0xa3,
    0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba, 0xc2, 0xc3,
    0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda, 0xe1, 0xe2,
    0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
];
/// Table K.6.
#[rustfmt::skip]
const COLOUR_AC: [u8; 162] = [
    0x00, 0x01, 0x02, 0x03, 0x11, 0x04, 0x05, 0x21, 0x31, 0x06, 0x12, 0x41, 0x51, 0x07, 0x61, 0x71, 0x13, 0x22,
    0x32, 0x81, 0x08, 0x14, 0x42, 0x91, 0xa1, 0xb1, 0xc1, 0x09, 0x23, 0x33, 0x52, 0xf0, 0x15, 0x62, 0x72, 0xd1,
    0x0a, 0x16, 0x24, 0x34, 0xe1, 0x25, 0xf1, 0x17, 0x18, 0x19, 0x1a, 0x26, 0x27, 0x28, 0x29, 0x2a, 0x35, 0x36,
    0x37, 0x38, 0x39, 0x3a, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48, 0x49, 0x4a, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58,
    0x59, 0x5a, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x73, 0x74, 0x75, 0x76, 0x77, 0x78, 0x79, 0x7a,
    0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8a, 0x92, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99, 0x9a,
    0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0xa9, 0xaa, 0xb2, 0xb3, 0xb4, 0xb5, 0xb6, 0xb7, 0xb8, 0xb9, 0xba,
    0xc2, 0xc3, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xd2, 0xd3, 0xd4, 0xd5, 0xd6, 0xd7, 0xd8, 0xd9, 0xda,
    0xe2, 0xe3, 0xe4, 0xe5, 0xe6, 0xe7, 0xe8, 0xe9, 0xea, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8, 0xf9, 0xfa,
];
