//! One picture of any size as the pixels of a network's input.

use std::{
    io::{self, Cursor},
    path::Path,
};

use image::{
    DynamicImage, ImageDecoder, ImageError, ImageFormat, ImageReader, Limits, RgbImage,
    error::{DecodingError, ImageFormatHint, LimitErrorKind},
    imageops::{self, FilterType},
};

use super::DataError;
use crate::{file, foreign_panic};

/// Ends of the names of files that are taken for pictures, in lower case.
pub const EXTENSIONS: [&str; 9] = ["png", "jpg", "jpeg", "jfif", "bmp", "gif", "tif", "tiff", "webp"];
/// Largest width and height of a picture.
pub const MAX_SIDE: u32 = 16_384;
/// Most scans of a JPEG; progressive ones have a dozen. Each visits every pixel, however short it is.
const MOST_SCANS: usize = 100;
/// Largest file, in bytes.
pub const MAX_BYTES: u64 = 256 << 20;

/// Reads the picture at `path` (its contents decide its format) as pixels of `shape` `[h, w, c]`: turned as its EXIF
/// orientation says, cut to the proportions of `[h, w]` about its centre, and resized. A picture that has the size
/// already keeps its pixels.
///
/// With 1 channel the pixels are grey, by the luma of ITU-R BT.601 (`0.299 R + 0.587 G + 0.114 B`); with 3 they are red,
/// green and blue; both are laid over white where the picture is transparent. With 4 they are red, green, blue and alpha.
///
/// # Errors
///
/// [`DataError::Read`], also for one of more than [`MAX_BYTES`]; [`DataError::Picture`] for a file that is something
/// else, is cut short, is larger than [`MAX_SIDE`], or has more than [`most_pixel_bytes`], and for other channels than
/// 1, 3 or 4.
pub fn read(path: &Path, shape: [usize; 3]) -> Result<Vec<u8>, DataError> {
    let read_error = |source: io::Error| DataError::Read { path: path.into(), source };
    let broken = |reason: String| DataError::Picture { path: path.into(), reason };
    let [h, w, channels] = shape;
    if !matches!(channels, 1 | 3 | 4) {
        return Err(broken(format!("it has 1, 3 or 4 channels, and {channels} were asked for")));
    }
    let bytes = file::read(path, MAX_BYTES).map_err(read_error)?;
    // A library may panic at what it did not expect of a file.
    match foreign_panic::catch(|| decode_channels(&bytes, [h, w], channels)) {
        Some(decoded) => decoded.map_err(|error| broken(reason(&error, bytes.len()))),
        None => Err(broken("it made its decoder panic, so it is damaged".into())),
    }
}

/// Most bytes of the pixels of a picture whose file has `file_len` bytes: a small file may say that it is a large picture.
pub fn most_pixel_bytes(file_len: usize) -> u64 {
    (64 << 20) + 4 * file_len as u64
}

fn decode_channels(bytes: &[u8], size: [usize; 2], channels: usize) -> Result<Vec<u8>, ImageError> {
    let rgb = decode(bytes, size)?;
    let luma = |pixel: &[u8]| {
        let [r, g, b] = [pixel[0], pixel[1], pixel[2]].map(u32::from);
        ((19595 * r + 38470 * g + 7471 * b + 0x8000) >> 16) as u8
    };
    Ok(match channels {
        1 => rgb.chunks_exact(3).map(luma).collect(),
        4 => rgb.chunks_exact(3).flat_map(|pixel| [pixel[0], pixel[1], pixel[2], 255]).collect(),
        _ => rgb,
    })
}

