//! MNIST's files, and archives of them, made to harm whoever reads them.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

/// An IDX file of bytes: type and rank, sizes, elements.
fn file(kind: [u8; 4], sizes: &[u32], elements: &[u8]) -> Vec<u8> {
    let sizes: Vec<u8> = sizes.iter().flat_map(|size| size.to_be_bytes()).collect();
    [&kind[..], &sizes, elements].concat()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

pub fn idx() -> Vec<(&'static str, Vec<u8>)> {
    let pixels: Vec<u8> = (0..2 * 784).map(|i| (i % 251) as u8).collect();
    let images = |kind, sizes: &[u32]| file(kind, sizes, &pixels);
    let whole = images([0, 0, 8, 3], &[2, 28, 28]);
    let labels = file([0, 0, 8, 1], &[2], &[0, 2]);
    let archive = gzip(&whole);
    let mut flipped = archive.clone();
    flipped[10] ^= 0xff;
    let mut endless_name = archive[..10].to_vec();
    endless_name[3] = 8;
    endless_name.extend([b'a'; 20_000]);
    vec![
        ("valid_images.idx", whole.clone()),
        ("valid_labels.idx", labels.clone()),
        ("valid_images.idx.gz", archive.clone()),
        ("empty.idx", Vec::new()),
        ("cut_in_the_header.idx", whole[..9].to_vec()),
        ("cut_in_an_image.idx", whole[..1000].to_vec()),
        ("one_byte_short.idx", whole[..whole.len() - 1].to_vec()),
        ("one_byte_long.idx", [&whole[..], &[0]].concat()),
        ("trailing_label.idx", [&labels[..], &[0]].concat()),
        ("label_of_no_class.idx", file([0, 0, 8, 1], &[2], &[0, 3])),
        ("label_of_255.idx", file([0, 0, 8, 1], &[2], &[255, 0])),
        ("labels_for_three.idx", file([0, 0, 8, 1], &[3], &[0, 1])),
        ("billions_of_images.idx", images([0, 0, 8, 3], &[u32::MAX, 28, 28])),
        ("sizes_that_overflow.idx", images([0, 0, 8, 3], &[u32::MAX, u32::MAX, u32::MAX])),
        ("no_images.idx", images([0, 0, 8, 3], &[0, 28, 28])),
        ("other_sizes_of_the_same_product.idx", images([0, 0, 8, 3], &[2, 14, 56])),
        ("255_dimensions.idx", images([0, 0, 8, 255], &[2, 28, 28])),
        ("no_dimensions.idx", images([0, 0, 8, 0], &[2, 28, 28])),
        ("doubles_instead_of_bytes.idx", images([0, 0, 14, 3], &[2, 28, 28])),
        ("little_endian.idx", images([3, 8, 0, 0], &[2 << 24, 28 << 24, 28 << 24])),
        ("bomb.idx.gz", gzip(&vec![0; 16 << 20])),
        ("one_byte_short.idx.gz", gzip(&whole[..whole.len() - 1])),
        ("one_byte_long.idx.gz", gzip(&[&whole[..], &[0]].concat())),
        ("cut_in_the_header.idx.gz", archive[..8].to_vec()),
        ("cut_in_the_data.idx.gz", archive[..archive.len() / 2].to_vec()),
        ("wrong_deflate_block.idx.gz", flipped),
        ("endless_name.idx.gz", endless_name),
    ]
}
