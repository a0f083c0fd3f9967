//! Samples of the components, each at its own resolution, as rows of pixels.
//!
//! Interpolation and colours are libjpeg's (`jdsample.c`, `jdcolor.c`), so that pixels have the same bits.

/// How the components make colours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Colours {
    Grey,
    Rgb,
    /// Luma and two differences (JFIF).
    YCbCr,
    /// Inverted, as Adobe writes them.
    Cmyk,
    /// The same, as luma and two differences.
    Ycck,
}

/// The samples of a component, of which only some rows are held.
pub(super) struct Plane {
    pub rows: Vec<u8>,
    /// Bytes from a row to the next.
    pub stride: usize,
    /// Number of the first row of `rows`.
    first: usize,
    /// Samples that count, of which there are at least 1.
    size: [usize; 2],
    /// Pixels to a sample, downwards and to the right.
    pixels: [usize; 2],
    /// Whether to interpolate downwards and to the right.
    smooth: [bool; 2],
}

impl Plane {
    /// A plane of `size` `[h, w]` samples in rows of `stride`, each for `pixels` `[h, w]`. `is_reduced` says that a block
    /// of the finest component is a single sample.
    pub fn new(size: [usize; 2], stride: usize, pixels: [usize; 2], is_reduced: bool) -> Self {
        let [down, right] = pixels;
        let wide = size[1] > 2;
        let smooth = match [down, right] {
            _ if is_reduced => [false; 2],
            [1, 2] => [false, wide],
            [2, 2] => [wide; 2],
            [2, 1] => [true, false],
            _ => [false; 2],
        };
        Self { rows: Vec::new(), stride, first: 0, size, pixels: [down, right], smooth }
    }

    /// Adds `count` rows; where in `rows` they begin.
    pub fn grow(&mut self, count: usize) -> usize {
        let old = self.rows.len();
        self.rows.resize(old + count * self.stride, 0);
        old
    }

    /// Whether the last row of pixels needs samples that are yet to come.
    pub fn looks_ahead(&self) -> bool {
        self.smooth[0]
    }

    /// Drops the rows that pixels from row `y` on do not need.
    pub fn forget(&mut self, y: usize) {
        let first = (y / self.pixels[0]).saturating_sub(1).max(self.first);
        let dropped = ((first - self.first) * self.stride).min(self.rows.len());
        self.rows.drain(..dropped);
        self.first = first;
    }

    fn row(&self, y: usize) -> &[u8] {
        let start = (y.min(self.size[0] - 1) - self.first) * self.stride;
        &self.rows[start..][..self.size[1]]
    }

    /// Row `y` of the pixels' values, for at least `out.len()` pixels but for what `size` is short of.
    fn pixels(&self, y: usize, sums: &mut Vec<u16>, out: &mut Vec<u8>) {
        let [down, right] = self.pixels;
        let near = self.row(y / down);
        let is_lower = y % down == 1;
        let far = || self.row(if is_lower { y / down + 1 } else { (y / down).saturating_sub(1) });
        out.clear();
        match self.smooth {
            [false, false] if right == 1 => out.extend_from_slice(near),
            [false, false] => near.iter().for_each(|&value| out.extend(std::iter::repeat_n(value, right))),
            [true, false] => {
                let bias = if is_lower { 2 } else { 1 };
                out.extend(
                    near.iter().zip(far()).map(|(&a, &b)| ((u16::from(a) * 3 + u16::from(b) + bias) >> 2) as u8),
                );
            }
            [false, true] => {
                sums.clear();
                sums.extend(near.iter().map(|&value| u16::from(value)));
                widen(sums, out, [1, 2], 2);
            }
            [true, true] => {
                sums.clear();
                sums.extend(near.iter().zip(far()).map(|(&a, &b)| u16::from(a) * 3 + u16::from(b)));
                widen(sums, out, [8, 7], 4);
            }
        }
    }
}

/// Twice as many values: each three quarters of the nearer sum and a quarter of the farther.
fn widen(sums: &[u16], out: &mut Vec<u8>, [left, right]: [u16; 2], shift: u32) {
    let last = sums.len() - 1;
    out.resize(2 * sums.len(), 0);
    let mix = |near: u16, far: u16, bias: u16| ((near * 3 + far + bias) >> shift) as u8;
    for ((window, pair), i) in sums.windows(3).zip(out[2..].chunks_exact_mut(2)).zip(1..last) {
        debug_assert!(i < last);
        pair[0] = mix(window[1], window[0], left);
        pair[1] = mix(window[1], window[2], right);
    }
    out[0] = mix(sums[0], sums[0], left);
    out[1] = mix(sums[0], sums[1.min(last)], right);
    out[2 * last] = mix(sums[last], sums[last.saturating_sub(1)], left);
    out[2 * last + 1] = mix(sums[last], sums[last], right);
}

/// Makes rows of pixels of planes.
pub(super) struct Mixer {
    colours: Colours,
    width: usize,
    sums: Vec<u16>,
    values: [Vec<u8>; 4],
    row: Vec<u8>,
}

impl Mixer {
    pub fn new(colours: Colours, width: usize) -> Self {
        Self { colours, width, sums: Vec::new(), values: Default::default(), row: Vec::new() }
    }

    /// Row `y`: a byte for each pixel of a grey picture, else red, green and blue.
    pub fn row<'a>(&mut self, planes: impl Iterator<Item = &'a Plane>, y: usize) -> &[u8] {
        for (plane, values) in planes.zip(&mut self.values) {
            plane.pixels(y, &mut self.sums, values);
            values.truncate(self.width);
        }
        let [a, b, c, d] = &self.values;
        if self.colours == Colours::Grey {
            return a;
        }
        self.row.resize(3 * self.width, 0);
        let pixels = self.row.chunks_exact_mut(3).zip(a).zip(b).zip(c);
        match self.colours {
            Colours::Grey => {}
            Colours::Rgb => pixels.for_each(|(((to, &r), &g), &b)| to.copy_from_slice(&[r, g, b])),
            Colours::YCbCr => pixels.for_each(|(((to, &y), &cb), &cr)| to.copy_from_slice(&rgb(y, cb, cr))),
            Colours::Cmyk => {
                pixels.zip(d).for_each(|((((to, &c), &m), &y), &k)| to.copy_from_slice(&ink([c, m, y], k)))
            }
            Colours::Ycck => pixels.zip(d).for_each(|((((to, &y), &cb), &cr), &k)| {
                to.copy_from_slice(&ink(rgb(y, cb, cr).map(|value| 255 - value), k));
            }),
        }
        &self.row
    }
}

const fn fix(value: f64) -> i32 {
    (value * 65536.0 + 0.5) as i32
}

/// Red, green and blue of luma and colour differences (JFIF 1.02).
#[inline(always)]
fn rgb(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let [y, cb, cr] = [i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128];
    let red = y + ((const { fix(1.40200) } * cr + 32768) >> 16);
    let green = y + ((const { -fix(0.34414) } * cb + 32768 - const { fix(0.71414) } * cr) >> 16);
    let blue = y + ((const { fix(1.77200) } * cb + 32768) >> 16);
    [red, green, blue].map(|value| value.clamp(0, 255) as u8)
}

/// What is left of white behind inks, which are inverted: 255 is none.
fn ink(inks: [u8; 3], black: u8) -> [u8; 3] {
    inks.map(|ink| ((u32::from(ink) * u32::from(black) + 127) / 255) as u8)
}
