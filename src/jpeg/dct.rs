//! The inverse discrete cosine transform of a block, whole or at a half, a quarter or an eighth of its size.
//!
//! The integer arithmetic is libjpeg's (`jidctint.c` and `jidctred.c`: Loeffler, Ligtenberg and Moschytz, "Practical fast
//! 1-D DCT algorithms with 11 multiplications", 1989), so that the samples have the same bits.

use std::num::Wrapping;

/// The coefficients of a damaged file may be so large that sums overflow. They wrap, which does no harm.
type Int = Wrapping<i32>;

const CONST_BITS: usize = 13;
const PASS1_BITS: usize = 2;

const fn fix(value: f64) -> Int {
    Wrapping((value * (1 << CONST_BITS) as f64 + 0.5) as i32)
}

/// `value / 2^bits`, rounded.
#[inline(always)]
fn descale(value: Int, bits: usize) -> Int {
    (value + Wrapping(1 << (bits - 1))) >> bits
}

/// The sample of 8 bits from which the encoder subtracted 128.
#[inline(always)]
fn sample(value: Int) -> u8 {
    (value.0.saturating_add(128)).clamp(0, 255) as u8
}

/// Transforms dequantized `coefficients` (row by row) to `size` x `size` samples; `size` is 1, 2, 4 or 8.
pub(super) fn inverse(size: usize, coefficients: &[i32; 64], out: &mut [u8], stride: usize) {
    match size {
        8 => inverse_8(coefficients, out, stride),
        4 => inverse_4(coefficients, out, stride),
        2 => inverse_2(coefficients, out, stride),
        _ => out[0] = sample(descale(Wrapping(coefficients[0]), 3)),
    }
}

/// The transform of 8 values to 8, before descaling.
#[inline(always)]
fn line_8(v: [Int; 8]) -> [Int; 8] {
    let z1 = (v[2] + v[6]) * const { fix(0.541196100) };
    let t2 = z1 - v[6] * const { fix(1.847759065) };
    let t3 = z1 + v[2] * const { fix(0.765366865) };
    let t0 = (v[0] + v[4]) << CONST_BITS;
    let t1 = (v[0] - v[4]) << CONST_BITS;
    let even = [t0 + t3, t1 + t2, t1 - t2, t0 - t3];

    let [t0, t1, t2, t3] = [v[7], v[5], v[3], v[1]];
    let z5 = (t0 + t2 + t1 + t3) * const { fix(1.175875602) };
    let z1 = -(t0 + t3) * const { fix(0.899976223) };
    let z2 = -(t1 + t2) * const { fix(2.562915447) };
    let z3 = z5 - (t0 + t2) * const { fix(1.961570560) };
    let z4 = z5 - (t1 + t3) * const { fix(0.390180644) };
    let odd = [
        t3 * const { fix(1.501321110) } + z1 + z4,
        t2 * const { fix(3.072711026) } + z2 + z3,
        t1 * const { fix(2.053119869) } + z2 + z4,
        t0 * const { fix(0.298631336) } + z1 + z3,
    ];
    [
        even[0] + odd[0],
        even[1] + odd[1],
        even[2] + odd[2],
        even[3] + odd[3],
        even[3] - odd[3],
        even[2] - odd[2],
        even[1] - odd[1],
        even[0] - odd[0],
    ]
}

fn inverse_8(coefficients: &[i32; 64], out: &mut [u8], stride: usize) {
    let mut columns = [Wrapping(0); 64];
    for x in 0..8 {
        let column: [Int; 8] = std::array::from_fn(|y| Wrapping(coefficients[8 * y + x]));
        if column[1..].iter().all(|value| value.0 == 0) {
            for y in 0..8 {
                columns[8 * y + x] = column[0] << PASS1_BITS;
            }
            continue;
        }
        for (y, value) in line_8(column).into_iter().enumerate() {
            columns[8 * y + x] = descale(value, CONST_BITS - PASS1_BITS);
        }
    }
    for (row, out) in columns.chunks_exact(8).zip(out.chunks_mut(stride)) {
        let line = line_8(row.try_into().unwrap_or_default());
        for (to, value) in out.iter_mut().zip(line) {
            *to = sample(descale(value, CONST_BITS + PASS1_BITS + 3));
        }
    }
}

