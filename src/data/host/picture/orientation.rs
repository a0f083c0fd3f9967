//! The orientation of a picture: how it must be turned to be upright (Exif 2.32, tag 0x0112).

/// One of the eight orientations of Exif.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Orientation {
    /// Whether rows become columns. This is done after mirroring.
    pub transposes: bool,
    mirrors_rows: bool,
    mirrors_columns: bool,
}

impl Orientation {
    /// The orientation of a picture that is stored upright.
    pub const UPRIGHT: Self = Self { transposes: false, mirrors_rows: false, mirrors_columns: false };

    /// The orientation that has `number` in Exif, or upright if there is none.
    pub fn numbered(number: u16) -> Self {
        Self {
            transposes: matches!(number, 5..=8),
            mirrors_rows: matches!(number, 3 | 4 | 6 | 7),
            mirrors_columns: matches!(number, 2 | 3 | 7 | 8),
        }
    }

    /// The orientation that Exif metadata have, or upright if they have none. The metadata have the structure of a TIFF.
    pub fn of_exif(exif: &[u8]) -> Self {
        Self::numbered(number(exif).unwrap_or(1))
    }

    /// The place `[y, x]` in the stored picture, of size `[h, w]`, of the pixel at `[y, x]` of the turned picture.
    pub fn stored(self, [h, w]: [usize; 2], [y, x]: [usize; 2]) -> [usize; 2] {
        let [y, x] = if self.transposes { [x, y] } else { [y, x] };
        [if self.mirrors_rows { h - 1 - y } else { y }, if self.mirrors_columns { w - 1 - x } else { x }]
    }

    /// `[h, w]`, or `[w, h]` if `transposes` is true.
    pub fn sides([h, w]: [usize; 2], transposes: bool) -> [usize; 2] {
        if transposes { [w, h] } else { [h, w] }
    }
}

/// The number of the orientation in the first directory of `exif`.
fn number(exif: &[u8]) -> Option<u16> {
    let little = match exif.first_chunk::<4>()? {
        b"II*\0" => true,
        b"MM\0*" => false,
        _ => return None,
    };
    let bytes = |at: usize, len: usize| exif.get(at..at.checked_add(len)?);
    let short = |at| {
        let bytes = bytes(at, 2)?.try_into().ok()?;
        Some(if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let long = |at| {
        let bytes = bytes(at, 4)?.try_into().ok()?;
        Some(if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) })
    };
    let directory = long(4)? as usize;
    for entry in 0..usize::from(short(directory)?) {
        let at = directory.checked_add(2 + 12 * entry)?;
        // The orientation is one SHORT.
        if (short(at)?, short(at + 2)?, long(at + 4)?) == (0x0112, 3, 1) {
            return short(at + 8);
        }
    }
    None
}
