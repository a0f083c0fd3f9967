//! The blocks of a scan: sequential (ITU-T T.81, F.2) and progressive (G.2).

use super::Fault;
use super::huffman::{Bits, Table};

/// Places of the coefficients, row by row, in the order in which they are coded.
#[rustfmt::skip]
pub(super) const ZIGZAG: [u8; 64] = [
     0,  1,  8, 16,  9,  2,  3, 10, 17, 24, 32, 25, 18, 11,  4,  5,
    12, 19, 26, 33, 40, 48, 41, 34, 27, 20, 13,  6,  7, 14, 21, 28,
    35, 42, 49, 56, 57, 50, 43, 36, 29, 22, 15, 23, 30, 37, 44, 51,
    58, 59, 52, 45, 38, 31, 39, 46, 53, 60, 61, 54, 47, 55, 62, 63,
];

const TOO_MANY: Fault = Fault::Damaged("a block has too many coefficients");

/// What a scan holds of its blocks' coefficients.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Part {
    /// All of them.
    Whole,
    /// The first, without its `low` last bits.
    First { low: u32 },
    /// One more bit of the first.
    FirstBit { low: u32 },
    /// Those from `start` to `end` (inclusive), without their `low` last bits.
    Rest { start: usize, end: usize, low: u32 },
    /// One more bit of those.
    RestBit { start: usize, end: usize, low: u32 },
}

/// Where a scan is.
pub(super) struct Scan<'a> {
    pub bits: Bits<'a>,
    pub part: Part,
    /// The last first coefficient of each component.
    predicted: [i32; 4],
    /// Blocks to come that have no new coefficients.
    empty_blocks: u32,
}

impl<'a> Scan<'a> {
    pub fn new(bits: Bits<'a>, part: Part) -> Self {
        Self { bits, part, predicted: [0; 4], empty_blocks: 0 }
    }

    pub fn restart(&mut self, number: u8) -> Result<(), Fault> {
        self.bits.restart(number)?;
        self.predicted = [0; 4];
        self.empty_blocks = 0;
        Ok(())
    }

    /// Decodes the next block of the scan's component number `place`.
    #[inline]
    pub fn block(&mut self, place: usize, [dc, ac]: [&Table; 2], block: &mut [i16; 64]) -> Result<(), Fault> {
        match self.part {
            Part::Whole => {
                block[0] = self.first(place, dc)? as i16;
                self.rest(ac, block)?;
            }
            Part::First { low } => block[0] = (self.first(place, dc)? << low) as i16,
            Part::FirstBit { low } => block[0] |= (self.bits.take(1) << low) as i16,
            Part::Rest { start, end, low } => self.band(ac, block, [start, end], low)?,
            Part::RestBit { start, end, low } => self.refine(ac, block, [start, end], low)?,
        }
        self.bits.check()
    }

    #[inline(always)]
    fn first(&mut self, place: usize, dc: &Table) -> Result<i32, Fault> {
        let size = dc.symbol(&mut self.bits)?;
        if size > 15 {
            return Err(Fault::Damaged("a coefficient is too large"));
        }
        let difference = self.bits.value(size.into());
        self.predicted[place] = self.predicted[place].wrapping_add(difference);
        Ok(self.predicted[place])
    }

    #[inline(always)]
    fn rest(&mut self, ac: &Table, block: &mut [i16; 64]) -> Result<(), Fault> {
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

    fn band(&mut self, ac: &Table, block: &mut [i16; 64], [start, end]: [usize; 2], low: u32) -> Result<(), Fault> {
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

    fn refine(&mut self, ac: &Table, block: &mut [i16; 64], [start, end]: [usize; 2], low: u32) -> Result<(), Fault> {
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
            // Passes the zeros, and refines what is none on the way.
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
