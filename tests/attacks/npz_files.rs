//! NumPy's archives, made to harm whoever reads them.

use std::io::Write;

use flate2::Compression;
use wgrad::exchange::{Elements, write_npz};

use crate::readers::zip;
use crate::safetensors_files::weights;

pub fn npy_header(kind: &str, shape: &str) -> String {
    format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}")
}

fn npy(header: &str, data: usize) -> Vec<u8> {
    let mut bytes = b"\x93NUMPY\x01\0".to_vec();
    bytes.extend((header.len() as u16).to_le_bytes());
    bytes.extend(header.bytes().chain(std::iter::repeat_n(0, data)));
    bytes
}

pub fn npy_version_2(header: &str) -> Vec<u8> {
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
pub fn compressed(name: &str, data: &[u8]) -> Vec<u8> {
    let mut deflated = flate2::write::DeflateEncoder::new(Vec::new(), Compression::best());
    deflated.write_all(data).unwrap();
    let mut bytes = zip(&[(name, &deflated.finish().unwrap())]);
    let places: Vec<_> = bytes.windows(4).enumerate().filter(|(_, four)| four.starts_with(b"PK\x01\x02")).collect();
    let entry = places[0].0;
    bytes[8] = 8;
    bytes[entry + 10] = 8;
    bytes
}

pub fn npz() -> Vec<(&'static str, Vec<u8>)> {
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
