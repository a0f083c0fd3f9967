//! Pictures of all formats, against another library.

use std::io::Cursor;

use image::{DynamicImage, ImageFormat};

use super::super::fault::Fault;
use super::open;

/// A picture of noise in all channels.
fn picture(width: u32, height: u32) -> DynamicImage {
    let mut state = width;
    let mut random = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 16) as u16
    };
    let pixels = (0..width * height * 4).map(|_| random()).collect();
    DynamicImage::ImageRgba16(image::ImageBuffer::from_raw(width, height, pixels).unwrap())
}

fn encode(picture: &DynamicImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// All pixels, and the number of channels.
fn decode(bytes: &[u8]) -> Result<(Vec<u8>, usize), Fault> {
    let source = open(bytes)?;
    let channels = source.channels;
    let mut pixels = Vec::new();
    (source.rows)(1, &mut |row| {
        pixels.extend_from_slice(row);
        Ok(())
    })?;
    Ok((pixels, channels))
}

/// The pixels must be those that the `image` library decodes.
fn compare(bytes: &[u8], what: &str) {
    let (found, channels) = decode(bytes).unwrap_or_else(|fault| panic!("{what}: {fault}"));
    let expected = image::load_from_memory(bytes).unwrap();
    let expected = match channels {
        1 => expected.into_luma8().into_raw(),
        2 => expected.into_luma_alpha8().into_raw(),
        3 => expected.into_rgb8().into_raw(),
        _ => expected.into_rgba8().into_raw(),
    };
    assert!(found == expected, "{what}");
}

#[test]
fn pixels_are_those_of_another_library() {
    for (width, height) in [(1, 1), (7, 5), (33, 40)] {
        let deep = picture(width, height);
        let pictures = [
            DynamicImage::from(deep.to_rgb8()),
            deep.to_rgba8().into(),
            deep.to_luma8().into(),
            deep.to_luma_alpha8().into(),
            deep.to_rgb16().into(),
            deep.to_luma16().into(),
            deep,
        ];
        for (i, picture) in pictures.iter().enumerate() {
            for format in [ImageFormat::Png, ImageFormat::Bmp, ImageFormat::Gif, ImageFormat::Tiff, ImageFormat::WebP] {
                let takes = match format {
                    ImageFormat::Png => true,
                    ImageFormat::Bmp => i < 3,
                    ImageFormat::Gif | ImageFormat::WebP => i < 2,
                    // The encoder of TIFF has no grey with alpha.
                    _ => i != 3,
                };
                if takes {
                    compare(&encode(picture, format), &format!("{width} x {height}, {i}, {format:?}"));
                }
            }
        }
    }
}

#[test]
fn a_tiff_may_have_multiplied_its_colours_with_alpha() {
    let pixels = [200, 100, 0, 255, 100, 50, 0, 128, 0, 0, 0, 0];
    for (alpha, expected) in [(2, pixels), (1, [200, 100, 0, 255, 199, 100, 0, 128, 0, 0, 0, 0])] {
        // Tags and their values, of which all are one number but the depths: those are behind the directory.
        let tags: [(u16, u32); 10] = [
            (256, 3),
            (257, 1),
            (258, 8 + 2 + 10 * 12 + 4),
            (259, 1),
            (262, 2),
            (273, 8 + 2 + 10 * 12 + 4 + 8),
            (277, 4),
            (278, 1),
            (279, 12),
            (338, alpha),
        ];
        let mut tiff = b"II*\0\x08\0\0\0\x0a\0".to_vec();
        for (tag, value) in tags {
            let count: u32 = if tag == 258 { 4 } else { 1 };
            tiff.extend(
                tag.to_le_bytes().into_iter().chain([3, 0]).chain(count.to_le_bytes()).chain(value.to_le_bytes()),
            );
        }
        tiff.extend([0, 0, 0, 0, 8, 0, 8, 0, 8, 0, 8, 0]);
        tiff.extend(pixels);
        assert_eq!(decode(&tiff), Ok((expected.to_vec(), 4)));
    }
}

#[test]
fn lossy_webp() {
    compare(include_bytes!("../../../../../tests/fixtures/lossy.webp"), "without alpha");
    compare(include_bytes!("../../../../../tests/fixtures/lossy_alpha.webp"), "with alpha");
}

/// A PNG of any colour type and depth, interlaced or not.
fn small_png(colour: png::ColorType, depth: png::BitDepth, is_interlaced: bool) -> Vec<u8> {
    let (width, height) = (13, 11);
    let bits = colour.samples() * depth as usize;
    let row = |passed: usize, columns: usize| -> Vec<u8> {
        let bytes = (columns * bits).div_ceil(8);
        [0].into_iter().chain((0..bytes).map(|i| (i * 37 + passed * 101) as u8)).collect()
    };
    // The first row and column of each pass, and its steps (PNG, 8.2).
    let passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)];
    let mut rows = Vec::new();
    if is_interlaced {
        for (y, x, down, right) in passes {
            (y..height).step_by(down).for_each(|y| rows.extend(row(y, (x..width).step_by(right).count())));
        }
    } else {
        (0..height).for_each(|y| rows.extend(row(y, width)));
    }
    let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
    std::io::Write::write_all(&mut zlib, &rows).unwrap();
    let mut bytes = b"\x89PNG\r\n\x1a\n".to_vec();
    let header = [0, 0, 0, width as u8, 0, 0, 0, height as u8, depth as u8, colour as u8, 0, 0, is_interlaced.into()];
    let palette: Vec<u8> = (0..3 * 256).map(|i| (i * 7) as u8).collect();
    let mut chunks = vec![(b"IHDR", header.to_vec()), (b"IDAT", zlib.finish().unwrap()), (b"IEND", Vec::new())];
    if colour == png::ColorType::Indexed {
        chunks.insert(1, (b"PLTE", palette[..3 << depth as usize].to_vec()));
        chunks.insert(2, (b"tRNS", vec![0, 128, 255]));
    }
    for (kind, data) in chunks {
        let mut crc = flate2::Crc::new();
        crc.update(kind);
        crc.update(&data);
        bytes.extend((data.len() as u32).to_be_bytes());
        bytes.extend(kind);
        bytes.extend(data);
        bytes.extend(crc.sum().to_be_bytes());
    }
    bytes
}

