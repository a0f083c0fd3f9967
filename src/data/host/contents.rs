//! What a file is, as its name and its first bytes tell.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use super::left_out::Reason::{self, *};
use super::picture::{EXTENSIONS, Format};

/// Formats that a file may be in whatever its name is. The others have short signatures, or share theirs with formats
/// that wgrad cannot read, such as the raw formats of cameras, which begin as TIFF does.
const DISTINCT: [Format; 4] = [Format::Png, Format::Jpeg, Format::Gif, Format::WebP];
/// Endings of the names that programs give to copies and to unfinished files, in lower case.
const COPIES: [&str; 8] = ["~", "_original", ".bak", ".orig", ".tmp", ".part", ".partial", ".crdownload"];

/// The reason to leave out the file at `path`, whose name in lower case is `name`; none if it is a picture.
pub(super) fn reason(path: &Path, name: &str) -> Option<Reason> {
    if has_picture_name(name) {
        return None;
    }
    match Contents::of(path) {
        Contents::Distinct if COPIES.iter().any(|end| name.ends_with(end)) => Some(Copy),
        Contents::Distinct => None,
        Contents::Heic => Some(Heic),
        Contents::Avif => Some(Avif),
        Contents::Other => Some(NotPicture),
    }
}

/// The reason to leave out the picture at `path`, which cannot be decoded.
pub(super) fn reason_of_broken(path: &Path) -> Reason {
    match Contents::of(path) {
        Contents::Heic => Heic,
        Contents::Avif => Avif,
        _ => Broken,
    }
}

pub(super) fn has_picture_name(name: &str) -> bool {
    name.rsplit_once('.').is_some_and(|(_, extension)| EXTENSIONS.contains(&extension))
}

/// The kind of a file, by its first bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Contents {
    /// One of [`DISTINCT`].
    Distinct,
    Heic,
    Avif,
    /// Anything else, and what cannot be read.
    Other,
}

impl Contents {
    pub fn of(path: &Path) -> Self {
        let mut start = Vec::new();
        match File::open(path).and_then(|file| file.take(32).read_to_end(&mut start)) {
            Ok(_) => Self::beginning_with(&start),
            Err(_) => Self::Other,
        }
    }

    fn beginning_with(start: &[u8]) -> Self {
        match Format::of(start) {
            Some(Format::Heic) => Self::Heic,
            Some(Format::Avif) => Self::Avif,
            Some(format) if DISTINCT.contains(&format) => Self::Distinct,
            _ => Self::Other,
        }
    }

    pub fn is_distinct(self) -> bool {
        self == Self::Distinct
    }
}
