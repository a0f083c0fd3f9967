//! Pictures of other sizes than a network's.

use image::{Rgb, RgbImage};

use super::{coordinates, decode, jpeg, photo, places, png};
use crate::data::host::picture::cut::Cut;
use crate::data::host::picture::{decode_reduced, open};

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
