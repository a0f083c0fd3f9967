//! What a directory of pictures holds.

use std::{
    fs,
    path::{Path, PathBuf},
};

use super::{DataError, picture::EXTENSIONS};

/// Pictures and directories in a directory, each sorted by name. Hidden ones and symbolic links are left out.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Listing {
    /// Files whose names end as those of pictures do.
    pub pictures: Vec<PathBuf>,
    /// Directories.
    pub directories: Vec<PathBuf>,
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
            let kind = entry.file_type().map_err(read_error)?;
            if entry.file_name().as_encoded_bytes().starts_with(b".") {
                continue;
            }
            if kind.is_dir() {
                listing.directories.push(entry.path());
            } else if kind.is_file() && is_picture(&entry.path()) {
                listing.pictures.push(entry.path());
            }
        }
        listing.pictures.sort_unstable();
        listing.directories.sort_unstable();
        Ok(listing)
    }

    /// All pictures in `dir` and the directories below it, sorted.
    ///
    /// # Errors
    ///
    /// [`DataError::Read`]
    pub fn below(dir: &Path) -> Result<Vec<PathBuf>, DataError> {
        let mut pictures = Vec::new();
        let mut directories = vec![dir.to_path_buf()];
        while let Some(dir) = directories.pop() {
            let listing = Self::of(&dir)?;
            pictures.extend(listing.pictures);
            directories.extend(listing.directories);
        }
        pictures.sort_unstable();
        Ok(pictures)
    }
}

fn is_picture(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    extension.is_some_and(|extension| EXTENSIONS.contains(&extension.to_ascii_lowercase().as_str()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[&str]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        for file in files {
            let path = dir.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, b"").unwrap();
        }
        dir
    }

    #[test]
    fn pictures_and_directories_are_sorted_and_all_else_is_left_out() {
        let dir = tree(&["b.png", "a.JPG", "10.jpeg", "z/1.png", "y/2.png", "notes.txt", "png", ".c.png", ".d/e.png"]);
        let at = |names: &[&str]| names.iter().map(|name| dir.path().join(name)).collect::<Vec<_>>();
        let listing = Listing::of(dir.path()).unwrap();
        assert_eq!(listing, Listing { pictures: at(&["10.jpeg", "a.JPG", "b.png"]), directories: at(&["y", "z"]) });
        assert_eq!(Listing::below(dir.path()).unwrap(), at(&["10.jpeg", "a.JPG", "b.png", "y/2.png", "z/1.png"]));
    }

    #[cfg(unix)]
    #[test]
    fn symbolic_links_are_not_followed() {
        let dir = tree(&["a/1.png"]);
        std::os::unix::fs::symlink(dir.path(), dir.path().join("a/loop")).unwrap();
        std::os::unix::fs::symlink(dir.path().join("a/1.png"), dir.path().join("a/2.png")).unwrap();
        assert_eq!(Listing::below(dir.path()).unwrap(), [dir.path().join("a/1.png")]);
    }

    #[test]
    fn a_missing_directory_is_an_error() {
        let error = Listing::below(Path::new("no/such/place")).unwrap_err();
        assert!(error.to_string().contains("no/such/place"), "{error}");
    }
}
