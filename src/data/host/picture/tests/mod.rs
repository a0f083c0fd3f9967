//! Pictures of all kinds, and what is made of them.

mod colours;
mod faults;
mod orientations;
mod sizes;

use std::io::Cursor;

use image::{DynamicImage, ExtendedColorType, ImageEncoder, ImageFormat, Rgb, RgbImage, codecs::jpeg::JpegEncoder};

use super::fault::Fault;
use super::open;

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
