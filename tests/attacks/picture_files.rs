//! Pictures that are made to harm a program that reads them.

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

/// A PNG with `chunks` before its pixels.
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

/// A picture in `format`.
fn other(format: ImageFormat) -> Vec<u8> {
    let picture = RgbImage::from_fn(20, 12, |x, y| image::Rgb([x * 12, y * 20, x * y].map(|value| value as u8)));
    let mut bytes = Cursor::new(Vec::new());
    picture.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

/// `bytes`, of which those from `at` on are replaced.
fn patched(bytes: &[u8], at: usize, with: &[u8]) -> Vec<u8> {
    [&bytes[..at], with, &bytes[at + with.len()..]].concat()
}

/// Files in other formats than PNG and JPEG.
fn other_formats() -> Vec<(&'static str, Vec<u8>)> {
    let [gif, bmp, tiff, webp] = [ImageFormat::Gif, ImageFormat::Bmp, ImageFormat::Tiff, ImageFormat::WebP].map(other);
    let directory = u32::from_le_bytes(tiff[4..8].try_into().unwrap()) as usize;
    let entry = |tag: u16| (directory + 2..).step_by(12).find(|&at| tiff[at..at + 2] == tag.to_le_bytes()).unwrap();
    let next = directory + 2 + 12 * usize::from(tiff[directory]);
    let frame = gif.windows(5).position(|window| window == [0x2c, 0, 0, 0, 0]).unwrap();
    vec![
        ("valid.gif", gif.clone()),
        ("valid.bmp", bmp.clone()),
        ("valid.tiff", tiff.clone()),
        ("valid.webp", webp.clone()),
        ("no_picture.gif", b"GIF89a\xff\xff\xff\xff\0\0\0;".to_vec()),
        ("width_of_65535.gif", patched(&gif, 6, &[0xff; 4])),
        ("picture_beyond_its_canvas.gif", patched(&gif, frame + 5, &[0xff; 4])),
        ("size_of_nothing.gif", patched(&gif, frame + 5, &[0; 4])),
        ("cut_in_the_pixels.gif", gif[..gif.len() - 30].to_vec()),
        ("width_of_2_billion.bmp", patched(&bmp, 18, &[0xff, 0xff, 0xff, 0x7f])),
        ("width_that_is_negative.bmp", patched(&bmp, 18, &[0xff; 4])),
        ("height_of_minus_2_billion.bmp", patched(&bmp, 22, &[0, 0, 0, 0x80])),
        ("pixels_at_4_gigabytes.bmp", patched(&bmp, 10, &[0xff; 4])),
        ("header_of_4_gigabytes.bmp", patched(&bmp, 14, &[0xff; 4])),
        ("palette_that_is_missing.bmp", patched(&bmp, 28, &[8, 0])),
        ("depth_of_65535.bmp", patched(&bmp, 28, &[0xff; 2])),
        ("cut_in_the_pixels.bmp", bmp[..bmp.len() - 30].to_vec()),
        ("width_of_4_billion.tiff", patched(&tiff, entry(256) + 8, &[0xff; 4])),
        ("strip_at_4_gigabytes.tiff", patched(&tiff, entry(273) + 8, &[0xff; 4])),
        ("strip_of_4_gigabytes.tiff", patched(&tiff, entry(279) + 8, &[0xff; 4])),
        ("strips_of_4_billion_counted.tiff", patched(&tiff, entry(273) + 4, &[0xff; 4])),
        ("directory_that_loops.tiff", patched(&tiff, next, &(directory as u32).to_le_bytes())),
        ("compression_of_65535.tiff", patched(&tiff, entry(259) + 8, &[0xff; 2])),
        ("cut_in_the_directory.tiff", tiff[..directory + 30].to_vec()),
        ("size_of_16384.webp", patched(&webp, 21, &[0xff, 0xff, 0xff, 0x0f])),
        ("harmless_chunk_of_4_gigabytes.webp", patched(&webp, 16, &[0xff; 4])),
        ("cut_in_the_pixels.webp", webp[..webp.len() - 30].to_vec()),
        ("another_format.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec()),
        ("another_format.avif", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf".to_vec()),
        ("another_format.jxl", b"\xff\x0a\xff\xff\xff\xff".to_vec()),
    ]
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
    let patched = |at: usize, bytes: &[u8]| patched(&photo, at, bytes);
    let (frame, tables, scan) = (marker(0xc0), marker(0xc4), marker(0xda));
    let mut scans = patched(frame + 1, &[0xc2]);
    scans.truncate(scan);
    // A scan of a progressive picture may be of a few bytes, but decoding it takes time for every block.
    for _ in 0..1500 {
        scans.extend(b"\xff\xda\0\x08\x01\x01\0\0\0\x10\0");
    }
    scans.extend([0xff, 0xd9]);
    let mut scans_of_a_large_picture = scans.clone();
    scans_of_a_large_picture[frame + 5..frame + 9].copy_from_slice(&[0x10, 0, 0x10, 0]);
    let mut files = vec![
        ("valid.png", whole.clone()),
        ("valid.jpg", photo.clone()),
        ("empty.png", Vec::new()),
        // Fuzzing found this file: zune-jpeg 0.5.15 panicked in its AVX2 code.
        ("another_decoders_panic.jpg", include_bytes!("../fixtures/decoder_panic.jpg").to_vec()),
        ("harmless_small.png", with(&[])),
        ("width_of_60000.png", png([60_000, 60_000], 8, 2, 0, &[], &small)),
        ("width_of_4_billion.png", png([u32::MAX; 2], 8, 2, 0, &[], &small)),
        ("size_of_nothing.png", png([0, 4], 8, 2, 0, &[], &small)),
        ("harmless_128_megapixels.png", grey(16_000, 8000)),
        ("more_than_200_megapixels.png", grey(20_001, 10_000)),
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
        // Fuzzing found this file, which took more than 20 s.
        ("scans_of_a_large_picture.jpg", scans_of_a_large_picture),
        ("cut_in_the_tables.jpg", photo[..tables + 9].to_vec()),
        ("cut_in_the_scan.jpg", photo[..photo.len() - 9].to_vec()),
        ("cut_in_the_scan_with_an_end.jpg", [&photo[..scan + (photo.len() - scan) / 2], b"\xff\xd9"].concat()),
        ("harmless_trailer_of_scans.jpg", [&photo[..], &b"\xff\xda\0\x08\x01\x01\0\0\0\x10\0".repeat(300)].concat()),
        ("harmless_trailer_of_pictures.jpg", [&photo[..], &photo, &photo[..photo.len() / 2]].concat()),
        ("arithmetic_coding.jpg", patched(frame + 1, &[0xc9])),
    ];
    files.extend(other_formats());
    files
}
