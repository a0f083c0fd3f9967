//! Which pictures a directory holds.

use std::{
    collections::HashSet,
    fs,
    path::{Path, PathBuf},
};

use super::{
    DataError, LeftOut,
    contents::{Contents, has_picture_name, reason},
    left_out::Reason::*,
};

/// Files that systems put beside pictures, in lower case.
const CLUTTER: [&str; 2] = ["thumbs.db", "desktop.ini"];

/// Pictures and directories in a directory, each sorted by name. Symbolic links are followed.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Files whose names end as those of pictures do, and others whose contents begin as a picture.
    pub pictures: Vec<PathBuf>,
    /// Directories.
    pub directories: Vec<PathBuf>,
    /// Everything else.
    pub left_out: LeftOut,
}

impl Listing {
    /// Lists `dir`.
    ///
    /// # Errors
    ///
    /// [`DataError::Read`]
    pub fn of(dir: &Path) -> Result<Self, DataError> {
        let read_error = |source| DataError::Read { path: dir.into(), source };
        let mut listing = Self::default();
        for entry in fs::read_dir(dir).map_err(read_error)? {
            let entry = entry.map_err(read_error)?;
            let path = entry.path();
            let mut kind = entry.file_type().map_err(read_error)?;
            let is_link = kind.is_symlink();
            if is_link {
                match fs::metadata(&path) {
                    Ok(target) => kind = target.file_type(),
                    Err(_) => {
                        listing.left_out.add(DeadLink, &path);
                        continue;
                    }
                }
            }
            let name = entry.file_name().to_string_lossy().to_lowercase();
            match (name.starts_with('.'), kind.is_dir(), kind.is_file()) {
                (true, is_dir, _) => {
                    if if is_dir { holds_pictures(&path) } else { kind.is_file() && Contents::of(&path).is_distinct() }
                    {
                        listing.left_out.add(Hidden, &path);
                    }
                }
                (false, true, _) if is_link && leads_back(dir, &path)? => {
                    listing.left_out.add(Loop, &path);
                }
                (false, true, _) => listing.directories.push(path),
                (false, false, true) => match reason(&path, &name) {
                    None => listing.pictures.push(path),
                    Some(_) if CLUTTER.contains(&&*name) => {}
                    Some(reason) => listing.left_out.add(reason, &path),
                },
                (false, false, false) => listing.left_out.add(NotFile, &path),
            }
        }
        listing.pictures.sort_unstable();
        listing.directories.sort_unstable();
        Ok(listing)
    }

    /// All pictures in `dir` and the directories below it, sorted; each directory is listed once, whatever links lead
    /// to it.
    ///
    /// # Errors
    ///
    /// [`DataError::Read`]
    pub fn below(dir: &Path) -> Result<Self, DataError> {
        Self::walk(vec![dir.into()], HashSet::new())
    }

    /// The pictures of a class, whose directory `dir` is: those below it if `recursive`. Otherwise those in its
    /// sub-directories are left out.
    ///
    /// # Errors
    ///
    /// [`DataError::Read`]
    pub fn of_class(dir: &Path, recursive: bool) -> Result<Self, DataError> {
        if recursive {
            return Self::below(dir);
        }
        let mut listing = Self::of(dir)?;
        let seen = HashSet::from([place(dir)?]);
        for picture in Self::walk(std::mem::take(&mut listing.directories), seen)?.pictures {
            listing.left_out.add(Subdirectory, &picture);
        }
        Ok(listing)
    }

    fn walk(mut directories: Vec<PathBuf>, mut seen: HashSet<PathBuf>) -> Result<Self, DataError> {
        let mut all = Self::default();
        directories.reverse();
        while let Some(dir) = directories.pop() {
            if !seen.insert(place(&dir)?) {
                continue;
            }
            let listing = Self::of(&dir)?;
            all.pictures.extend(listing.pictures);
            all.left_out.extend(listing.left_out);
            directories.extend(listing.directories.into_iter().rev());
        }
        all.pictures.sort_unstable();
        Ok(all)
    }
}

/// Whether `dir` has a picture in it, by name.
pub(super) fn holds_pictures(dir: &Path) -> bool {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.file_name()).any(|name| has_picture_name(&name.to_string_lossy().to_lowercase()))
}

/// The path of a directory without links.
fn place(dir: &Path) -> Result<PathBuf, DataError> {
    fs::canonicalize(dir).map_err(|source| DataError::Read { path: dir.into(), source })
}

