//! Grey, colours and alpha.

use image::{GrayImage, ImageBuffer, LumaA, Rgb, Rgba};

use super::{decode, png};
use crate::data::host::picture::{self, open, read};

#[test]
fn transparent_is_white() {
    let picture =
        ImageBuffer::from_raw(4, 1, [[10, 20, 30, 0], [10, 20, 30, 255], [0, 100, 255, 51], [0, 0, 0, 128]].concat());
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

#[test]
fn channels_are_grey_colours_or_colours_and_alpha() {
    let colours: ImageBuffer<Rgba<u8>, _> =
        ImageBuffer::from_raw(3, 1, vec![255, 0, 0, 255, 10, 200, 30, 255, 0, 0, 255, 0]).unwrap();
    let of = |bytes: &[u8], c| picture::decode(open(bytes).unwrap(), [1, 3, c]).unwrap();
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
