//! What lies where pictures belong but is not read, and why.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
};

/// Why something is not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// A picture in a directory below that of its class, which only a recursive search takes.
    Subdirectory,
    /// A picture that lies beside the directories of the classes, in none of them.
    Classless,
    /// A directory with pictures beside those of the splits.
    NoSplit,
    /// A picture, or a directory of them, whose name begins with a dot.
    Hidden,
    /// A picture in the HEIC format.
    Heic,
    /// A picture in the AVIF format.
    Avif,
    /// A picture whose name says that it is a copy by another program, or not finished.
    Copy,
    /// A file whose contents are in no format of pictures that wgrad reads.
    NotPicture,
    /// A symbolic link that leads nowhere.
    DeadLink,
    /// A symbolic link to a directory that the link itself lies in.
    Loop,
    /// A pipe, a device or a socket.
    NotFile,
    /// A picture that can't be decoded.
    Broken,
}

impl Reason {
    /// Words for `count` of them, and for a program that can help, if there is one.
    fn describe(self, count: usize) -> (String, &'static str) {
        let one_or_many = |one: &str, many: &str| format!("{count} {}", if count == 1 { one } else { many });
        match self {
            Self::Subdirectory => (format!("{count} in sub-directories of a class"), ""),
            Self::Classless => (format!("{count} outside the directories of the classes"), ""),
            Self::NoSplit => (one_or_many("directory beside the splits", "directories beside the splits"), ""),
            Self::Hidden => (format!("{count} hidden"), ""),
            Self::Heic => (format!("{count} HEIC"), "`heif-convert` makes a JPEG of one"),
            Self::Avif => (format!("{count} AVIF"), "`avifdec` makes a PNG of one"),
            Self::Copy => (one_or_many("backup or unfinished copy", "backup or unfinished copies"), ""),
            Self::NotPicture => (one_or_many("file that is not a picture", "files that are not pictures"), ""),
            Self::DeadLink => (one_or_many("link that leads nowhere", "links that lead nowhere"), ""),
            Self::Loop => {
                (one_or_many("link that leads back to where it is", "links that lead back to where they are"), "")
            }
            Self::NotFile => (one_or_many("pipe or device", "pipes or devices"), ""),
            Self::Broken => (one_or_many("picture that cannot be decoded", "pictures that cannot be decoded"), ""),
        }
    }
}

/// How much was left out for each reason, with an example.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LeftOut {
    found: BTreeMap<Reason, Found>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Found {
    count: usize,
    /// The first by name.
    example: PathBuf,
}

impl LeftOut {
    /// Counts `path`.
    pub fn add(&mut self, reason: Reason, path: &Path) {
        self.count_found(reason, Found { count: 1, example: path.into() });
    }

    /// Counts all of `other` too.
    pub fn extend(&mut self, other: Self) {
        for (reason, found) in other.found {
            self.count_found(reason, found);
        }
    }

    fn count_found(&mut self, reason: Reason, other: Found) {
        match self.found.get_mut(&reason) {
            Some(found) => {
                found.count += other.count;
                // The system lists a directory in any order.
                if other.example < found.example {
                    found.example = other.example;
                }
            }
            None => _ = self.found.insert(reason, other),
        }
    }

    /// Counts nothing for `reason` any more.
    pub fn forget(&mut self, reason: Reason) {
        self.found.remove(&reason);
    }

    /// Whether nothing was left out.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// How many were left out for `reason`.
    pub fn count(&self, reason: Reason) -> usize {
        self.found.get(&reason).map_or(0, |found| found.count)
    }
}

/// `12 in sub-directories of a class (such as DIR/cat/2019/1.png), 1 file that is not a picture (such as DIR/cat/notes.txt)`
impl fmt::Display for LeftOut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, (&reason, Found { count, example })) in self.found.iter().enumerate() {
            let (what, advice) = reason.describe(*count);
            let [comma, semicolon] = [if i > 0 { ", " } else { "" }, if advice.is_empty() { "" } else { "; " }];
            write!(f, "{comma}{what} (such as {}{semicolon}{advice})", example.display())?;
        }
        Ok(())
    }
}

/// What a directory holds instead of pictures.
pub(super) fn but(left_out: &LeftOut) -> String {
    if left_out.is_empty() { String::new() } else { format!(" (left out: {left_out})") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_counts_by_reason_and_does_not_depend_on_the_order() {
        let files = [(Reason::Heic, "a/2.heic"), (Reason::NotPicture, "a/x.txt"), (Reason::Heic, "a/1.heic")];
        let mut left_out = LeftOut::default();
        assert!(left_out.is_empty());
        files.iter().for_each(|(reason, path)| left_out.add(*reason, Path::new(path)));
        let mut other = LeftOut::default();
        files.iter().rev().for_each(|(reason, path)| other.add(*reason, Path::new(path)));
        assert_eq!(left_out, other);
        let expected = "2 HEIC (such as a/1.heic; `heif-convert` makes a JPEG of one), 1 file that is not a picture (such as a/x.txt)";
        assert_eq!(left_out.to_string(), expected);
        left_out.extend(other);
        assert_eq!([Reason::Heic, Reason::NotPicture, Reason::Copy].map(|reason| left_out.count(reason)), [4, 2, 0]);
    }
}
