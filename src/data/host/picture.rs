//! One picture of any size as the pixels of a network's input.

use std::io;
use std::path::Path;

use super::DataError;
use super::memory::Memory;
use super::orientation::Orientation;
use super::picture_fault::Fault;
use super::picture_formats::Source;
use super::resize::{Axis, Resizer};
use crate::{file, foreign_panic};

/// The endings of the names of picture files, in lower case.
pub const EXTENSIONS: [&str; 9] = ["png", "jpg", "jpeg", "jfif", "gif", "bmp", "tif", "tiff", "webp"];
/// The largest width and height of a picture.
pub const MAX_SIDE: u64 = 65_535;
/// The largest number of pixels of a picture.
pub const MOST_PIXELS: u64 = 200_000_000;
/// The largest size of a picture file in bytes.
pub const MAX_BYTES: u64 = 1 << 30;
/// The largest number of bytes that all pictures being decoded at the same time take in memory, with their files.
pub const MOST_MEMORY: u64 = 2 << 30;

/// A JPEG of more pixels than this is decoded at a half, a quarter or an eighth of its size, if [`ENOUGH`] pixels remain.
const REDUCED_ABOVE: usize = 24_000_000;
/// How many pixels must remain on each axis for each pixel of the result. The result then differs by a few levels of 255
/// at most from that of the whole picture.
const ENOUGH: usize = 4;

/// The memory that all pictures share while they are decoded.
static MEMORY: Memory = Memory::new(MOST_MEMORY);

/// Reads the picture at `path` as pixels of `shape` `[h, w, c]`. The picture is turned as its EXIF orientation says, cut
/// about its centre to the proportions of `[h, w]`, and resized. If it has the size already, its pixels stay as they are.
///
/// The contents of the file decide its format: PNG, JPEG, GIF (the first picture), BMP, TIFF (the first picture) or WebP.
///
/// With 1 channel the pixels are grey, by the luma of ITU-R BT.601 (`0.299 R + 0.587 G + 0.114 B`); with 3 they are red,
/// green and blue. In both cases the picture is placed on a white background where it is transparent. With 4 channels the
/// pixels are red, green, blue and alpha.
///
/// BMP, PNG without interlacing, and JPEG in one scan are read row by row: besides the file, they take up to 180 bytes of
/// memory for each pixel of a row. Most other pictures take up to 11 bytes for each of their pixels, and animated WebP 19.
/// All threads together take at most [`MOST_MEMORY`]: a thread that would exceed it waits until others are done.
///
/// # Errors
///
/// [`DataError::Read`] if the file can't be read, or has more than [`MAX_BYTES`]. [`DataError::Picture`] if it is in
/// another format, is cut short or damaged, is larger than [`MAX_SIDE`] or [`MOST_PIXELS`], or takes more than
/// [`MOST_MEMORY`]; and if `c` is not 1, 3 or 4.
pub fn read(path: &Path, shape: [usize; 3]) -> Result<Vec<u8>, DataError> {
    let broken = |fault: Fault| DataError::Picture { path: path.into(), reason: fault.to_string() };
    if !matches!(shape[2], 1 | 3 | 4) {
        return Err(broken(Fault::Channels(shape[2])));
    }
    let read_error = |source: io::Error| DataError::Read { path: path.into(), source };
    let len = file::open(path).and_then(|file| file.metadata()).map_err(read_error)?.len();
    // Reading refuses a file of more than MAX_BYTES, so no memory is kept for more.
    let mut memory = MEMORY.take(len.min(MAX_BYTES));
    loop {
        let bytes = file::read(path, MAX_BYTES).map_err(read_error)?;
        // A library may panic if a file has something that it did not expect.
        let needed = foreign_panic::catch(|| {
            let picture = open(&bytes)?;
            let needed = bytes.len() as u64 + picture.memory + resizing(&picture, shape);
            if needed > MOST_MEMORY {
                return Err(Fault::Memory(needed));
            }
            if !memory.grow(needed) {
                return Ok(Err(needed));
            }
            decode(picture, shape).map(Ok)
        });
        match needed.unwrap_or(Err(Fault::Damaged("its decoder gave up"))).map_err(broken)? {
            Ok(pixels) => return Ok(pixels),
            Err(needed) => {
                // This thread gives back its memory before it waits, because others may be waiting for that memory.
                drop((bytes, memory));
                memory = MEMORY.take(needed);
            }
        }
    }
}