fn decode(bytes: &[u8], size: [usize; 2]) -> Result<Vec<u8>, ImageError> {
    let mut reader = ImageReader::new(Cursor::new(bytes)).with_guessed_format()?;
    let is_jpeg = reader.format() == Some(ImageFormat::Jpeg);
    if is_jpeg {
        // The decoder fills what is missing with grey.
        let scans = jpeg_scans(bytes).ok_or(io::Error::from(io::ErrorKind::UnexpectedEof))?;
        if scans > MOST_SCANS {
            let reason = format!("it has more than {MOST_SCANS} scans");
            return Err(ImageError::Decoding(DecodingError::new(ImageFormatHint::Exact(ImageFormat::Jpeg), reason)));
        }
    }
    let mut limits = Limits::default();
    limits.max_image_width = Some(MAX_SIDE);
    limits.max_image_height = Some(MAX_SIDE);
    limits.max_alloc = Some(most_pixel_bytes(bytes.len()));
    reader.limits(limits.clone());
    let mut decoder = reader.into_decoder()?;
    // Whatever it has, it becomes colours, with transparency or without.
    let [width, height] = <[u32; 2]>::from(decoder.dimensions()).map(u64::from);
    let channels = if decoder.color_type().has_alpha() { 4 } else { 3 };
    limits.reserve(decoder.total_bytes().max(width * height * channels))?;
    let orientation = decoder.orientation()?;
    let mut picture = DynamicImage::from_decoder(decoder)?;
    picture.apply_orientation(orientation);
    Ok(fit(over_white(picture), size).into_raw())
}

/// Scans of a JPEG, if they are followed by the marker of its end.
fn jpeg_scans(bytes: &[u8]) -> Option<usize> {
    // Segments before the first scan may hold a whole JPEG, a thumbnail, and are skipped by their lengths.
    let mut at = 2;
    loop {
        match bytes.get(at..at + 4) {
            Some([0xff, 0xda, ..]) => {
                let count = |marker| bytes[at..].windows(2).filter(|pair| *pair == [0xff, marker]).count();
                return (count(0xd9) > 0).then(|| count(0xda));
            }
            Some([0xff, 0xff, ..]) => at += 1,
            Some(&[0xff, _, high, low]) => at += 2 + usize::from(u16::from_be_bytes([high, low])),
            // The decoder knows better.
            Some(_) => return Some(0),
            None => return None,
        }
    }
}

/// Eight bits a channel, without transparency.
fn over_white(picture: DynamicImage) -> RgbImage {
    if !picture.color().has_alpha() {
        return picture.into_rgb8();
    }
    let picture = picture.into_rgba8();
    let mut opaque = RgbImage::new(picture.width(), picture.height());
    for (to, from) in opaque.pixels_mut().zip(picture.pixels()) {
        let [colour @ .., alpha] = from.0.map(u32::from);
        to.0 = colour.map(|value| ((value * alpha + 255 * (255 - alpha) + 127) / 255) as u8);
    }
    opaque
}

/// The largest part about the centre with the proportions of `size`, resized to it.
fn fit(picture: RgbImage, [height, width]: [usize; 2]) -> RgbImage {
    let [h, w] = [height, width].map(|side| side as u64);
    let [ph, pw] = [picture.height(), picture.width()].map(u64::from);
    if [ph, pw] == [h, w] {
        return picture;
    }
    let rounded = |a: u64, b: u64| ((a + b / 2) / b).max(1);
    let [ch, cw] = if pw * h > ph * w { [ph, rounded(ph * w, h)] } else { [rounded(pw * h, w), pw] };
    let [y, x, ch, cw] = [(ph - ch) / 2, (pw - cw) / 2, ch, cw].map(|pixels| pixels as u32);
    let part = imageops::crop_imm(&picture, x, y, cw, ch);
    imageops::resize(&*part, w as u32, h as u32, FilterType::CatmullRom)
}

