//! The reasons why a picture can't be read, and what the user can do.

use std::fmt;
use std::io;

use super::limits::{MAX_SIDE, MOST_MEMORY, MOST_PIXELS};

/// The reason why a picture can't be read. Its text follows "PATH cannot be read:".
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// The file ends before the picture is complete.
    EndsEarly,
    /// The file breaks a rule of its format; the text says which.
    Damaged(&'static str),
    /// The picture is of a kind that wgrad does not read; the text names it, with its article.
    Unsupported(&'static str),
    /// The first bytes are not those of a picture.
    NoPicture,
    /// The picture is in a format that wgrad does not read, but that the command `with` converts.
    Convert { what: &'static str, with: &'static str },
    /// The picture, of this size `[h, w]`, has too many pixels.
    TooLarge([u64; 2]),
    /// Decoding takes this many bytes of memory, which is too many.
    Memory(u64),
    /// A picture can't have this number of channels.
    Channels(usize),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const AGAIN: &str = "save it again as a usual PNG or JPEG, or remove it";
        match self {
            Self::EndsEarly => {
                write!(f, "it ends early, so a part of the picture is missing; get it again, or remove it")
            }
            Self::Damaged(what) => write!(f, "it is damaged ({what}); get it again, or remove it"),
            Self::Unsupported(what) => write!(f, "it is {what}, which wgrad does not read; {AGAIN}"),
            Self::NoPicture => {
                write!(f, "its contents are not those of a PNG, JPEG, GIF, BMP, TIFF or WebP picture; {AGAIN}")
            }
            Self::Convert { what, with } => {
                write!(f, "it is {what}, which wgrad does not read; convert it with `{with}`, or remove it")
            }
            Self::TooLarge([h, w]) => write!(
                f,
                "it has {w} x {h} pixels, but a picture has at most {MAX_SIDE} on a side and {} million in all; \
                 make it smaller, or remove it",
                MOST_PIXELS / 1_000_000
            ),
            Self::Memory(bytes) => write!(
                f,
                "it takes {} MiB of memory to decode, but a picture may take at most {} MiB; {AGAIN}",
                bytes >> 20,
                MOST_MEMORY >> 20
            ),
            Self::Channels(channels) => write!(
                f,
                "a picture is read with 1, 3 or 4 channels, but {channels} were asked for; \
                 use a network for 1, 3 or 4 channels"
            ),
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof {
            Self::EndsEarly
        } else {
            Self::Damaged("its data can't be unpacked")
        }
    }
}
