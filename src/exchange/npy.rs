//! Arrays as NumPy stores them, in format version 1.0. The crates that read them bring a parser of Python and an array
//! library, for a header of one line.

use std::ops::Range;

/// The first bytes of the format, with its version.
const MAGIC: &[u8] = b"\x93NUMPY\x01\x00";
/// Most sizes that a shape may have; NumPy has the same limit.
const MOST_SIZES: usize = 64;
/// The length of a header, in bytes, is a multiple of this.
const ALIGNMENT: usize = 64;

/// Elements of an array, in C order.
#[derive(Clone, Copy, Debug)]
pub enum Elements<'a> {
    /// float32
    F32(&'a [f32]),
    /// uint8
    U8(&'a [u8]),
    /// uint16
    U16(&'a [u16]),
}

/// An array that can't be read.
#[derive(Debug, PartialEq)]
pub enum NpyError {
    /// The file is damaged or of another kind.
    Damaged(&'static str),
    /// The elements are of another type.
    WrongType(String),
}

/// An array of `shape` as a file.
pub fn write(shape: &[usize], elements: Elements) -> Vec<u8> {
    let (kind, data) = match elements {
        Elements::F32(values) => ("<f4", values.iter().flat_map(|value| value.to_le_bytes()).collect()),
        Elements::U8(values) => ("|u1", values.to_vec()),
        Elements::U16(values) => ("<u2", values.iter().flat_map(|value| value.to_le_bytes()).collect()),
    };
    let sizes: String = shape.iter().map(|size| format!("{size}, ")).collect();
    // In Python, only a tuple of one needs a comma at its end.
    let sizes = if shape.len() == 1 { sizes.trim_end() } else { sizes.trim_end_matches(", ") };
    let mut header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({sizes}), }}");
    let start = MAGIC.len() + 2;
    let padded = (start + header.len() + 1).next_multiple_of(ALIGNMENT) - start;
    header.extend(std::iter::repeat_n(' ', padded - header.len() - 1));
    header.push('\n');
    let mut bytes = MAGIC.to_vec();
    bytes.extend((padded as u16).to_le_bytes());
    bytes.extend(header.into_bytes());
    bytes.extend::<Vec<u8>>(data);
    bytes
}

/// Shape and elements of an array of float32.
///
/// # Errors
/// What is wrong with it.
pub fn read(bytes: &[u8]) -> Result<(Vec<usize>, Vec<f32>), NpyError> {
    let damaged = NpyError::Damaged;
    let range = header_range(bytes).ok_or(damaged("it does not start as a .npy file"))?;
    let header = bytes.get(range.clone()).and_then(|header| std::str::from_utf8(header).ok());
    let header = header.ok_or(damaged("its header is cut short or no text"))?;
    let field = |key: &str| header.split_once(&format!("'{key}':")).map(|(_, value)| value.trim_start());
    let kind = field("descr").ok_or(damaged("its header has no `descr`"))?;
    let kind = kind.strip_prefix('\'').and_then(|kind| kind.split_once('\'')).map(|(kind, _)| kind);
    match kind {
        Some("<f4") => {}
        Some(other) => return Err(NpyError::WrongType(format!("`{other}`"))),
        None => return Err(NpyError::WrongType("records".into())),
    }
    if !field("fortran_order").is_some_and(|order| order.starts_with("False")) {
        return Err(damaged("it is not in C order; save numpy.ascontiguousarray of it"));
    }
    let sizes = field("shape").and_then(|shape| shape.strip_prefix('(')?.split_once(')'));
    let (sizes, _) = sizes.ok_or(damaged("its header has no `shape`"))?;
    let sizes = sizes.split(',').map(str::trim).filter(|size| !size.is_empty());
    if sizes.clone().count() > MOST_SIZES {
        return Err(damaged("its `shape` has more than 64 sizes"));
    }
    let shape: Option<Vec<usize>> = sizes.map(|size| size.parse().ok()).collect();
    let shape = shape.ok_or(damaged("its `shape` is no list of sizes"))?;
    let len = shape.iter().try_fold(4_usize, |len, size| len.checked_mul(*size));
    let data = &bytes[range.end..];
    if len != Some(data.len()) {
        return Err(damaged("its elements are not as many as its shape says"));
    }
    Ok((shape, data.as_chunks().0.iter().map(|bytes| f32::from_le_bytes(*bytes)).collect()))
}

/// The place of the header. Version 1 gives its length in two bytes, versions 2 and 3 in four.
fn header_range(bytes: &[u8]) -> Option<Range<usize>> {
    let rest = bytes.strip_prefix(&MAGIC[..6])?;
    let (start, len) = match *rest.first()? {
        1 => (10, usize::from(u16::from_le_bytes(*rest.get(2..)?.first_chunk()?))),
        2 | 3 => (12, u32::from_le_bytes(*rest.get(2..)?.first_chunk()?) as usize),
        _ => return None,
    };
    Some(start..start.checked_add(len)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The header is the one that NumPy 2.4 writes for `numpy.float32([[1, -2, 0.5]])`; the other shapes have other ranks.
    #[test]
    fn the_header_is_numpy_s() {
        let bytes = write(&[1, 3], Elements::F32(&[1.0, -2.0, 0.5]));
        let header = b"\x93NUMPY\x01\x00\x76\x00{'descr': '<f4', 'fortran_order': False, 'shape': (1, 3), }";
        assert_eq!(bytes[..header.len()], header[..]);
        assert_eq!((bytes.len(), bytes[127]), (128 + 12, b'\n'));
        assert_eq!(read(&bytes).unwrap(), (vec![1, 3], vec![1.0, -2.0, 0.5]));
        for (shape, text) in [(vec![], "()"), (vec![1], "(1,)"), (vec![1, 1, 1], "(1, 1, 1)")] {
            let bytes = write(&shape, Elements::F32(&[7.0]));
            assert!(String::from_utf8_lossy(&bytes).contains(&format!("'shape': {text}, }}")));
            assert_eq!(read(&bytes).unwrap(), (shape, vec![7.0]));
        }
    }

    #[test]
    fn other_arrays_are_refused() {
        let text = |header: &str| {
            let mut bytes = MAGIC.to_vec();
            bytes.extend((header.len() as u16).to_le_bytes());
            bytes.extend(header.bytes().chain([0; 8]));
            bytes
        };
        let good = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
        assert_eq!(read(&text(good)).unwrap().0, [2]);
        for (from, to) in [
            ("<f4", "<f8"),
            ("<f4", ">f4"),
            ("<f4", "|O"),
            ("'<f4'", "[('a', '<f4')]"),
            ("False", "True"),
            ("(2,)", "(3,)"),
            ("(2,)", "(1,)"),
            ("(2,)", "(-2,)"),
            ("(2,)", "(9223372036854775809, 2)"),
            ("(2,)", "(18446744073709551616,)"),
            ("(2,)", "(2"),
            ("shape", "shade"),
            ("descr", "describe"),
            ("fortran", "basic"),
        ] {
            assert!(read(&text(&good.replace(from, to))).is_err(), "{to}");
        }
        for len in 0..text(good).len() {
            assert!(read(&text(good)[..len]).is_err(), "{len}");
        }
    }
}
