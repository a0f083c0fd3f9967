//! Makes pixels of the samples of components, of which each has its own resolution.
//!
//! The arithmetic of interpolation and colours is that of libjpeg (`jdsample.c` and `jdcolor.c`), so that pixels have the
//! same bits.

/// How the components make colours.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Colours {
    Grey,
    Rgb,
    /// Luma and two differences (JFIF).
    YCbCr,
    /// Four inks. As Adobe writes them, 255 is no ink; libjpeg takes all files for such.
    Cmyk,
    /// Four inks, three of which are coded as luma and two differences.
    Ycck,
}

/// The samples of a component. Only the rows that are still needed are in memory.
pub(super) struct Plane {
    pub rows: Vec<u8>,
    /// How many bytes a row has.
    pub stride: usize,
    /// The number of the first row that is in `rows`.
    first: usize,
    /// How many samples `[h, w]` are of the picture, at least 1. The others fill blocks.
    size: [usize; 2],
    /// How many pixels `[h, w]` a sample is for.
    pixels: [usize; 2],
    /// Whether samples are interpolated, vertically and horizontally.
    smooth: [bool; 2],
}

impl Plane {
    /// A plane of `size` `[h, w]` samples, each for `pixels` `[h, w]`, in rows of `stride` bytes. libjpeg does not
    /// interpolate pictures at an eighth of their size, for which `is_eighth` is true.
    pub fn new(size: [usize; 2], stride: usize, pixels: [usize; 2], is_eighth: bool) -> Self {
        let [down, right] = pixels;
        let wide = size[1] > 2;
        let smooth = match [down, right] {
            _ if is_eighth => [false; 2],
            [1, 2] => [false, wide],
            [2, 2] => [wide; 2],
            [2, 1] => [true, false],
            _ => [false; 2],
        };
        Self { rows: Vec::new(), stride, first: 0, size, pixels: [down, right], smooth }
    }

    /// Adds `count` rows, and returns where in `rows` they begin.
    pub fn grow(&mut self, count: usize) -> usize {
        let old = self.rows.len();
        self.rows.resize(old + count * self.stride, 0);
        old
    }

    /// Whether the last row of pixels needs the row of samples that comes next.
    pub fn looks_ahead(&self) -> bool {
        self.smooth[0]
    }

    /// Drops the rows that no pixel from row `y` on needs.
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

    /// Writes the values of row `y` of pixels to `out`. There may be more of them than pixels.
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

/// Makes two values of each sum: three quarters of it and a quarter of its left or right neighbour.
fn widen(sums: &[u16], out: &mut Vec<u8>, [left, right]: [u16; 2], shift: u32) {
    let last = sums.len() - 1;
    out.resize(2 * sums.len(), 0);
    let mix = |near: u16, far: u16, bias: u16| ((near * 3 + far + bias) >> shift) as u8;
    for (window, pair) in sums.windows(3).zip(out[2..].chunks_exact_mut(2)) {
        pair[0] = mix(window[1], window[0], left);
        pair[1] = mix(window[1], window[2], right);
    }
    out[0] = mix(sums[0], sums[0], left);
    out[1] = mix(sums[0], sums[1.min(last)], right);
    out[2 * last] = mix(sums[last], sums[last.saturating_sub(1)], left);
    out[2 * last + 1] = mix(sums[last], sums[last], right);
}

/// Makes rows of pixels of the planes of all components.
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

    /// Row `y`, of one byte for each pixel if the picture is grey, else of red, green and blue.
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

/// The red, green and blue of a luma and two colour differences (JFIF 1.02).
#[inline(always)]
fn rgb(y: u8, cb: u8, cr: u8) -> [u8; 3] {
    let [y, cb, cr] = [i32::from(y), i32::from(cb) - 128, i32::from(cr) - 128];
    let red = y + ((const { fix(1.40200) } * cr + 32768) >> 16);
    let green = y + ((const { -fix(0.34414) } * cb + 32768 - const { fix(0.71414) } * cr) >> 16);
    let blue = y + ((const { fix(1.77200) } * cb + 32768) >> 16);
    [red, green, blue].map(|value| value.clamp(0, 255) as u8)
}

/// The red, green and blue of white paper with four inks, for each of which 255 is no ink.
fn ink(inks: [u8; 3], black: u8) -> [u8; 3] {
    inks.map(|ink| ((u32::from(ink) * u32::from(black) + 127) / 255) as u8)
}
