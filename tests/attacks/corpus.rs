//! How each file of the corpus is made. `valid` ones are whole, `harmless` ones are odd but no errors.

use std::io::{Cursor, Write};

use flate2::{Compression, Crc, write::GzEncoder, write::ZlibEncoder};
use image::codecs::jpeg::JpegEncoder;
use image::{ImageEncoder, ImageFormat, RgbImage};
use serde_json::json;
use wgrad::exchange::{Elements, Weights, write_npz};
use wgrad::model::{NamedTensor, Sequential};

use crate::readers::{TINY, keras_archive, keras_member, zip};
use crate::run_files;

/// Kind, name and contents.
type File = (&'static str, String, Vec<u8>);

/// The committed files.
pub fn files() -> Vec<File> {
    let mut files = Vec::new();
    let mut add = |kind, made: Vec<(&str, Vec<u8>)>| {
        files.extend(made.into_iter().map(|(name, bytes)| (kind, name.to_owned(), bytes)));
    };
    add("cifar_batch", cifar_batches());
    add("cifar_archive", cifar_archives());
    add("picture", pictures());
    add("safetensors", safetensors());
    add("npz", npz());
    add("keras", keras());
    add("model_file", model_files().into_iter().map(|(name, text)| (name, text.into_bytes())).collect());
    add("tuning_cache", tuning_caches().into_iter().map(|(name, text)| (name, text.into_bytes())).collect());
    add("checkpoint", run_files::checkpoints());
    add("history", run_files::histories().into_iter().map(|(name, text)| (name, text.into_bytes())).collect());
    files
}

/// Files as long as they may be, which are made where they are read.
pub fn long_files() -> Vec<File> {
    let ones = "1,".repeat(40 << 20);
    let mut files = Vec::new();
    let mut add = |kind, name: &str, bytes: Vec<u8>| files.push((kind, name.to_owned(), bytes));
    for mib in [1, 2, 32] {
        let many = &ones[..(mib << 20) - 200];
        let one = tensor("F32", &format!("[{many}1]"), "[0, 4]");
        add("safetensors", &format!("shape of {mib} MiB"), header(&one, 4));
        let tensors: Vec<_> =
            (0..mib << 14).map(|i| format!(r#""{i}":{{"dtype":"F32","shape":[],"data_offsets":[0,0]}}"#)).collect();
        add("safetensors", &format!("{} tensors", tensors.len()), header(&format!("{{{}}}", tensors.join(",")), 4));
        add("checkpoint", &format!("{} tensors", tensors.len()), header(&format!("{{{}}}", tensors.join(",")), 36));
        let metadata = json!({ "__metadata__": { "wgrad": "[".repeat(mib << 20) } }).to_string();
        add("checkpoint", &format!("metadata of {mib} MiB too deep"), header(&metadata, 32));
        add("safetensors", &format!("metadata of {mib} MiB"), header(&metadata, 0));
    }
    add("npz", "shape of 80 MiB", npy_version_2(&npy_header("<f4", &format!("({ones})"))));
    let layer = r#"{"module":"","class_name":"","config":{"":0}},"#;
    for mib in [4, 32] {
        let layers = layer.repeat((mib << 20) / layer.len() - 2);
        let config =
            format!(r#"{{"class_name":"Sequential","config":{{"layers":[{}]}}}}"#, &layers[..layers.len() - 1]);
        add("keras", &format!("layers of {mib} MiB"), config.into_bytes());
        add("keras", &format!("list of {mib} MiB"), format!("[{}0]", &ones[..(mib << 20) - 100]).into_bytes());
    }
    for mib in [1, 32] {
        let room = (mib << 20) - 100;
        for (name, part) in [
            ("layers", "[[layers]]\n"),
            ("flatten", "[[layers]]\ntype=\"flatten\"\n"),
            ("list", "a=[0,0,0,0,0,0,0,0,0,0,0]\n"),
        ] {
            add("model_file", &format!("{name} of {mib} MiB"), part.repeat(room / part.len()).into_bytes());
        }
        add("model_file", &format!("numbers of {mib} MiB"), format!("layers=[{}]", "0,".repeat(room / 2)).into_bytes());
    }
    for (kind, open) in [("keras", "["), ("keras", "{\"a\":"), ("model_file", "a="), ("tuning_cache", "[")] {
        let inner = if kind == "model_file" { "[" } else { "" };
        let nested =
            format!("{open}{inner}").repeat(if inner.is_empty() { 200_000 } else { 1 }) + &inner.repeat(900_000);
        add(kind, &format!("nested deeply in `{open}`"), nested.into_bytes());
    }
    let keys = "a.".repeat(500_000);
    add("model_file", "keys nested deeply", format!("{keys}a=1").into_bytes());
    for mib in [4, 32] {
        let keys: Vec<_> = (0..(mib << 20) / 14).map(|i| format!(r#""{i:07}":{{}}"#)).collect();
        add("tuning_cache", &format!("keys of {mib} MiB"), format!("{{{},\"gpu\":0}}", keys.join(",")).into_bytes());
    }
    files
}

fn records(labels: [u8; 2]) -> Vec<u8> {
    let mut bytes = vec![0; 2 * TINY.record_bytes()];
    for (image, label) in labels.into_iter().enumerate() {
        bytes[image * TINY.record_bytes()] = label;
    }
    bytes
}

fn cifar_batches() -> Vec<(&'static str, Vec<u8>)> {
    let whole = records([0, 2]);
    let record = TINY.record_bytes();
    vec![
        ("valid.bin", whole.clone()),
        ("empty.bin", Vec::new()),
        ("label_of_no_class.bin", records([0, 3])),
        ("label_of_255.bin", records([255, 0])),
        ("cut_in_a_record.bin", whole[..record + 100].to_vec()),
        ("cut_after_a_record.bin", whole[..record].to_vec()),
        ("one_byte_short.bin", whole[..2 * record - 1].to_vec()),
        ("one_byte_long.bin", [&whole[..], &[0]].concat()),
        ("of_another_set.bin", vec![0; 2 * (record + 1)]),
    ]
}

/// A member of a tar file: a header of the old format with any name, kind and size, and data.
fn member(name: &[u8], kind: u8, size: &[u8], link: &[u8], data: &[u8]) -> Vec<u8> {
    let mut header = [0; 512];
    header[..name.len()].copy_from_slice(name);
    header[100..107].copy_from_slice(b"0000644");
    header[124..124 + size.len()].copy_from_slice(size);
    header[136..147].copy_from_slice(b"00000000000");
    header[156] = kind;
    header[157..157 + link.len()].copy_from_slice(link);
    header[257..263].copy_from_slice(b"ustar\0");
    header[263..265].copy_from_slice(b"00");
    header[148..156].fill(b' ');
    let sum: u32 = header.iter().map(|&byte| u32::from(byte)).sum();
    header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    let mut bytes = header.to_vec();
    bytes.extend(data);
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

fn regular(name: &str, data: &[u8]) -> Vec<u8> {
    member(name.as_bytes(), b'0', format!("{:011o}", data.len()).as_bytes(), b"", data)
}

fn gzip(parts: &[&[u8]]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::best());
    parts.iter().for_each(|part| gzip.write_all(part).unwrap());
    gzip.write_all(&[0; 1024]).unwrap();
    gzip.finish().unwrap()
}

fn cifar_archives() -> Vec<(&'static str, Vec<u8>)> {
    let [train, test] = ["tiny/train.bin", "tiny/test.bin"].map(|name| regular(name, &records([1, 2])));
    let plain = [&train[..], &test].concat();
    let whole = gzip(&[&plain]);
    let octal = |len: usize| format!("{len:011o}");
    let link = |kind, name: &str, to: &str| member(name.as_bytes(), kind, b"00000000000", to.as_bytes(), b"");
    let escape = |name: &str| gzip(&[&regular(name, b"escaped"), &plain]);
    // A member of zeros that is no file of the set: 512 times as long as the archive.
    let zeros = |kind, len: usize| member(b"././@LongLink", kind, octal(len).as_bytes(), b"", &vec![0; len]);
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 0xff;
        bytes
    };
    let mut huge_name = whole[..10].to_vec();
    huge_name[3] = 8;
    huge_name.extend([b'a'; 20_000]);
    vec![
        ("valid.tar.gz", whole.clone()),
        ("valid.tar", [&plain[..], &[0; 1024]].concat()),
        ("empty.tar.gz", Vec::new()),
        ("no_members.tar.gz", gzip(&[])),
        ("harmless_path_traversal.tar.gz", escape("../../escape")),
        ("harmless_path_traversal_inside.tar.gz", escape("tiny/../../neighbour")),
        ("harmless_absolute_path.tar.gz", escape("/tmp/escape")),
        ("harmless_duplicate_member.tar.gz", gzip(&[&train, &train, &test])),
        ("path_traversal_to_the_name.tar.gz", gzip(&[&regular("tiny/../tiny/train.bin", &records([1, 2])), &test])),
        ("symbolic_link_as_member.tar.gz", gzip(&[&link(b'2', "tiny/train.bin", "/etc/passwd"), &test])),
        ("hard_link_as_member.tar.gz", gzip(&[&link(b'1', "tiny/train.bin", "/etc/passwd"), &test])),
        ("harmless_symbolic_link_as_directory.tar.gz", gzip(&[&link(b'2', "tiny", ".."), &plain])),
        ("device_as_member.tar.gz", gzip(&[&link(b'3', "tiny/train.bin", ""), &test])),
        ("pipe_as_member.tar.gz", gzip(&[&link(b'6', "tiny/train.bin", ""), &test])),
        ("directory_as_member.tar.gz", gzip(&[&link(b'5', "tiny/train.bin", ""), &test])),
        ("tar_bomb.tar.gz", gzip(&[&regular("tiny/zeros", &vec![0; 16 << 20]), &plain])),
        ("long_name_bomb.tar.gz", gzip(&[&zeros(b'L', 16 << 20), &plain])),
        ("long_link_bomb.tar.gz", gzip(&[&zeros(b'K', 16 << 20), &plain])),
        ("extended_header_bomb.tar.gz", gzip(&[&zeros(b'x', 16 << 20), &plain])),
        ("size_of_terabytes.tar.gz", gzip(&[&member(b"tiny/train.bin", b'0', b"77777777777", b"", b""), &test])),
        ("size_of_other_base.tar.gz", gzip(&[&member(b"tiny/train.bin", b'0', &[0xff; 12], b"", b""), &test])),
        ("size_of_no_digits.tar.gz", gzip(&[&member(b"tiny/train.bin", b'0', b"size", b"", b""), &test])),
        (
            "sparse_member.tar.gz",
            gzip(&[&member(b"tiny/train.bin", b'S', octal(512).as_bytes(), b"", &[0; 512]), &test]),
        ),
        ("size_smaller_than_the_file.tar.gz", gzip(&[&regular("tiny/train.bin", &records([1, 2])[..6000]), &test])),
        ("cut_in_the_header.tar.gz", whole[..8].to_vec()),
        ("cut_in_the_first_member.tar.gz", whole[..whole.len() / 3].to_vec()),
        ("cut_in_the_last_member.tar.gz", gzip(&[&train, &test[..600]])),
        ("wrong_deflate_block.tar.gz", flipped(10)),
        ("endless_gzip_name.tar.gz", huge_name),
        // Found by fuzzing: the error had two lines.
        ("checksum_of_no_digits.tar", vec![0xad; 512]),
    ]
}

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

fn pictures() -> Vec<(&'static str, Vec<u8>)> {
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

/// A safetensors file of a header and zeros.
pub fn header(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = (header.len() as u64).to_le_bytes().to_vec();
    bytes.extend(header.bytes().chain(std::iter::repeat_n(0, data)));
    bytes
}

fn tensor(dtype: &str, shape: &str, offsets: &str) -> String {
    format!(r#"{{"x":{{"dtype":"{dtype}","shape":{shape},"data_offsets":{offsets}}}}}"#)
}

fn weights() -> Weights {
    let values = (0..30).map(|i| i as f32).collect();
    let tensors = vec![
        NamedTensor { name: "dense/kernel".into(), shape: vec![5, 6], values },
        NamedTensor { name: "dense/bias".into(), shape: vec![6], values: vec![0.5; 6] },
    ];
    Weights { tensors, model: Some(Sequential::new([5, 1, 1]).flatten().dense(6)), class_names: vec!["a".into()] }
}

fn safetensors() -> Vec<(&'static str, Vec<u8>)> {
    let whole = weights().to_bytes().unwrap();
    let start = 8 + u64::from_le_bytes(*whole.first_chunk().unwrap()) as usize;
    let length = |len: u64| [&len.to_le_bytes()[..], &[b'{'; 64]].concat();
    let two = |a: &str, b: &str| {
        let tensor = |offsets| format!(r#"{{"dtype":"F32","shape":[2],"data_offsets":{offsets}}}"#);
        header(&format!(r#"{{"a":{},"b":{}}}"#, tensor(a), tensor(b)), 16)
    };
    let same = |name: &str| {
        let tensor = |offsets| format!(r#""{name}":{{"dtype":"F32","shape":[2],"data_offsets":{offsets}}}"#);
        header(&format!("{{{},{}}}", tensor("[0,8]"), tensor("[8,16]")), 16)
    };
    let one = |dtype, shape: &str, offsets: &str, data| header(&tensor(dtype, shape, offsets), data);
    let network = |model: &str| {
        let metadata = json!({ "model": model, "class_names": [] }).to_string();
        header(&json!({ "__metadata__": { "wgrad": metadata } }).to_string(), 0)
    };
    let escape = r#"{"../../escape":{"dtype":"F32","shape":[],"data_offsets":[0,4]}}"#;
    vec![
        ("valid.safetensors", whole.clone()),
        ("empty.safetensors", Vec::new()),
        ("header_of_16_exabytes.safetensors", length(u64::MAX)),
        ("header_of_90_megabytes.safetensors", length(90_000_000)),
        ("header_one_byte_too_long.safetensors", length(65)),
        ("header_of_no_length.safetensors", length(0)),
        ("header_nested_deeply.safetensors", header(&"[".repeat(9_000), 0)),
        ("tensor_nested_deeply.safetensors", header(&format!(r#"{{"x":{}"#, "[".repeat(9_000)), 0)),
        ("objects_nested_deeply.safetensors", header(&"{\"a\":".repeat(2_000), 0)),
        ("shape_of_5000_sizes.safetensors", one("F32", &format!("[{}1]", "1,".repeat(5_000)), "[0,8]", 8)),
        ("harmless_shape_of_5000_sizes.safetensors", one("F32", &format!("[{}1]", "1,".repeat(5_000)), "[0,4]", 4)),
        ("shape_that_overflows.safetensors", one("F32", "[9223372036854775808,2]", "[0,0]", 0)),
        ("shape_times_type_that_overflows.safetensors", one("F32", "[4611686018427387904]", "[0,0]", 0)),
        ("harmless_shape_of_nothing_times_much.safetensors", one("F32", "[0,18446744073709551615]", "[0,0]", 0)),
        ("shape_longer_than_the_data.safetensors", one("F32", "[17]", "[0,64]", 64)),
        ("offsets_past_the_end.safetensors", one("F32", "[16]", "[0,18446744073709551615]", 64)),
        ("offsets_in_reverse.safetensors", one("F32", "[16]", "[64,0]", 64)),
        ("offsets_that_are_negative.safetensors", one("F32", "[16]", "[-64,0]", 64)),
        ("tensors_that_overlap.safetensors", two("[0,8]", "[4,12]")),
        ("tensors_that_are_the_same_bytes.safetensors", two("[0,8]", "[0,8]")),
        ("tensors_with_a_hole.safetensors", two("[0,8]", "[12,20]")),
        ("tensors_of_one_name.safetensors", same("x")),
        ("metadata_twice.safetensors", header(r#"{"__metadata__":{},"__metadata__":{}}"#, 0)),
        ("metadata_of_another_kind.safetensors", header(r#"{"__metadata__":{"wgrad":"[[[["}}"#, 0)),
        ("type_of_8_bytes.safetensors", one("F64", "[8]", "[0,64]", 64)),
        ("type_of_4_bits.safetensors", one("F4", "[3]", "[0,2]", 2)),
        ("type_that_is_unknown.safetensors", one("PICKLE", "[8]", "[0,64]", 64)),
        ("harmless_path_as_a_name.safetensors", header(escape, 4)),
        ("network_of_petabytes.safetensors", network(&dense("1099511627776"))),
        ("network_of_1001_layers.safetensors", network(&layers("type=\"flatten\"", 1001))),
        ("network_nested_deeply.safetensors", network(&format!("a={}", "[".repeat(5_000)))),
        (
            "network_that_commands_the_terminal.safetensors",
            network("input=[1,1,1]\n[[layers]]\nname=\"\\u001b[2J\"\ntype=\"flatten\""),
        ),
        ("cut_in_the_length.safetensors", whole[..5].to_vec()),
        ("cut_in_the_header.safetensors", whole[..start / 2].to_vec()),
        ("cut_after_the_header.safetensors", whole[..start].to_vec()),
        ("cut_in_the_data.safetensors", whole[..whole.len() - 3].to_vec()),
        ("data_after_the_end.safetensors", [&whole[..], &[0; 8]].concat()),
    ]
}

fn npy_header(kind: &str, shape: &str) -> String {
    format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}")
}

fn npy(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\0".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes().chain(std::iter::repeat_n(0, data)));
    bytes
}

fn npy_version_2(header: &str) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x02\0".to_vec();
    bytes.extend((header.len() as u32).to_le_bytes());
    bytes.extend(header.bytes());
    bytes
}

/// An archive whose only entry is said `copies` times, under other names.
fn overlapping(copies: usize, data: usize) -> Vec<u8> {
    let whole = write_npz(&[("aaaa", &[data], Elements::U8(&vec![1; data]))]).unwrap();
    let archive = rawzip::ZipArchive::from_slice(&whole).unwrap();
    let (start, end) = (archive.directory_offset() as usize, archive.eocd_offset() as usize);
    let mut bytes = whole[..start].to_vec();
    for copy in 0..copies {
        let place = bytes.len() + whole[start..end].windows(4).position(|name| name == b"aaaa").unwrap();
        bytes.extend(&whole[start..end]);
        bytes[place..place + 4].copy_from_slice(format!("{copy:04}").as_bytes());
    }
    let directory = (bytes.len() - start) as u32;
    let mut tail = whole[end..].to_vec();
    tail[8..10].copy_from_slice(&(copies as u16).to_le_bytes());
    tail[10..12].copy_from_slice(&(copies as u16).to_le_bytes());
    tail[12..16].copy_from_slice(&directory.to_le_bytes());
    bytes.extend(tail);
    bytes
}

/// An archive of one member that says to be compressed.
fn compressed(name: &str, data: &[u8]) -> Vec<u8> {
    let mut deflated = flate2::write::DeflateEncoder::new(Vec::new(), Compression::best());
    deflated.write_all(data).unwrap();
    let mut bytes = zip(&[(name, &deflated.finish().unwrap())]);
    let places: Vec<_> = bytes.windows(4).enumerate().filter(|(_, four)| four.starts_with(b"PK\x01\x02")).collect();
    let entry = places[0].0;
    bytes[8] = 8;
    bytes[entry + 10] = 8;
    bytes
}

fn npz() -> Vec<(&'static str, Vec<u8>)> {
    let whole = weights().to_npz().unwrap();
    let pair = npy(&npy_header("<f4", "(2,)"), 8);
    let named = |name: &str| zip(&[(name, &pair)]);
    let array = |kind: &str, shape: &str| npy(&npy_header(kind, shape), 64);
    let end = whole.len() - 22;
    let patched = |at: usize, bytes: &[u8]| {
        let mut patched = whole.clone();
        patched[at..at + bytes.len()].copy_from_slice(bytes);
        patched
    };
    let entry = whole.windows(4).position(|four| four == b"PK\x01\x02").unwrap();
    let many: Vec<_> = (0..90).map(|i| format!("{i}.npy")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), &pair[..])).collect();
    vec![
        ("valid.npz", whole.clone()),
        ("valid.npy", pair.clone()),
        ("empty.npz", Vec::new()),
        ("harmless_no_members.npz", zip(&[])),
        ("harmless_path_traversal.npz", named("../../escape.npy")),
        ("harmless_absolute_path.npz", named("/tmp/escape.npy")),
        ("harmless_path_of_windows.npz", named("C:\\escape.npy")),
        ("harmless_many_members.npz", zip(&many)),
        ("zip_bomb.npz", compressed("x.npy", &vec![0; 32 << 20])),
        ("members_that_overlap.npz", overlapping(300, 10_000)),
        ("members_that_overlap_without_data.npz", overlapping(300, 0)),
        ("members_of_one_name.npz", zip(&[("x.npy", &pair), ("x.npy", &pair)])),
        ("member_of_another_kind.npz", zip(&[("x.py", b"import os")])),
        ("member_named_in_two_lines.npz", zip(&[("two\nlines", b"")])),
        ("member_that_is_a_pickle.npz", zip(&[("x.npy", b"\x80\x04\x95pickle")])),
        ("objects.npy", array("|O", "(8,)")),
        ("shape_that_overflows.npy", array("<f4", "(4294967296, 4294967296)")),
        ("shape_times_type_that_overflows.npy", array("<f4", "(4611686018427387904,)")),
        ("harmless_shape_of_nothing_times_much.npy", npy(&npy_header("<f4", "(0, 9223372036854775807)"), 0)),
        ("shape_longer_than_the_data.npy", array("<f4", "(17,)")),
        ("shape_of_terabytes.npy", array("<f4", "(1099511627776,)")),
        ("shape_of_5000_sizes.npy", npy(&npy_header("<f4", &format!("({})", "1,".repeat(5_000))), 4)),
        ("shape_that_is_negative.npy", array("<f4", "(-2,)")),
        ("shape_nested_deeply.npy", array("<f4", &"(".repeat(5_000))),
        ("type_of_8_bytes.npy", array("<f8", "(8,)")),
        ("header_of_4_gigabytes.npy", b"\x93NUMPY\x02\0\xff\xff\xff\xff{}".to_vec()),
        ("header_of_no_text.npy", npy("\u{ff}", 0)),
        ("count_of_65535_members.npz", patched(end + 8, &[0xff; 4])),
        ("directory_past_the_end.npz", patched(end + 16, &[0xff, 0xff, 0xff, 0x7f])),
        ("harmless_directory_of_4_gigabytes.npz", patched(end + 12, &[0xfe, 0xff, 0xff, 0xff])),
        ("comment_past_the_end.npz", patched(end + 20, &[0xff; 2])),
        ("member_of_4_gigabytes.npz", patched(entry + 20, &[0xfe, 0xff, 0xff, 0xff, 0xfe, 0xff, 0xff, 0xff])),
        ("member_past_the_end.npz", patched(entry + 42, &[0xfe, 0xff, 0xff, 0x7f])),
        ("member_with_a_wrong_checksum.npz", patched(entry + 16, &[0; 4])),
        ("cut_in_the_first_member.npz", whole[..40].to_vec()),
        ("cut_in_the_directory.npz", whole[..entry + 20].to_vec()),
        ("cut_in_the_end.npz", whole[..end + 10].to_vec()),
    ]
}

fn keras() -> Vec<(&'static str, Vec<u8>)> {
    let [config, weights] = ["config.json", "model.weights.h5"].map(keras_member);
    let text = String::from_utf8(config.clone()).unwrap();
    let with = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        text.replacen(from, to, 1).into_bytes()
    };
    let sizes = |words: &[u64]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let place = |part: &[u8]| weights.windows(part.len()).position(|window| window == part).unwrap();
    let patched = |at: usize, bytes: &[u8]| {
        let mut patched = weights.clone();
        patched[at..at + bytes.len()].copy_from_slice(bytes);
        patched
    };
    let shape = place(&sizes(&[18, 4]));
    let data = place(&sizes(&[18 * 4 * 4]));
    let tree = place(b"TREE");
    let mut fill = patched(shape, &sizes(&[1 << 30, 1]));
    fill[data - 8..data + 8].copy_from_slice(&sizes(&[u64::MAX, 4 << 30]));
    let layers = |layer: &str, count: usize| {
        format!(r#"{{"class_name":"Sequential","config":{{"layers":[{}0]}}}}"#, format!("{layer},").repeat(count))
            .into_bytes()
    };
    vec![
        ("valid.keras", keras_archive(None, None)),
        ("valid.json", config.clone()),
        ("valid.h5", weights.clone()),
        ("empty.keras", Vec::new()),
        ("archive_of_no_members.keras", zip(&[])),
        ("archive_without_weights.keras", zip(&[("config.json", &config)])),
        ("archive_of_path_traversal.keras", zip(&[("../config.json", &config), ("../model.weights.h5", &weights)])),
        ("archive_of_two_configs.keras", zip(&[("config.json", &config), ("config.json", &config)])),
        ("config_bomb.keras", compressed("config.json", &vec![b' '; 32 << 20])),
        ("weights_of_nothing.keras", keras_archive(None, Some(b""))),
        ("class_with_code.json", with(r#""class_name": "Dropout""#, r#""class_name": "Lambda""#)),
        ("class_of_another_module.json", with(r#""module": "keras.layers""#, r#""module": "os""#)),
        (
            "class_that_is_registered.json",
            text.replace(r#""registered_name": null"#, r#""registered_name": "evil>Layer""#).into_bytes(),
        ),
        ("activation_with_code.json", with(r#""activation": "tanh""#, r#""activation": {"class_name": "__lambda__"}"#)),
        ("filters_of_exabytes.json", with(r#""filters": 2"#, r#""filters": 9223372036854775807"#)),
        ("images_of_exabytes.json", with("[null, 9, 8, 3]", "[null, 4611686018427387904, 8, 3]")),
        ("name_that_is_a_path.json", with(r#""name": "second""#, r#""name": "../second""#)),
        ("name_of_another_layer.json", with(r#""name": "second""#, r#""name": "conv2d""#)),
        ("config_nested_deeply.json", "[".repeat(9_000).into_bytes()),
        ("objects_nested_deeply.json", "{\"a\":".repeat(2_000).into_bytes()),
        ("layers_nested_deeply.json", layers(&"[".repeat(5_000), 1)),
        ("layers_of_numbers.json", layers("0", 5_000)),
        ("layers_of_nothing.json", layers(r#"{"module":"","class_name":"","config":{"":0}}"#, 300)),
        ("shape_that_overflows.h5", patched(shape, &sizes(&[u64::MAX, u64::MAX]))),
        ("shape_of_terabytes_without_data.h5", fill),
        ("data_past_the_end.h5", patched(data - 8, &sizes(&[1 << 40]))),
        ("tree_that_is_its_own_child.h5", {
            let mut bytes = patched(tree + 5, &[1]);
            bytes[tree + 32..tree + 40].copy_from_slice(&sizes(&[tree as u64]));
            bytes
        }),
        ("heap_past_the_end.h5", patched(place(b"HEAP") + 24, &[0xfe; 8])),
        ("cut_in_the_header.h5", weights[..40].to_vec()),
        ("cut_in_the_middle.h5", weights[..weights.len() / 2].to_vec()),
    ]
}

/// A network of a dense layer.
fn dense(units: &str) -> String {
    format!("input = [4, 4, 1]\n[[layers]]\ntype = \"flatten\"\n[[layers]]\ntype = \"dense\"\nunits = {units}\n")
}

/// A network of `count` like layers.
fn layers(layer: &str, count: usize) -> String {
    format!("input=[4,4,1]\n{}", format!("[[layers]]\n{layer}\n").repeat(count))
}

fn model_files() -> Vec<(&'static str, String)> {
    let convolution = |options: &str| {
        format!("input = [8, 8, 3]\n[[layers]]\ntype = \"conv2d\"\n{options}\n[[layers]]\ntype = \"flatten\"\n")
    };
    let pooling = |options: &str| {
        format!("input = [8, 8, 3]\n[[layers]]\ntype = \"max_pooling2d\"\n{options}\n[[layers]]\ntype = \"flatten\"\n")
    };
    let named = |name: &str| format!("input=[4,4,1]\n[[layers]]\nname={name}\ntype=\"flatten\"\n");
    let wide = "type=\"conv2d\"\nfilters=8388608\nkernel_size=1\npadding=\"same\"";
    let input = |sizes: &str| format!("input = {sizes}\n[[layers]]\ntype = \"flatten\"\n");
    vec![
        (
            "valid.toml",
            include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/models/all_layers.toml"))
                .replacen("[[layers]]", "input = [32, 32, 3]\n[[layers]]", 1)
                .replace("\"classes\"", "10"),
        ),
        ("empty.toml", String::new()),
        ("type_of_two_lines.toml", "layers = [{ type = \"flatt\\nen\" }]".into()),
        ("units_of_terabytes.toml", dense("1099511627776")),
        ("units_of_gigabytes.toml", dense("536870912")),
        ("units_of_exabytes.toml", dense("9223372036854775807")),
        ("units_that_overflow.toml", dense("9223372036854775808")),
        ("units_that_are_negative.toml", dense("-1")),
        ("units_that_are_a_fraction.toml", dense("1e3")),
        ("units_of_nothing.toml", dense("0")),
        ("filters_of_exabytes.toml", convolution("filters = 9223372036854775807\nkernel_size = 1")),
        ("kernel_of_exabytes.toml", convolution("filters = 1\nkernel_size = 9223372036854775807\npadding = \"same\"")),
        ("kernel_larger_than_the_image.toml", convolution("filters = 1\nkernel_size = 9")),
        ("kernel_that_never_ends.toml", convolution("filters = 1\nkernel_size = [13000, 13000]\npadding = \"same\"")),
        (
            "harmless_strides_of_exabytes.toml",
            convolution("filters = 1\nkernel_size = 1\nstrides = 9223372036854775807"),
        ),
        ("strides_of_nothing.toml", convolution("filters = 1\nkernel_size = 1\nstrides = 0")),
        ("window_of_exabytes.toml", pooling("pool_size = 9223372036854775807")),
        ("window_of_nothing.toml", pooling("pool_size = 0")),
        ("harmless_window_strides_of_exabytes.toml", pooling("pool_size = 1\nstrides = 9223372036854775807")),
        ("images_of_exabytes.toml", input("[4611686018427387904, 4, 4]")),
        ("images_of_gigabytes.toml", input("[32768, 32768, 1]")),
        ("images_of_nothing.toml", input("[0, 4, 4]")),
        ("images_of_300_axes.toml", input(&format!("[{}1]", "1,".repeat(300)))),
        ("layers_of_1001.toml", layers("type=\"flatten\"", 1001)),
        ("layers_without_a_kind.toml", layers("", 2000)),
        ("layers_that_are_wide.toml", layers(wide, 20)),
        ("layers_of_one_name.toml", layers("name=\"a\"\ntype=\"flatten\"", 100)),
        ("rate_that_is_no_number.toml", layers("type=\"dropout\"\nrate=nan", 1)),
        ("rate_of_infinity.toml", layers("type=\"dropout\"\nrate=inf", 1)),
        ("name_of_9000_letters.toml", named(&format!("\"{}\"", "a".repeat(9_000)))),
        ("name_that_is_a_path.toml", named("\"../../escape\"")),
        ("name_that_commands_the_terminal.toml", named("\"\\u001b[2J\"")),
        ("arrays_nested_deeply.toml", format!("a={}", "[".repeat(9_000))),
        ("tables_nested_deeply.toml", format!("a={}", "{a=".repeat(5_000))),
        ("keys_nested_deeply.toml", format!("{}a=1", "a.".repeat(5_000))),
        ("headers_nested_deeply.toml", format!("[{}a]\n", "a.".repeat(5_000))),
        ("options_nested_deeply.toml", layers(&format!("{}a=1", "a.".repeat(5_000)), 1)),
        ("another_format.toml", "{\"input\": [4, 4, 1]}".into()),
    ]
}

fn tuning_caches() -> Vec<(&'static str, String)> {
    let product = "conv2d forward";
    let choice =
        |kernel: &str, parts: &str| format!(r#"{{"gpu":{{"{product}":{{"kernel":"{kernel}","parts":{parts}}}}}}}"#);
    // Every product of the network, in more parts than there are numbers.
    let graph = || {
        use wgrad::graph::{Mode, Target};
        use wgrad::kernel::{MicroKernel, Storage};
        let target = Target { micro_kernel: MicroKernel::Direct, storage: Storage::Buffers, busy_workgroups: 8 };
        let mut graph = Sequential::tutorial([32, 32, 3], 10).build(32, target).unwrap().graph;
        let mut dispatches = graph.record_forward(Mode::Train);
        dispatches.extend(graph.record_backward(&[], &[]).0);
        dispatches
    };
    let products = |parts: u64| {
        let keys = graph().into_iter().filter_map(|dispatch| dispatch.product).map(|product| product.key);
        let choices: Vec<_> = keys.map(|key| format!("{key:?}:{{\"kernel\":\"tile\",\"parts\":{parts}}}")).collect();
        format!("{{\"gpu\":{{{}}}}}", choices.join(","))
    };
    let keys: Vec<_> = (0..1000).map(|i| format!(r#""{i}":{{}}"#)).collect();
    vec![
        ("valid.json", products(4)),
        ("empty.json", String::new()),
        ("kernel_of_two_lines.json", choice("til\\ne", "1")),
        ("harmless_parts_of_exabytes.json", products(u64::MAX)),
        ("harmless_parts_of_nothing.json", products(0)),
        ("parts_that_overflow.json", choice("tile", "18446744073709551616")),
        ("parts_that_are_negative.json", choice("tile", "-1")),
        ("parts_that_are_a_fraction.json", choice("tile", "1.5")),
        ("harmless_product_that_is_unknown.json", choice("tile", "1")),
        ("kernel_that_is_unknown.json", choice("../../escape", "1")),
        ("harmless_keys_of_1000.json", format!("{{{}}}", keys.join(","))),
        ("harmless_keys_twice.json", r#"{"gpu":{},"gpu":{}}"#.into()),
        ("list.json", "[]".into()),
        ("arrays_nested_deeply.json", "[".repeat(9_000)),
        ("objects_nested_deeply.json", "{\"gpu\":".repeat(2000)),
        ("control_characters.json", "{\"\u{1b}[2J\": 0}".into()),
        ("cut_in_a_key.json", choice("tile", "1")[..12].into()),
        ("cut_in_a_number.json", choice("tile", "1").trim_end_matches('}').into()),
    ]
}
