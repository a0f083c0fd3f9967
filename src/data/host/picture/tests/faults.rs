//! Pictures that can't be read.

use std::path::Path;

use image::RgbImage;

use super::{coordinates, decode, noisy_jpeg, png};
use crate::data::DataError;
use crate::data::host::picture::fault::Fault;
use crate::data::host::picture::read;

#[test]
fn every_cut_is_an_error() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let jpeg = noisy_jpeg();
    for whole in [png(coordinates(40, 30)), jpeg] {
        std::fs::write(file.path(), &whole).unwrap();
        assert_eq!(read(file.path(), [8, 8, 3]).unwrap().len(), 8 * 8 * 3);
        // The last 12 bytes of a PNG only mark its end.
        for len in (0..whole.len() - 12).step_by(7) {
            std::fs::write(file.path(), &whole[..len]).unwrap();
            let error = read(file.path(), [8, 8, 3]).unwrap_err();
            assert!(matches!(error, DataError::Picture { .. }), "{len} of {}: {error}", whole.len());
            assert!(!error.to_string().contains('\n'), "{error}");
        }
    }
}

#[test]
fn headers_that_promise_too_much_are_refused() {
    let mut bytes = png(RgbImage::new(2, 2));
    for (width, height, message) in [
        (65_536_u32, 1_u32, "at most 65535 on a side"),
        (60_000, 60_000, "200 million in all"),
        (20_001, 10_000, "it has 20001 x 10000 pixels"),
        (20_000, 10_000, "a part of its pixels is missing"),
    ] {
        bytes[16..20].copy_from_slice(&width.to_be_bytes());
        bytes[20..24].copy_from_slice(&height.to_be_bytes());
        let mut crc = flate2::Crc::new();
        crc.update(&bytes[12..29]);
        bytes[29..33].copy_from_slice(&crc.sum().to_be_bytes());
        let reason = decode(&bytes, [32, 32]).unwrap_err().to_string();
        assert!(reason.contains(message), "{width} x {height}: {reason}");
    }
    let mut bytes = noisy_jpeg();
    let frame = bytes.windows(2).rposition(|pair| pair == [0xff, 0xc0]).unwrap();
    bytes[frame + 5..frame + 9].copy_from_slice(&[0xff; 4]);
    assert!(matches!(decode(&bytes, [32, 32]), Err(Fault::TooLarge([65_535, 65_535]))));
}

#[test]
fn a_wrong_checksum_is_told_in_plain_words() {
    let mut bytes = png(coordinates(40, 30));
    let end = bytes.len() - 20;
    bytes[end] ^= 1;
    let reason = decode(&bytes, [8, 8]).unwrap_err().to_string();
    assert_eq!(reason, "it is damaged (a checksum is wrong); get it again, or remove it");
}

#[test]
fn files_of_other_kinds_are_refused() {
    let file = tempfile::NamedTempFile::with_suffix(".png").unwrap();
    for bytes in [&b""[..], b"GIF89a\x01\0\x01\0\0\0\0;", b"notes", b"\x89PNG\r\n\x1a\nnonsense", b"\xff\xd8\xff"] {
        std::fs::write(file.path(), bytes).unwrap();
        let error = read(file.path(), [8, 8, 3]).unwrap_err();
        assert!(matches!(error, DataError::Picture { .. }) && error.to_string().contains(".png"), "{error}");
    }
    // The contents decide, not the name.
    std::fs::write(file.path(), noisy_jpeg()).unwrap();
    assert!(read(file.path(), [8, 8, 3]).is_ok());
    assert!(matches!(read(Path::new("no/such.png"), [8, 8, 3]), Err(DataError::Read { .. })));
    assert!(matches!(read(Path::new("src"), [8, 8, 3]), Err(DataError::Read { .. })));
}
