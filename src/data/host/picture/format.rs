//! The formats of picture files, as far as their first bytes tell.

/// The format of a file, as its first bytes tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    Png,
    Jpeg,
    Gif,
    Bmp,
    Tiff,
    WebP,
    Avif,
    Heic,
    JpegXl,
    Jpeg2000,
}

impl Format {
    /// The format of a file that begins with `start`, of which 16 bytes are enough.
    pub fn of(start: &[u8]) -> Option<Self> {
        // ISO/IEC 14496-12: the first box names the brand. ISO/IEC 23008-12 and AV1's specification have the names.
        let brand = if start.get(4..8) == Some(b"ftyp") { start.get(8..12) } else { None };
        Some(match (start, brand) {
            ([0x89, b'P', b'N', b'G', ..], _) => Self::Png,
            ([0xff, 0xd8, 0xff, ..], _) => Self::Jpeg,
            ([b'G', b'I', b'F', b'8', ..], _) => Self::Gif,
            ([b'B', b'M', ..], _) => Self::Bmp,
            ([b'I', b'I', 42 | 43, 0, ..] | [b'M', b'M', 0, 42 | 43, ..], _) => Self::Tiff,
            ([b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..], _) => Self::WebP,
            (_, Some(b"avif" | b"avis")) => Self::Avif,
            (
                _,
                Some(b"heic" | b"heix" | b"heim" | b"heis" | b"hevc" | b"hevx" | b"hevm" | b"hevs" | b"mif1" | b"msf1"),
            ) => Self::Heic,
            ([0xff, 0x0a, ..] | [0, 0, 0, 12, b'J', b'X', b'L', b' ', ..], _) => Self::JpegXl,
            ([0, 0, 0, 12, b'j', b'P', b' ', b' ', ..] | [0xff, 0x4f, 0xff, 0x51, ..], _) => Self::Jpeg2000,
            _ => return None,
        })
    }
}
