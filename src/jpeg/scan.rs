//! The blocks of a scan: sequential (ITU-T T.81, F.2) and progressive (G.2).

use super::Fault;
use super::huffman::{Bits, Table};

/// Where in a block (row by row) each coefficient of the zigzag order is.
#[rustfmt::skip]
pub(super) const ZIGZAG: [u8; 64] = [
     0,  1,  8, 16,  9,  2,  3, 10, 17, 24, 32, 25, 18, 11,  4,  5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13,  6,  7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

const TOO_MANY: Fault = Fault::Damaged("a block has too many coefficients");

/// Which part of the coefficients a scan has. A progressive picture first leaves out the `low` lowest bits of a
/// coefficient, and adds them in later scans, one bit in each.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Part {
    /// All coefficients, as in a sequential picture.
    Whole,
    /// The DC coefficient without its `low` lowest bits.
    DcFirst { low: u32 },
    /// Bit `low` of the DC coefficient.
    DcRefine { low: u32 },
    /// The AC coefficients from `start` to `end` (inclusive) of the zigzag order, without their `low` lowest bits.
    AcFirst { start: usize, end: usize, low: u32 },
    /// Bit `low` of those coefficients.
    AcRefine { start: usize, end: usize, low: u32 },
}

/// A scan while it is decoded.
pub(super) struct Scan<'a> {
    pub bits: Bits<'a>,
    pub part: Part,
    /// The last DC coefficient of each component.
    predicted: [i32; 4],
    /// How many of the next blocks have no new coefficients (EOBRUN).
    empty_blocks: u32,
}

impl<'a> Scan<'a> {
    pub fn new(bits: Bits<'a>, part: Part) -> Self {
        Self { bits, part, predicted: [0; 4], empty_blocks: 0 }
    }

    /// Continues behind the restart marker with this number (0 to 7).
    pub fn restart(&mut self, number: u8) -> Result<(), Fault> {
        self.bits.restart(number)?;
        self.predicted = [0; 4];
        self.empty_blocks = 0;
        Ok(())
    }

    /// Decodes the next block, which belongs to component `place` of the frame.
    #[inline]
    pub fn block(&mut self, place: usize, [dc, ac]: [&Table; 2], block: &mut [i16; 64]) -> Result<(), Fault> {
        match self.part {
            Part::Whole => {
                block[0] = self.dc(place, dc)? as i16;
                self.ac(ac, block)?;
            }
            Part::DcFirst { low } => block[0] = (self.dc(place, dc)? << low) as i16,
            Part::DcRefine { low } => block[0] |= (self.bits.take(1) << low) as i16,
            Part::AcFirst { start, end, low } => self.ac_first(ac, block, [start, end], low)?,
            Part::AcRefine { start, end, low } => self.ac_refine(ac, block, [start, end], low)?,
        }
        self.bits.check()
    }

    #[inline(always)]
    fn dc(&mut self, place: usize, dc: &Table) -> Result<i32, Fault> {
        let size = dc.symbol(&mut self.bits)?;
        if size > 15 {
            return Err(Fault::Damaged("a coefficient is too large"));
        }
        let difference = self.bits.value(size.into());
        self.predicted[place] = self.predicted[place].wrapping_add(difference);
        Ok(self.predicted[place])
    }

    #[inline(always)]
    fn ac(&mut self, ac: &Table, block: &mut [i16; 64]) -> Result<(), Fault> {
        let mut k = 1;
        while k < 64 {
            let symbol = ac.symbol(&mut self.bits)?;
            let (zeros, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            if size == 0 {
                if zeros < 15 {
                    break;
                }
                k += 16;
                continue;
            }
            k += zeros;
            let &place = ZIGZAG.get(k).ok_or(TOO_MANY)?;
            block[usize::from(place & 63)] = self.bits.value(size) as i16;
            k += 1;
        }
        Ok(())
    }

    fn ac_first(&mut self, ac: &Table, block: &mut [i16; 64], [start, end]: [usize; 2], low: u32) -> Result<(), Fault> {
        if self.empty_blocks > 0 {
            self.empty_blocks -= 1;
            return Ok(());
        }
        let mut k = start;
        while k <= end {
            let symbol = ac.symbol(&mut self.bits)?;
            let (zeros, size) = (usize::from(symbol >> 4), u32::from(symbol & 15));
            if size == 0 {
                if zeros < 15 {
                    self.empty_blocks = (1 << zeros) + self.bits.take(zeros as u32) - 1;
                    break;
                }
                k += 16;
                continue;
            }
            k += zeros;
            if k > end {
                return Err(TOO_MANY);
            }
            block[usize::from(ZIGZAG[k])] = (self.bits.value(size) << low) as i16;
            k += 1;
        }
        Ok(())
    }

    fn ac_refine(
        &mut self,
        ac: &Table,
        block: &mut [i16; 64],
        [start, end]: [usize; 2],
        low: u32,
    ) -> Result<(), Fault> {
        let bit = 1_i16 << low;
        let mut k = start;
        while self.empty_blocks == 0 && k <= end {
            let symbol = ac.symbol(&mut self.bits)?;
            let (mut zeros, size) = (symbol >> 4, symbol & 15);
            let new = match size {
                0 if zeros < 15 => {
                    self.empty_blocks = (1 << zeros) + self.bits.take(zeros.into());
                    break;
                }
                0 => 0,
                1 if self.bits.take(1) == 1 => bit,
                1 => -bit,
                _ => return Err(Fault::Damaged("a coefficient is too large")),
            };
            // Skips as many zeros, and refines the other coefficients on the way.
            while k <= end {
                let value = &mut block[usize::from(ZIGZAG[k])];
                if *value != 0 {
                    refine(&mut self.bits, value, bit);
                } else if zeros > 0 {
                    zeros -= 1;
                } else {
                    *value = new;
                    k += 1;
                    break;
                }
                k += 1;
            }
        }
        if self.empty_blocks > 0 {
            for k in k..=end {
                let value = &mut block[usize::from(ZIGZAG[k])];
                if *value != 0 {
                    refine(&mut self.bits, value, bit);
                }
            }
            self.empty_blocks -= 1;
        }
        Ok(())
    }
}

#[inline(always)]
fn refine(bits: &mut Bits, value: &mut i16, bit: i16) {
    if bits.take(1) == 1 && *value & bit == 0 {
        *value = if *value > 0 { value.wrapping_add(bit) } else { value.wrapping_sub(bit) };
    }
}