/// The transform of 8 values to 4, before descaling. The fifth value makes no difference.
#[inline(always)]
fn line_4(v: [Int; 8]) -> [Int; 4] {
    let t0 = v[0] << (CONST_BITS + 1);
    let t2 = v[2] * const { fix(1.847759065) } - v[6] * const { fix(0.765366865) };
    let (even0, even1) = (t0 + t2, t0 - t2);
    let odd1 =
        v[5] * const { fix(1.451774981) } - v[7] * const { fix(0.211164243) } - v[3] * const { fix(2.172734803) }
            + v[1] * const { fix(1.061594337) };
    let odd0 = v[3] * const { fix(0.899976223) } + v[1] * const { fix(2.562915447) }
        - v[7] * const { fix(0.509795579) }
        - v[5] * const { fix(0.601344887) };
    [even0 + odd0, even1 + odd1, even1 - odd1, even0 - odd0]
}

fn inverse_4(coefficients: &[i32; 64], out: &mut [u8], stride: usize) {
    let mut columns = [Wrapping(0); 32];
    for x in [0, 1, 2, 3, 5, 6, 7] {
        let column = std::array::from_fn(|y| Wrapping(coefficients[8 * y + x]));
        for (y, value) in line_4(column).into_iter().enumerate() {
            columns[8 * y + x] = descale(value, CONST_BITS - PASS1_BITS + 1);
        }
    }
    for (row, out) in columns.chunks_exact(8).zip(out.chunks_mut(stride)) {
        let line = line_4(row.try_into().unwrap_or_default());
        for (to, value) in out.iter_mut().zip(line) {
            *to = sample(descale(value, CONST_BITS + PASS1_BITS + 3 + 1));
        }
    }
}

/// The transform of 8 values to 2, before descaling. The third, fifth and seventh values make no difference.
#[inline(always)]
fn line_2(v: [Int; 8]) -> [Int; 2] {
    let even = v[0] << (CONST_BITS + 2);
    let odd = v[5] * const { fix(0.850430095) } - v[7] * const { fix(0.720959822) } - v[3] * const { fix(1.272758580) }
        + v[1] * const { fix(3.624509785) };
    [even + odd, even - odd]
}

fn inverse_2(coefficients: &[i32; 64], out: &mut [u8], stride: usize) {
    let mut columns = [Wrapping(0); 16];
    for x in [0, 1, 3, 5, 7] {
        let column = std::array::from_fn(|y| Wrapping(coefficients[8 * y + x]));
        for (y, value) in line_2(column).into_iter().enumerate() {
            columns[8 * y + x] = descale(value, CONST_BITS - PASS1_BITS + 2);
        }
    }
    for (row, out) in columns.chunks_exact(8).zip(out.chunks_mut(stride)) {
        let line = line_2(row.try_into().unwrap_or_default());
        for (to, value) in out.iter_mut().zip(line) {
            *to = sample(descale(value, CONST_BITS + PASS1_BITS + 3 + 2));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::f64::consts::PI;

    /// The definition (A.3.3). For the smaller sizes, a sample is the average of a square of samples.
    fn naive(size: usize, coefficients: &[i32; 64]) -> Vec<f64> {
        let scale = |k: usize| if k == 0 { 0.5_f64.sqrt() } else { 1.0 };
        let mut samples = vec![0.0; size * size];
        for place in 0..64 {
            let [y, x] = [place / 8, place % 8];
            for (k, &coefficient) in coefficients.iter().enumerate() {
                let wave = |at: usize, k: usize| scale(k) * ((2 * at + 1) as f64 * k as f64 * PI / 16.0).cos();
                let value = f64::from(coefficient) / 4.0 * wave(y, k / 8) * wave(x, k % 8);
                samples[y * size / 8 * size + x * size / 8] += value * (size * size) as f64 / 64.0;
            }
        }
        samples
    }

    #[test]
    fn each_size_is_the_average_of_the_whole() {
        let mut state = 1_u32;
        let mut random = |most: i32| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            (state >> 16) as i32 % (2 * most + 1) - most
        };
        for round in 0..200 {
            let mut coefficients = [0; 64];
            coefficients[0] = random(700);
            for coefficient in coefficients.iter_mut().skip(1).step_by(1 + round % 7) {
                *coefficient = random(60);
            }
            for size in [1, 2, 4, 8] {
                let mut out = vec![0; 64];
                inverse(size, &coefficients, &mut out, 8);
                for (i, expected) in naive(size, &coefficients).into_iter().enumerate() {
                    let found = f64::from(out[i / size * 8 + i % size]);
                    let expected = (expected + 128.0).clamp(0.0, 255.0);
                    assert!((found - expected).abs() < 1.01, "{size}, {i}: {found} {expected}");
                }
            }
        }
    }

    #[test]
    fn coefficients_of_damaged_files_are_no_panic() {
        for value in [i32::MAX, i32::MIN, -1] {
            for size in [1, 2, 4, 8] {
                inverse(size, &[value; 64], &mut [0; 64], 8);
            }
        }
    }
}
