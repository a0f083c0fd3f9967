//! Pictures, made to harm whoever reads them.

use std::io::{Cursor, Write};

use flate2::{Compression, Crc, write::ZlibEncoder};
use image::codecs::jpeg::JpegEncoder;
use image::{ImageEncoder, ImageFormat, RgbImage};

/// A chunk of a PNG.
fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let mut crc = Crc::new();
    crc.update(kind);
    crc.update(data);
    [&(data.len() as u32).to_be_bytes()[..], kind, data, &crc.sum().to_be_bytes()].concat()
}

fn zlib(data: &[u8]) -> Vec<u8> {
    let mut zlib = ZlibEncoder::new(Vec::new(), Compression::best());
    zlib.write_all(data).unwrap();
    zlib.finish().unwrap()
}

/// A PNG of depth and colour, with chunks before its pixels.
fn png(size: [u32; 2], depth: u8, colour: u8, interlaced: u8, chunks: &[Vec<u8>], pixels: &[u8]) -> Vec<u8> {
    let mut header = size.map(u32::to_be_bytes).concat();
    header.extend([depth, colour, 0, 0, interlaced]);
    let pixels = chunk(b"IDAT", &zlib(pixels));
    [b"\x89PNG\r\n\x1a\n", &chunk(b"IHDR", &header)[..], &chunks.concat(), &pixels, &chunk(b"IEND", b"")].concat()
}

fn jpeg(metadata: Vec<u8>) -> Vec<u8> {
    let picture = RgbImage::from_fn(40, 24, |x, y| image::Rgb([x * 6, y * 9, (x * y) % 251].map(|value| value as u8)));
    let mut bytes = Vec::new();
    let mut encoder = JpegEncoder::new(&mut bytes);
    encoder.set_exif_metadata(metadata).unwrap();
    encoder.write_image(&picture, 40, 24, image::ExtendedColorType::Rgb8).unwrap();
    bytes
}

pub fn pictures() -> Vec<(&'static str, Vec<u8>)> {
    let mut whole = Vec::new();
    let picture = RgbImage::from_fn(20, 12, |x, y| image::Rgb([x * 12, y * 20, 99].map(|value| value as u8)));
    picture.write_to(&mut Cursor::new(&mut whole), ImageFormat::Png).unwrap();
    let small = vec![0; 4 * (1 + 4 * 3)];
    let with = |chunks: &[Vec<u8>]| png([4, 4], 8, 2, 0, chunks, &small);
    let zeros = vec![0; 16 << 20];
    let profile = [&b"profile\0\0"[..], &zlib(&zeros)].concat();
    let text = [&b"text\0\0"[..], &zlib(&zeros)].concat();
    let grey = |width: u32, height: u32| {
        png([width, height], 1, 0, 0, &[], &vec![0; (1 + width.div_ceil(8) as usize) * height as usize])
    };
    let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
    let mut loops = exif.clone();
    let end = loops.len();
    loops[end - 4..].copy_from_slice(&[8, 0, 0, 0]);
    let mut counts = exif.clone();
    counts[8..10].copy_from_slice(&[0xff; 2]);
    counts[14..18].copy_from_slice(&[0xff; 4]);
    let animated = [
        chunk(b"acTL", &[0xff; 8]),
        chunk(b"fcTL", &[[0; 4], [0xff; 4], [0xff; 4], [0xff; 4], [0xff; 4], [0; 4]].concat()),
    ];
    let mut length = whole.clone();
    length[33..37].copy_from_slice(&[0x7f, 0xff, 0xff, 0xff]);
    let photo = jpeg(exif.clone());
    let marker = |code: u8| photo.windows(2).rposition(|pair| pair == [0xff, code]).unwrap();
    let patched = |at: usize, bytes: &[u8]| {
        let mut patched = photo.clone();
        patched[at..at + bytes.len()].copy_from_slice(bytes);
        patched
    };
    let (frame, tables, scan) = (marker(0xc0), marker(0xc4), marker(0xda));
    let mut scans = patched(frame + 1, &[0xc2]);
    scans.truncate(scan);
    // Each scan of a progressive picture is as long as the file likes, but visits every block.
    for _ in 0..1500 {
        scans.extend(b"\xff\xda\0\x08\x01\x01\0\0\0\x10\0");
    }
    scans.extend([0xff, 0xd9]);
    let mut scans_of_a_large_picture = scans.clone();
    scans_of_a_large_picture[frame + 5..frame + 9].copy_from_slice(&[0x10, 0, 0x10, 0]);
    vec![
        ("valid.png", whole.clone()),
        ("valid.jpg", photo.clone()),
        ("empty.png", Vec::new()),
        // Found by fuzzing: zune-jpeg 0.5.15 panics in its AVX2 code.
        ("either_decoder_panic.jpg", include_bytes!("../fixtures/decoder_panic.jpg").to_vec()),
        ("harmless_small.png", with(&[])),
        ("width_of_60000.png", png([60_000, 60_000], 8, 2, 0, &[], &small)),
        ("width_of_4_billion.png", png([u32::MAX; 2], 8, 2, 0, &[], &small)),
        ("size_of_nothing.png", png([0, 4], 8, 2, 0, &[], &small)),
        ("pixel_bomb.png", grey(16_000, 8000)),
        ("pixel_bomb_when_colours_are_added.png", grey(8000, 6000)),
        ("pixels_that_are_missing.png", png([4000, 4000], 8, 2, 0, &[], &small)),
        ("harmless_pixels_that_are_too_many.png", png([4, 4], 8, 2, 0, &[], &zeros)),
        ("interlaced_without_pixels.png", png([4000, 4000], 16, 6, 1, &[], &small)),
        ("harmless_profile_bomb.png", with(&[chunk(b"iCCP", &profile)])),
        ("harmless_text_bomb.png", with(&[chunk(b"zTXt", &text)])),
        ("animation_of_no_size.png", with(&animated)),
        ("chunk_of_2_gigabytes.png", length),
        ("palette_that_is_missing.png", png([4, 4], 8, 3, 0, &[], &[0; 20])),
        ("depth_of_3.png", png([4, 4], 3, 2, 0, &[], &small)),
        ("harmless_exif_that_loops.png", with(&[chunk(b"eXIf", &loops)])),
        ("harmless_exif_of_many_entries.png", with(&[chunk(b"eXIf", &counts)])),
        ("cut_in_the_header.png", whole[..20].to_vec()),
        ("cut_after_the_header.png", whole[..33].to_vec()),
        ("cut_in_the_pixels.png", whole[..whole.len() - 20].to_vec()),
        ("harmless_exif_that_loops.jpg", jpeg(loops)),
        ("width_of_65535.jpg", patched(frame + 5, &[0xff; 4])),
        ("size_of_nothing.jpg", patched(frame + 5, &[0; 4])),
        ("components_of_255.jpg", patched(frame + 9, &[0xff])),
        ("sampling_of_0.jpg", patched(frame + 11, &[0])),
        ("huffman_table_of_255_codes.jpg", patched(tables + 5, &[0xff; 16])),
        ("segment_of_no_length.jpg", patched(frame + 2, &[0; 2])),
        ("scans_without_end.jpg", scans),
        // Found by fuzzing: it ran past 20 s.
        ("scans_of_a_large_picture.jpg", scans_of_a_large_picture),
        ("cut_in_the_tables.jpg", photo[..tables + 9].to_vec()),
        ("cut_in_the_scan.jpg", photo[..photo.len() - 9].to_vec()),
        ("another_format.gif", b"GIF89a\xff\xff\xff\xff\0\0\0;".to_vec()),
    ]
}