/// Reads the header of a picture, and refuses a picture that is too large.
fn open(bytes: &[u8]) -> Result<Source<'_>, Fault> {
    let picture = Source::open(bytes)?;
    let size = picture.size.map(|side| side as u64);
    match size {
        [0, _] | [_, 0] => Err(Fault::Damaged("it has no pixels")),
        [h, w] if h > MAX_SIDE || w > MAX_SIDE || h * w > MOST_PIXELS => Err(Fault::TooLarge(size)),
        _ => Ok(picture),
    }
}

/// The number of bytes that resizing takes at most, with its result.
fn resizing(picture: &Source, [h, w, c]: [usize; 3]) -> u64 {
    (picture.size[1] * 4 * 4 * 8 + 3 * h * w * c) as u64
}

/// Decodes a picture at the smallest size that is enough for `shape`.
fn decode(picture: Source, shape: [usize; 3]) -> Result<Vec<u8>, Fault> {
    let cut = Cut::new(picture.size, picture.orientation, [shape[0], shape[1]]);
    let is_enough = |&reduction: &usize| (0..2).all(|axis| cut.len[axis] >= ENOUGH * reduction * cut.to[axis]);
    let may_reduce = picture.reduces && picture.size[0] * picture.size[1] > REDUCED_ABOVE;
    let reduction = [8, 4, 2].into_iter().find(|reduction| may_reduce && is_enough(reduction)).unwrap_or(1);
    decode_reduced(picture, shape, &cut, reduction)
}

/// Decodes the part `cut` of a picture at its size divided by `reduction`.
fn decode_reduced(picture: Source, [h, w, c]: [usize; 3], cut: &Cut, reduction: usize) -> Result<Vec<u8>, Fault> {
    let Source { size, channels, orientation, .. } = picture;
    let own = match (channels, c) {
        (1, _) | (_, 1) | (2, 3) => 1,
        (2 | 4, 4) => 4,
        _ => 3,
    };
    let mut resizer = Resizer::new(cut.axis(0, reduction), cut.axis(1, reduction), own);
    let (mut given, mut row) = (0, Vec::new());
    (picture.rows)(reduction, &mut |stored| {
        given += 1;
        row.clear();
        convert(stored, channels, own, &mut row);
        resizer.push(&row);
        Ok(())
    })?;
    if given != size[0].div_ceil(reduction) {
        return Err(Fault::EndsEarly);
    }
    let stored = resizer.finish();
    let mut pixels = Vec::with_capacity(h * w * c);
    for place in 0..h * w {
        let [y, x] = orientation.stored(cut.to, [place / w, place % w]);
        let pixel = &stored[(y * cut.to[1] + x) * own..][..own];
        match (pixel, c) {
            (&[grey], 3) => pixels.extend([grey; 3]),
            (&[grey], 4) => pixels.extend([grey, grey, grey, 255]),
            (&[r, g, b], 4) => pixels.extend([r, g, b, 255]),
            _ => pixels.extend_from_slice(pixel),
        }
    }
    Ok(pixels)
}

/// The part of a picture that is kept. Rows and columns are those of the file, before the picture is turned.
struct Cut {
    /// The first row and column, `[y, x]`.
    start: [usize; 2],
    /// The size of the part, `[h, w]`.
    len: [usize; 2],
    /// The size that the part is resized to, `[h, w]`.
    to: [usize; 2],
}