/// Whether the link at `path` leads to the directory `dir`, in which it is, or to one above.
fn leads_back(dir: &Path, path: &Path) -> Result<bool, DataError> {
    Ok(place(dir)?.starts_with(place(path)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::left_out::Reason;

    const PNG: &[u8] = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR";
    const JPEG: &[u8] = b"\xff\xd8\xff\xe0\0\x10JFIF";

    fn tree(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for (file, bytes) in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, bytes).unwrap();
        }
        dir
    }

    fn names(dir: &Path, paths: &[PathBuf]) -> Vec<String> {
        paths.iter().map(|path| path.strip_prefix(dir).unwrap().display().to_string()).collect()
    }

    /// How much was left out for each reason.
    fn counts(left_out: &LeftOut) -> Vec<(Reason, usize)> {
        [Subdirectory, Hidden, Heic, Avif, Copy, NotPicture, DeadLink, Loop, NotFile]
            .into_iter()
            .map(|reason| (reason, left_out.count(reason)))
            .filter(|(_, count)| *count > 0)
            .collect()
    }

    #[test]
    fn pictures_and_directories_are_sorted() {
        let files = ["b.png", "a.JPG", "10.jpeg", "z/1.png", "y/2.png"].map(|name| (name, &b""[..]));
        let dir = tree(&files);
        let listing = Listing::of(dir.path()).unwrap();
        assert_eq!(names(dir.path(), &listing.pictures), ["10.jpeg", "a.JPG", "b.png"]);
        assert_eq!(names(dir.path(), &listing.directories), ["y", "z"]);
        assert!(listing.left_out.is_empty());
        let below = Listing::below(dir.path()).unwrap();
        assert_eq!(names(dir.path(), &below.pictures), ["10.jpeg", "a.JPG", "b.png", "y/2.png", "z/1.png"]);
    }

    #[test]
    fn all_else_is_counted_by_its_contents() {
        let dir = tree(&[
            ("a/1.png", b"whatever"),
            ("a/no ending", PNG),
            ("a/2.txt", JPEG),
            ("a/3.heic", JPEG),
            ("a/4.heic", b"\0\0\0\x18ftypheic\0\0\0\0mif1heic"),
            ("a/5.HIF", b"\0\0\0\x18ftypmif1\0\0\0\0mif1heic"),
            ("a/6.avif", b"\0\0\0\x1cftypavif\0\0\0\0avifmif1"),
            ("a/7.mov", b"\0\0\0\x14ftypqt  \0\0\0\0"),
            ("a/8.jpg_original", JPEG),
            ("a/9.png~", PNG),
            ("a/notes.txt", b"notes"),
            ("a/empty", b""),
            ("a/Thumbs.db", b"\xd0\xcf\x11\xe0"),
            ("a/.DS_Store", b"\0\0\0\x01Bud1"),
            ("a/._1.png", b"\0\x05\x16\x07"),
            ("a/.10.png", PNG),
            ("a/.checkpoints/1.png", PNG),
            ("a/.git/config", b""),
            ("a/camera.nef", b"MM\0*\0\0\0\x08"),
            ("a/below/1.png", PNG),
            ("a/below/far/2.png", PNG),
            ("a/below/notes.txt", b"notes"),
        ]);
        let class = dir.path().join("a");
        let listing = Listing::of_class(&class, false).unwrap();
        assert_eq!(names(&class, &listing.pictures), ["1.png", "2.txt", "3.heic", "no ending"]);
        let expected = [(Subdirectory, 2), (Hidden, 2), (Heic, 2), (Avif, 1), (Copy, 2), (NotPicture, 4)];
        assert_eq!(counts(&listing.left_out), expected);
        let recursive = Listing::of_class(&class, true).unwrap();
        assert_eq!(recursive.pictures.len(), 6);
        let expected = [(Hidden, 2), (Heic, 2), (Avif, 1), (Copy, 2), (NotPicture, 5)];
        assert_eq!(counts(&recursive.left_out), expected);
    }

    #[cfg(unix)]
    #[test]
    fn links_are_followed_and_loops_end() {
        use std::os::unix::fs::symlink;

        let dir = tree(&[("a/1.png", b""), ("b/2.png", b""), ("b/far/3.png", b"")]);
        let at = |name: &str| dir.path().join(name);
        symlink("1.png", at("a/link.png")).unwrap();
        symlink("nowhere", at("a/dead.png")).unwrap();
        symlink(".", at("a/itself")).unwrap();
        symlink(dir.path(), at("a/above")).unwrap();
        symlink("round", at("a/round")).unwrap();
        symlink("../b", at("a/b")).unwrap();
        symlink("../b/far", at("a/far")).unwrap();
        // From `b` back to `a`, which is not above `b`.
        symlink("../a", at("b/a")).unwrap();
        assert!(std::process::Command::new("mkfifo").arg(at("a/pipe.png")).status().unwrap().success());

        let listing = Listing::of(&at("a")).unwrap();
        assert_eq!(names(&at("a"), &listing.pictures), ["1.png", "link.png"]);
        assert_eq!(names(&at("a"), &listing.directories), ["b", "far"]);
        assert_eq!(counts(&listing.left_out), [(DeadLink, 2), (Loop, 2), (NotFile, 1)]);
        // Each directory once.
        let below = Listing::below(&at("a")).unwrap();
        assert_eq!(names(&at("a"), &below.pictures), ["1.png", "b/2.png", "b/far/3.png", "link.png"]);
        let below = Listing::of_class(&at("b"), false).unwrap();
        assert_eq!(below.left_out.count(Subdirectory), 3);
    }

    #[cfg(unix)]
    #[test]
    fn links_that_fan_out_do_not_multiply() {
        use std::os::unix::fs::symlink;

        // Through each directory two ways lead to the next: 2^30 paths in all.
        let dir = tempfile::tempdir().unwrap();
        for i in 0..30 {
            let here = dir.path().join(format!("{i:02}"));
            fs::create_dir(&here).unwrap();
            fs::write(here.join("1.png"), b"").unwrap();
            for way in ["x", "y"] {
                symlink(format!("../{:02}", i + 1), here.join(way)).unwrap();
            }
        }
        let below = Listing::below(&dir.path().join("00")).unwrap();
        assert_eq!(below.pictures.len(), 30);
        assert_eq!(counts(&below.left_out), [(DeadLink, 2)]);
    }

    #[test]
    fn a_missing_directory_is_an_error() {
        let error = Listing::below(Path::new("no/such/place")).unwrap_err();
        assert!(error.to_string().contains("no/such/place"), "{error}");
    }
}