#[test]
fn pngs_of_all_depths_interlaced_or_not() {
    use png::{BitDepth::*, ColorType::*};

    let wide = [Grayscale, GrayscaleAlpha, Rgb, Rgba].map(|colour| [(colour, Eight), (colour, Sixteen)]);
    let narrow = [One, Two, Four].map(|depth| [(Grayscale, depth), (Indexed, depth)]);
    let all = wide.into_iter().chain(narrow).flatten().chain([(Indexed, Eight)]);
    for (colour, depth) in all {
        for is_interlaced in [false, true] {
            compare(&small_png(colour, depth, is_interlaced), &format!("{colour:?}, {depth:?}, {is_interlaced}"));
        }
    }
}

#[test]
fn every_cut_is_an_error() {
    let picture = DynamicImage::from(picture(40, 30).to_rgb8());
    let lossy = include_bytes!("../../../../../tests/fixtures/lossy.webp").to_vec();
    // The last bytes of a GIF only mark the ends of its pixels and of the file.
    for (format, rest) in [
        (ImageFormat::Gif, 4),
        (ImageFormat::Bmp, 0),
        (ImageFormat::Tiff, 0),
        (ImageFormat::WebP, 0),
        (ImageFormat::Avif, 0),
    ] {
        let whole = if format == ImageFormat::Avif { lossy.clone() } else { encode(&picture, format) };
        assert!(decode(&whole).is_ok());
        for len in (0..whole.len() - rest).rev().step_by(1 + whole.len() / 200) {
            let cut = decode(&whole[..len]).map(|(pixels, _)| pixels.len());
            assert!(cut.is_err(), "{format:?}: {len} of {} bytes", whole.len());
        }
    }
}

#[test]
fn other_formats_are_told_by_their_contents() {
    for (bytes, words) in [
        (&b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"[..], ["HEIC", "heif-convert"]),
        (b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf", ["AVIF", "avifdec"]),
        (b"\xff\x0a\xff\xff\xff\xff", ["JPEG XL", "djxl"]),
        (b"\0\0\0\x0cjP  \r\n\x87\n", ["JPEG 2000", "opj_decompress"]),
        (
            b"<html>",
            ["not those of a PNG, JPEG, GIF, BMP, TIFF or WebP picture", "save it again as a usual PNG or JPEG"],
        ),
    ] {
        let message = decode(bytes).unwrap_err().to_string();
        assert!(words.iter().all(|word| message.contains(word)), "{message}");
    }
}
