//! Memory that pictures take, which docs/untrusted-files.md tells.

mod allocation;

use std::io::Cursor;
use std::path::Path;

use image::codecs::{jpeg::JpegEncoder, png::PngEncoder};
use image::{DynamicImage, ExtendedColorType, ImageEncoder, ImageFormat, RgbImage};
use wgrad::data::picture;

use allocation::measured;

/// Hills of colour, with noise.
fn photo(width: u32, height: u32) -> RgbImage {
    let mut state = 1_u32;
    RgbImage::from_fn(width, height, |x, y| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let hills = ((x / 16) * (y / 16) + x * 3) >> 8;
        image::Rgb([hills, hills + 40, y * 200 / height].map(|value| (value as u8 & 0x7f) + (state >> 29) as u8))
    })
}

/// Bytes that reading takes besides those of the file.
fn peak(path: &Path, bytes: &[u8]) -> usize {
    std::fs::write(path, bytes).unwrap();
    let (pixels, peak, _) = measured(|| picture::read(path, [32, 32, 3]).unwrap());
    assert_eq!(pixels.len(), 32 * 32 * 3);
    peak - bytes.len()
}

#[test]
fn a_telephones_picture_takes_a_few_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture");
    let (width, height) = (8064, 6048);
    let photo = photo(width, height);
    let mut jpeg = Vec::new();
    JpegEncoder::new_with_quality(&mut jpeg, 90).write_image(&photo, width, height, ExtendedColorType::Rgb8).unwrap();
    let mut png = Vec::new();
    PngEncoder::new(&mut png).write_image(&photo, width, height, ExtendedColorType::Rgb8).unwrap();
    let mut bmp = Cursor::new(Vec::new());
    photo.write_to(&mut bmp, ImageFormat::Bmp).unwrap();
    for (name, bytes) in [("JPEG", jpeg), ("PNG", png), ("BMP", bmp.into_inner())] {
        let peak = peak(&path, &bytes);
        assert!(peak < 4 << 20, "{name}: {peak} bytes");
    }
}

#[test]
fn other_formats_take_as_much_as_is_said() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("picture");
    let (width, height) = (1500, 1000);
    let photo = DynamicImage::from(photo(width, height));
    for (picture, format, bytes_a_pixel) in [
        (&photo, ImageFormat::Gif, 1.0),
        (&photo, ImageFormat::Tiff, 6.0),
        (&photo, ImageFormat::WebP, 7.5),
        (&photo.to_rgba8().into(), ImageFormat::WebP, 4.5),
        (&photo.to_rgba8().into(), ImageFormat::Tiff, 8.0),
    ] {
        let mut bytes = Cursor::new(Vec::new());
        picture.write_to(&mut bytes, format).unwrap();
        let peak = peak(&path, &bytes.into_inner());
        let most = f64::from(width * height) * bytes_a_pixel + f64::from(2 << 20);
        assert!(peak as f64 <= most, "{format:?}: {peak} bytes, more than {most}");
    }
}

/// 200 megapixels of white, in a file of less than a megabyte.
#[test]
fn the_largest_picture_takes_a_few_rows() {
    let folder = tempfile::tempdir().unwrap();
    let mut bytes = Vec::new();
    let mut encoder = png::Encoder::new(&mut bytes, 20_000, 10_000);
    encoder.set_color(png::ColorType::Rgb);
    let mut writer = encoder.write_header().unwrap();
    let mut rows = writer.stream_writer().unwrap();
    let row = vec![255; 20_000 * 3];
    (0..10_000).for_each(|_| std::io::Write::write_all(&mut rows, &row).unwrap());
    rows.finish().unwrap();
    drop(writer);
    let peak = peak(&folder.path().join("white.png"), &bytes);
    assert!(peak < 8 << 20, "{peak} bytes");
}