impl Cut {
    /// The largest part about the centre that has the proportions of `[h, w]` when the picture is turned.
    fn new(size: [usize; 2], orientation: Orientation, [h, w]: [usize; 2]) -> Self {
        let [ph, pw] = Orientation::sides(size, orientation.transposes);
        let rounded = |a: usize, b: usize| ((a as u64 + b as u64 / 2) / b as u64).max(1) as usize;
        let [ch, cw] = if pw * h > ph * w { [ph, rounded(ph * w, h)] } else { [rounded(pw * h, w), pw] };
        let [y, x] = [(ph - ch) / 2, (pw - cw) / 2];
        let corners = [[y, x], [y + ch - 1, x + cw - 1]].map(|corner| orientation.stored(size, corner));
        Self {
            start: [0, 1].map(|axis| corners[0][axis].min(corners[1][axis])),
            len: Orientation::sides([ch, cw], orientation.transposes),
            to: Orientation::sides([h, w], orientation.transposes),
        }
    }

    /// One axis of the part (0 for rows, 1 for columns) in the picture at its size divided by `reduction`.
    fn axis(&self, axis: usize, reduction: usize) -> Axis {
        let (start, len) = (self.start[axis], self.len[axis]);
        Axis {
            start: start / reduction,
            len: (start + len).div_ceil(reduction) - start / reduction,
            offset: (start % reduction) as f32 / reduction as f32,
            part: len as f32 / reduction as f32,
            to: self.to[axis],
        }
    }
}

