//! A picture of pixels.

use super::ReportError;

/// Red, green and blue of each pixel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raster {
    width: u32,
    height: u32,
    /// `[height, width, 3]`
    pixels: Vec<u8>,
}

impl Raster {
    /// A picture whose pixel at column `x` and row `y` is `colour(x, y)`.
    pub fn from_fn(width: u32, height: u32, mut colour: impl FnMut(u32, u32) -> [u8; 3]) -> Self {
        let places = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        Self { width, height, pixels: places.flat_map(|(x, y)| colour(x, y)).collect() }
    }

    /// Columns and rows.
    pub fn dimensions(&self) -> [u32; 2] {
        [self.width, self.height]
    }

    /// The colour at column `x` and row `y`, which must be in the picture.
    pub fn pixel(&self, x: u32, y: u32) -> [u8; 3] {
        let start = 3 * (y as usize * self.width as usize + x as usize);
        [0, 1, 2].map(|channel| self.pixels[start + channel])
    }

    /// Copies `other` so that its left upper corner is at column `x` and row `y`. What would lie outside is left out.
    pub fn put(&mut self, other: &Self, x: u32, y: u32) {
        let columns = other.width.min(self.width.saturating_sub(x)) as usize;
        for row in 0..other.height.min(self.height.saturating_sub(y)) {
            let to = 3 * ((y + row) as usize * self.width as usize + x as usize);
            let from = 3 * row as usize * other.width as usize;
            self.pixels[to..to + 3 * columns].copy_from_slice(&other.pixels[from..from + 3 * columns]);
        }
    }

    /// Each pixel as a square of `scale` x `scale` pixels.
    pub fn enlarged(&self, scale: u32) -> Self {
        Self::from_fn(self.width * scale, self.height * scale, |x, y| self.pixel(x / scale, y / scale))
    }

    /// The picture at a smaller size, each pixel of which is the average of those that it covers.
    pub fn reduced(&self, width: u32, height: u32) -> Self {
        let range = |place: u32, to: u32, from: u32| {
            let [start, end] =
                [place, place + 1].map(|place| (u64::from(place) * u64::from(from) / u64::from(to)) as u32);
            start..end.max(start + 1).min(from)
        };
        Self::from_fn(width, height, |x, y| {
            let (rows, columns) = (range(y, height, self.height), range(x, width, self.width));
            let count = rows.len() as u32 * columns.len() as u32;
            let mut sums = [0; 3];
            for (x, y) in rows.flat_map(|y| columns.clone().map(move |x| (x, y))) {
                sums.iter_mut().zip(self.pixel(x, y)).for_each(|(sum, value)| *sum += u32::from(value));
            }
            sums.map(|sum| ((sum + count / 2) / count.max(1)) as u8)
        })
    }

    /// The bytes of a PNG file.
    ///
    /// # Errors
    /// [`ReportError::Picture`]
    pub fn to_png(&self) -> Result<Vec<u8>, ReportError> {
        let mut bytes = Vec::new();
        let mut encoder = png::Encoder::new(&mut bytes, self.width, self.height);
        encoder.set_color(png::ColorType::Rgb);
        let mut writer = encoder.write_header()?;
        writer.write_image_data(&self.pixels)?;
        writer.finish()?;
        Ok(bytes)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pictures_are_placed_enlarged_and_reduced() {
        let small = Raster::from_fn(3, 2, |x, y| [x as u8 * 10, y as u8 * 100, 7]);
        let large = small.enlarged(4);
        assert_eq!(large.dimensions(), [12, 8]);
        assert_eq!([large.pixel(3, 3), large.pixel(4, 4), large.pixel(11, 7)], [[0, 0, 7], [10, 100, 7], [20, 100, 7]]);
        assert_eq!(large.reduced(3, 2), small);
        assert_eq!(small.reduced(1, 1).pixel(0, 0), [10, 50, 7]);
        let mut white = Raster::from_fn(4, 4, |_, _| [255; 3]);
        white.put(&small, 2, 3);
        assert_eq!([white.pixel(2, 3), white.pixel(3, 3), white.pixel(1, 3)], [[0, 0, 7], [10, 0, 7], [255; 3]]);
    }

    #[test]
    fn a_png_keeps_the_pixels() {
        let picture = Raster::from_fn(5, 4, |x, y| [x as u8, y as u8, 200]);
        let read = image::load_from_memory(&picture.to_png().unwrap()).unwrap().into_rgb8();
        assert_eq!((read.dimensions(), read.into_raw()), ((5, 4), picture.pixels));
    }
}
