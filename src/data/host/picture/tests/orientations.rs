//! Pictures that are turned.

use image::{
    DynamicImage, ExtendedColorType, GrayImage, ImageEncoder, Luma, codecs::jpeg::JpegEncoder, codecs::png::PngEncoder,
};

use super::{coordinates, decode, exif, photo, places, png};

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