/// Converts pixels of `from` channels to pixels of `to` channels, and appends them to `out`. 1 channel is grey, 2 are grey
/// and alpha, 3 are colours, 4 are colours and alpha.
fn convert(row: &[u8], from: usize, to: usize, out: &mut Vec<u8>) {
    let over_white = |value: u8, alpha: u8| {
        let [value, alpha] = [value, alpha].map(u32::from);
        ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8
    };
    // The luma of ITU-R BT.601, in the integers of Pillow, which Keras uses.
    let luma = |[r, g, b]: [u8; 3]| {
        let [r, g, b] = [r, g, b].map(u32::from);
        ((19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16) as u8
    };
    let pixels = row.chunks_exact(from);
    match (from, to) {
        (2, 1) => out.extend(pixels.map(|pixel| over_white(pixel[0], pixel[1]))),
        (2, 4) => out.extend(pixels.flat_map(|pixel| [pixel[0], pixel[0], pixel[0], pixel[1]])),
        (3, 1) => out.extend(pixels.map(|pixel| luma([pixel[0], pixel[1], pixel[2]]))),
        (4, 1) => out.extend(pixels.map(|pixel| luma([0, 1, 2].map(|channel| over_white(pixel[channel], pixel[3]))))),
        (4, 3) => out.extend(pixels.flat_map(|pixel| [0, 1, 2].map(|channel| over_white(pixel[channel], pixel[3])))),
        _ => out.extend_from_slice(row),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Cursor;

    use image::{
        DynamicImage, ExtendedColorType, GrayImage, ImageBuffer, ImageEncoder, ImageFormat, Luma, LumaA, Rgb, RgbImage,
        Rgba,
        codecs::{jpeg::JpegEncoder, png::PngEncoder},
    };

    fn decode(bytes: &[u8], [h, w]: [usize; 2]) -> Result<Vec<u8>, Fault> {
        super::decode(open(bytes)?, [h, w, 3])
    }

    fn png(picture: impl Into<DynamicImage>) -> Vec<u8> {
        let mut bytes = Vec::new();
        picture.into().write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
        bytes
    }

    /// A picture whose red is its column and whose green is its row.
    fn coordinates(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 200]))
    }

    /// EXIF metadata that have only an orientation.
    fn exif(orientation: u8) -> Vec<u8> {
        let mut exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0".to_vec();
        exif.extend([orientation, 0, 0, 0, 0, 0, 0, 0]);
        exif
    }

    /// Reds and greens of decoded pixels, as `coordinates` has them.
    fn places(pixels: &[u8]) -> Vec<(u8, u8)> {
        pixels.chunks(3).map(|pixel| (pixel[0], pixel[1])).collect()
    }

    #[test]
    fn a_picture_of_the_size_keeps_its_pixels() {
        let picture = RgbImage::from_fn(31, 17, |x, y| Rgb([x, y, x * y].map(|value| (value * 77 % 251) as u8)));
        assert_eq!(decode(&png(picture.clone()), [17, 31]).unwrap(), picture.into_raw());
    }

    #[test]
    fn other_sizes_are_cut_about_their_centre() {
        // If one side has the size already, the picture is cut and not resized.
        let wide = decode(&png(coordinates(9, 2)), [2, 3]).unwrap();
        assert_eq!(places(&wide), [(3, 0), (4, 0), (5, 0), (3, 1), (4, 1), (5, 1)]);
        let high = decode(&png(coordinates(2, 8)), [2, 2]).unwrap();
        assert_eq!(places(&high), [(0, 3), (1, 3), (0, 4), (1, 4)]);
        // If an odd number of pixels is cut off, the extra pixel is cut on the right.
        let odd = decode(&png(coordinates(3, 2)), [2, 2]).unwrap();
        assert_eq!(places(&odd), [(0, 0), (1, 0), (0, 1), (1, 1)]);
    }

    #[test]
    fn shrinking_averages_and_growing_interpolates() {
        // The middle 128 of the 256 columns are kept, and 16 of them make one pixel of the result.
        let pixels = decode(&png(coordinates(256, 128)), [8, 8]).unwrap();
        for (i, (red, green)) in places(&pixels).into_iter().enumerate() {
            let centre = |place: usize| 16.0 * place as f64 + 7.5;
            assert!((f64::from(red) - 64.0 - centre(i % 8)).abs() < 2.0, "{i}: {red}");
            assert!((f64::from(green) - centre(i / 8)).abs() < 2.0, "{i}: {green}");
        }
        // A checkerboard of single pixels becomes grey.
        let board = RgbImage::from_fn(99, 99, |x, y| Rgb([if (x + y) % 2 == 0 { 255 } else { 0 }; 3]));
        assert!(decode(&png(board), [9, 9]).unwrap().iter().all(|&value| value.abs_diff(127) < 6));
        let grown = decode(&png(RgbImage::from_pixel(1, 1, Rgb([9, 8, 7]))), [5, 3]).unwrap();
        assert_eq!(grown, [9, 8, 7].repeat(15));
    }

    #[test]
    fn extreme_proportions_need_no_extreme_memory() {
        let thread = decode(&png(coordinates(16_000, 1)), [4096, 4096]).unwrap();
        assert_eq!(thread.len(), 4096 * 4096 * 3);
        assert_eq!(decode(&png(coordinates(1, 300)), [1, 4096]).unwrap().len(), 4096 * 3);
    }

    #[test]
    fn exif_orientation_is_applied() {
        // As stored:
        //   (0, 0) (1, 0) (2, 0)
        //   (0, 1) (1, 1) (2, 1)
        let upright = [(0, 0), (1, 0), (2, 0), (0, 1), (1, 1), (2, 1)];
        let mirrored = [(2, 0), (1, 0), (0, 0), (2, 1), (1, 1), (0, 1)];
        let upside_down = [(2, 1), (1, 1), (0, 1), (2, 0), (1, 0), (0, 0)];
        let flipped = [(0, 1), (1, 1), (2, 1), (0, 0), (1, 0), (2, 0)];
        let transposed = [(0, 0), (0, 1), (1, 0), (1, 1), (2, 0), (2, 1)];
        let clockwise = [(0, 1), (0, 0), (1, 1), (1, 0), (2, 1), (2, 0)];
        let anti_transposed = [(2, 1), (2, 0), (1, 1), (1, 0), (0, 1), (0, 0)];
        let anticlockwise = [(2, 0), (2, 1), (1, 0), (1, 1), (0, 0), (0, 1)];
        for (orientation, expected, size) in [
            (1, upright, [2, 3]),
            (2, mirrored, [2, 3]),
            (3, upside_down, [2, 3]),
            (4, flipped, [2, 3]),
            (5, transposed, [3, 2]),
            (6, clockwise, [3, 2]),
            (7, anti_transposed, [3, 2]),
            (8, anticlockwise, [3, 2]),
        ] {
            let mut bytes = Vec::new();
            let mut encoder = PngEncoder::new(&mut bytes);
            encoder.set_exif_metadata(exif(orientation)).unwrap();
            encoder.write_image(&coordinates(3, 2), 3, 2, ExtendedColorType::Rgb8).unwrap();
            assert_eq!(places(&decode(&bytes, size).unwrap()), expected, "orientation {orientation}");
        }
    }

    #[test]
    fn exif_orientation_of_a_jpeg_is_applied() {
        // The left half is black. The picture is turned clockwise, so the upper half becomes black.
        let picture = GrayImage::from_fn(32, 16, |x, _| Luma([if x < 16 { 0 } else { 255 }]));
        let mut bytes = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 100);
        encoder.set_exif_metadata(exif(6)).unwrap();
        encoder.write_image(&picture, 32, 16, ExtendedColorType::L8).unwrap();
        let pixels = decode(&bytes, [32, 16]).unwrap();
        let (upper, lower) = pixels.split_at(16 * 16 * 3);
        assert!(upper.iter().all(|&value| value < 3) && lower.iter().all(|&value| value > 252));
    }

    #[test]
    fn transparent_is_white() {
        let picture = ImageBuffer::from_raw(
            4,
            1,
            [[10, 20, 30, 0], [10, 20, 30, 255], [0, 100, 255, 51], [0, 0, 0, 128]].concat(),
        );
        let pixels = decode(&png(picture.map(|p: ImageBuffer<Rgba<u8>, _>| p).unwrap()), [1, 4]).unwrap();
        assert_eq!(pixels, [[255; 3], [10, 20, 30], [204, 224, 255], [127; 3]].concat());
        // The colours of transparent pixels must not show in a smaller picture.
        let dots =
            ImageBuffer::from_fn(
                64,
                64,
                |x, _| if x % 2 == 0 { Rgba([255, 255, 255, 255]) } else { Rgba([0_u8, 0, 0, 0]) },
            );
        assert!(decode(&png(dots), [8, 8]).unwrap().iter().all(|&value| value == 255));
        let grey: ImageBuffer<LumaA<u16>, _> = ImageBuffer::from_raw(2, 1, vec![0x8080_u16, 0xffff, 7, 0]).unwrap();
        assert_eq!(decode(&png(grey), [1, 2]).unwrap(), [128, 128, 128, 255, 255, 255]);
    }

    #[test]
    fn grey_and_16_bits_become_8_bit_colours() {
        let grey = GrayImage::from_raw(2, 1, vec![3, 250]).unwrap();
        assert_eq!(decode(&png(grey), [1, 2]).unwrap(), [3, 3, 3, 250, 250, 250]);
        let deep: ImageBuffer<Rgb<u16>, _> = ImageBuffer::from_raw(1, 1, vec![0_u16, 0x7f7f, 0xffff]).unwrap();
        assert_eq!(decode(&png(deep), [1, 1]).unwrap(), [0, 127, 255]);
    }

    /// A JPEG of noise, whose metadata contain another JPEG, as thumbnails do.
    fn noisy_jpeg() -> Vec<u8> {
        let noise = RgbImage::from_fn(64, 48, |x, y| Rgb([x * 37 + y * 91, x * y, x * x + y * 13].map(|v| v as u8)));
        let jpeg = |metadata: Vec<u8>| {
            let mut bytes = Vec::new();
            let mut encoder = JpegEncoder::new(&mut bytes);
            encoder.set_exif_metadata(metadata).unwrap();
            encoder.write_image(&noise, 64, 48, ExtendedColorType::Rgb8).unwrap();
            bytes
        };
        let thumbnail = jpeg(exif(1));
        jpeg([exif(1), thumbnail].concat())
    }

    #[test]
    fn every_cut_is_an_error() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let jpeg = noisy_jpeg();
        for whole in [png(coordinates(40, 30)), jpeg] {
            std::fs::write(file.path(), &whole).unwrap();
            assert_eq!(read(file.path(), [8, 8, 3]).unwrap().len(), 8 * 8 * 3);
            // The last 12 bytes of a PNG only mark its end.
            for len in (0..whole.len() - 12).step_by(7) {
                std::fs::write(file.path(), &whole[..len]).unwrap();
                let error = read(file.path(), [8, 8, 3]).unwrap_err();
                assert!(matches!(error, DataError::Picture { .. }), "{len} of {}: {error}", whole.len());
                assert!(!error.to_string().contains('\n'), "{error}");
            }
        }
    }

    /// A picture that is like a photograph: it has gradients, edges and noise.
    fn photo(width: u32, height: u32) -> RgbImage {
        let mut state = 1_u32;
        RgbImage::from_fn(width, height, |x, y| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let noise = state >> 28;
            let edge = 80 * u32::from(((x * 3 + y) / 97).is_multiple_of(3));
            Rgb([x * 160 / width + edge, y * 160 / height + edge, 150 - x * 90 / width].map(|v| (v + noise) as u8))
        })
    }

    fn jpeg(picture: &RgbImage, orientation: u8) -> Vec<u8> {
        let mut bytes = Vec::new();
        let mut encoder = JpegEncoder::new_with_quality(&mut bytes, 90);
        encoder.set_exif_metadata(exif(orientation)).unwrap();
        encoder.write_image(picture, picture.width(), picture.height(), ExtendedColorType::Rgb8).unwrap();
        bytes
    }

    #[test]
    fn reduced_pictures_are_close_to_whole_ones() {
        for (size, shape, orientation) in
            [([1003, 805], [25, 20, 3], 1), ([640, 905], [20, 28, 3], 6), ([811, 1205], [16, 16, 1], 3)]
        {
            let bytes = jpeg(&photo(size[0], size[1]), orientation);
            let at = |reduction| {
                let picture = open(&bytes).unwrap();
                let cut = Cut::new(picture.size, picture.orientation, [shape[0], shape[1]]);
                decode_reduced(picture, shape, &cut, reduction).unwrap()
            };
            let whole = at(1);
            for reduction in [2, 4, 8] {
                let differences: Vec<u8> = whole.iter().zip(at(reduction)).map(|(a, b)| a.abs_diff(b)).collect();
                let most = differences.iter().max().unwrap();
                let mean = differences.iter().map(|&value| f64::from(value)).sum::<f64>() / differences.len() as f64;
                assert!(*most <= 5 && mean < 0.5, "{size:?} at 1/{reduction}: {most}, {mean}");
            }
        }
    }

    #[test]
    fn orientations_turn_the_part_that_is_kept() {
        let picture = photo(173, 120);
        for orientation in 1..=8 {
            let turned = DynamicImage::from(picture.clone());
            let expected = {
                let mut turned = turned;
                turned.apply_orientation(image::metadata::Orientation::from_exif(orientation).unwrap());
                decode(&png(turned), [30, 41]).unwrap()
            };
            let mut bytes = Vec::new();
            let mut encoder = PngEncoder::new(&mut bytes);
            encoder.set_exif_metadata(exif(orientation)).unwrap();
            encoder.write_image(&picture, 173, 120, ExtendedColorType::Rgb8).unwrap();
            let found = decode(&bytes, [30, 41]).unwrap();
            let most = found.iter().zip(&expected).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
            assert!(most <= 1, "{orientation}: {most}");
        }
    }

    #[test]
    fn channels_are_grey_colours_or_colours_and_alpha() {
        let colours: ImageBuffer<Rgba<u8>, _> =
            ImageBuffer::from_raw(3, 1, vec![255, 0, 0, 255, 10, 200, 30, 255, 0, 0, 255, 0]).unwrap();
        let of = |bytes: &[u8], c| super::decode(open(bytes).unwrap(), [1, 3, c]).unwrap();
        // 0.299 * 255 and 0.299 * 10 + 0.587 * 200 + 0.114 * 30; what is transparent is white.
        assert_eq!(of(&png(colours.clone()), 1), [76, 124, 255]);
        assert_eq!(of(&png(colours.clone()), 3), [255, 0, 0, 10, 200, 30, 255, 255, 255]);
        assert_eq!(of(&png(colours.clone()), 4), colours.into_raw());
        let grey = png(GrayImage::from_raw(3, 1, vec![0, 77, 255]).unwrap());
        assert_eq!(of(&grey, 1), [0, 77, 255]);
        assert_eq!(of(&grey, 4), [0, 0, 0, 255, 77, 77, 77, 255, 255, 255, 255, 255]);
        let thin: ImageBuffer<LumaA<u8>, _> = ImageBuffer::from_raw(3, 1, vec![0, 0, 8, 255, 100, 51]).unwrap();
        assert_eq!(of(&png(thin.clone()), 1), [255, 8, 224]);
        assert_eq!(of(&png(thin), 4), [0, 0, 0, 0, 8, 8, 8, 255, 100, 100, 100, 51]);
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), grey).unwrap();
        let error = read(file.path(), [1, 3, 2]).unwrap_err().to_string();
        assert!(error.contains("1, 3 or 4 channels, but 2 were asked for"), "{error}");
    }

    #[test]
    fn headers_that_promise_too_much_are_refused() {
        let mut bytes = png(RgbImage::new(2, 2));
        for (width, height, message) in [
            (65_536_u32, 1_u32, "at most 65535 on a side"),
            (60_000, 60_000, "200 million in all"),
            (20_001, 10_000, "it has 20001 x 10000 pixels"),
            (20_000, 10_000, "a part of its pixels is missing"),
        ] {
            bytes[16..20].copy_from_slice(&width.to_be_bytes());
            bytes[20..24].copy_from_slice(&height.to_be_bytes());
            let mut crc = flate2::Crc::new();
            crc.update(&bytes[12..29]);
            bytes[29..33].copy_from_slice(&crc.sum().to_be_bytes());
            let reason = decode(&bytes, [32, 32]).unwrap_err().to_string();
            assert!(reason.contains(message), "{width} x {height}: {reason}");
        }
        let mut bytes = noisy_jpeg();
        let frame = bytes.windows(2).rposition(|pair| pair == [0xff, 0xc0]).unwrap();
        bytes[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
        assert!(matches!(decode(&bytes, [32, 32]), Err(Fault::TooLarge([65_535, 65_535]))));
    }

    #[test]
    fn a_wrong_checksum_is_told_in_plain_words() {
        let mut bytes = png(coordinates(40, 30));
        let end = bytes.len() - 20;
        bytes[end] ^= 1;
        let reason = decode(&bytes, [8, 8]).unwrap_err().to_string();
        assert_eq!(reason, "it is damaged (a checksum is wrong); get it again, or remove it");
    }

    #[test]
    fn files_of_other_kinds_are_refused() {
        let file = tempfile::NamedTempFile::with_suffix(".png").unwrap();
        for bytes in [&b""[..], b"GIF89a\x01\0\x01\0\0\0\0;", b"notes", b"\x89PNG\r\n\x1a\nnonsense", b"\xff\xd8\xff"] {
            std::fs::write(file.path(), bytes).unwrap();
            let error = read(file.path(), [8, 8, 3]).unwrap_err();
            assert!(matches!(error, DataError::Picture { .. }) && error.to_string().contains(".png"), "{error}");
        }
        // The contents decide, not the name.
        std::fs::write(file.path(), noisy_jpeg()).unwrap();
        assert!(read(file.path(), [8, 8, 3]).is_ok());
        assert!(matches!(read(Path::new("no/such.png"), [8, 8, 3]), Err(DataError::Read { .. })));
        assert!(matches!(read(Path::new("src"), [8, 8, 3]), Err(DataError::Read { .. })));
    }
}
