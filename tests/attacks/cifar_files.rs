//! CIFAR's files, and archives of them, made to harm whoever reads them.

use std::io::Write;

use flate2::{Compression, write::GzEncoder};

use crate::readers::TINY_RECORD;

fn records(labels: [u8; 2]) -> Vec<u8> {
    let mut bytes = vec![0; 2 * TINY_RECORD];
    for (image, label) in labels.into_iter().enumerate() {
        bytes[image * TINY_RECORD] = label;
    }
    bytes
}

pub fn cifar_batches() -> Vec<(&'static str, Vec<u8>)> {
    let whole = records([0, 2]);
    let record = TINY_RECORD;
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

pub fn cifar_archives() -> Vec<(&'static str, Vec<u8>)> {
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