/// What is wrong, in one line.
fn reason(error: &ImageError, file_len: usize) -> String {
    match error {
        ImageError::Limits(limit) if limit.kind() == LimitErrorKind::DimensionError => {
            format!("it is wider or higher than {MAX_SIDE} pixels")
        }
        ImageError::Limits(_) => format!("it has more than {} MiB of pixels", most_pixel_bytes(file_len) >> 20),
        ImageError::IoError(error) if error.kind() == io::ErrorKind::UnexpectedEof => "it ends early".into(),
        ImageError::Unsupported(_) => "it is neither PNG nor JPEG, or of a rare kind".into(),
        error => error.to_string().split_whitespace().collect::<Vec<_>>().join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use image::{
        ExtendedColorType, GrayImage, ImageBuffer, ImageEncoder, Luma, LumaA, Rgb, Rgba,
        codecs::{jpeg::JpegEncoder, png::PngEncoder},
    };

    fn png(picture: impl Into<DynamicImage>) -> Vec<u8> {
        let mut bytes = Vec::new();
        picture.into().write_to(&mut Cursor::new(&mut bytes), ImageFormat::Png).unwrap();
        bytes
    }

    /// A picture whose red is its column and whose green is its row.
    fn coordinates(width: u32, height: u32) -> RgbImage {
        RgbImage::from_fn(width, height, |x, y| Rgb([x as u8, y as u8, 200]))
    }

    /// EXIF metadata that hold an orientation and nothing else.
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
        // Cut without resizing: the side that fits stays as it is.
        let wide = decode(&png(coordinates(9, 2)), [2, 3]).unwrap();
        assert_eq!(places(&wide), [(3, 0), (4, 0), (5, 0), (3, 1), (4, 1), (5, 1)]);
        let high = decode(&png(coordinates(2, 8)), [2, 2]).unwrap();
        assert_eq!(places(&high), [(0, 3), (1, 3), (0, 4), (1, 4)]);
        // What can't be halved is cut on the right.
        let odd = decode(&png(coordinates(3, 2)), [2, 2]).unwrap();
        assert_eq!(places(&odd), [(0, 0), (1, 0), (0, 1), (1, 1)]);
    }

    #[test]
    fn shrinking_averages_and_growing_interpolates() {
        // Of columns 0 to 255 the middle 128 are kept; a pixel of the result stands for 16 of them.
        let pixels = decode(&png(coordinates(256, 128)), [8, 8]).unwrap();
        for (i, (red, green)) in places(&pixels).into_iter().enumerate() {
            let centre = |place: usize| 16.0 * place as f64 + 7.5;
            assert!((f64::from(red) - 64.0 - centre(i % 8)).abs() < 2.0, "{i}: {red}");
            assert!((f64::from(green) - centre(i / 8)).abs() < 2.0, "{i}: {green}");
        }
        // A checkerboard of single pixels becomes grey, whatever phase a coarse grid would hit.
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
        // Left half black, right half white, to be turned clockwise: the upper half black.
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
        // What can't be seen has no colour that a smaller picture would show.
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

    /// Noise, as a JPEG with a JPEG of its own among its metadata.
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
            // The last 12 bytes of a PNG say no more than that it ends.
            for len in (0..whole.len() - 12).step_by(7) {
                std::fs::write(file.path(), &whole[..len]).unwrap();
                let error = read(file.path(), [8, 8, 3]).unwrap_err();
                assert!(matches!(error, DataError::Picture { .. }), "{len} of {}: {error}", whole.len());
                assert!(!error.to_string().contains('\n'), "{error}");
            }
        }
    }

    #[test]
    fn headers_that_promise_too_much_are_refused() {
        let mut bytes = png(RgbImage::new(2, 2));
        for (width, height, message) in
            [(16_385_u32, 1_u32, "16384 pixels"), (60_000, 60_000, "16384 pixels"), (5_000, 5_000, "64 MiB")]
        {
            bytes[16..20].copy_from_slice(&width.to_be_bytes());
            bytes[20..24].copy_from_slice(&height.to_be_bytes());
            let mut crc = flate2::Crc::new();
            crc.update(&bytes[12..29]);
            bytes[29..33].copy_from_slice(&crc.sum().to_be_bytes());
            let error = decode(&bytes, [32, 32]).unwrap_err();
            let reason = reason(&error, bytes.len());
            assert!(reason.contains(message), "{width} x {height}: {reason}");
        }
        let mut bytes = noisy_jpeg();
        let frame = bytes.windows(2).rposition(|pair| pair == [0xff, 0xc0]).unwrap();
        bytes[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
        assert!(reason(&decode(&bytes, [32, 32]).unwrap_err(), 0).contains("16384 pixels"));
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
