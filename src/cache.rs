//! The directory in which wgrad keeps what it need not fetch or measure again.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A file or directory that wgrad keeps.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CacheEntry {
    /// Its name in the cache: that of a data set, `tuning.json`, `vector-width.json`, or a directory of shaders that the
    /// software driver compiled, such as `llvmpipe-512`.
    pub name: String,
    /// Where it is.
    pub path: PathBuf,
    /// Bytes of the files in it. Links count as nothing.
    pub bytes: u64,
}

/// wgrad's directory in the user's cache directory, such as `~/.cache/wgrad`; none where the system names no such directory.
pub fn directory() -> Option<PathBuf> {
    directories::BaseDirs::new().map(|dirs| dirs.cache_dir().join("wgrad"))
}

/// What is kept in `directory`, by name; nothing if the directory does not exist.
///
/// # Errors
/// A directory that can't be read.
pub fn entries(directory: &Path) -> io::Result<Vec<CacheEntry>> {
    let files = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        files => files?,
    };
    let mut entries = Vec::new();
    for file in files {
        let file = file?;
        let (name, path) = (file.file_name().to_string_lossy().into_owned(), file.path());
        let bytes = bytes_in(&path)?;
        entries.push(CacheEntry { name, path, bytes });
    }
    entries.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(entries)
}

impl CacheEntry {
    /// Deletes it. Of a link only the link goes.
    ///
    /// # Errors
    /// Something in it can't be deleted.
    pub fn remove(&self) -> io::Result<()> {
        if fs::symlink_metadata(&self.path)?.is_dir() {
            fs::remove_dir_all(&self.path)
        } else {
            fs::remove_file(&self.path)
        }
    }
}

fn bytes_in(path: &Path) -> io::Result<u64> {
    let metadata = fs::symlink_metadata(path)?;
    if !metadata.is_dir() {
        return Ok(if metadata.is_file() { metadata.len() } else { 0 });
    }
    let mut bytes = 0;
    for file in fs::read_dir(path)? {
        bytes += bytes_in(&file?.path())?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_that_does_not_exist_holds_nothing() {
        assert_eq!(entries(Path::new("no/such/directory")).unwrap(), []);
    }

    #[test]
    fn entries_are_measured_and_removed() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().join("wgrad");
        fs::create_dir_all(cache.join("cifar10").join("batches")).unwrap();
        fs::write(cache.join("cifar10").join("batches").join("a.bin"), [0; 30]).unwrap();
        fs::write(cache.join("cifar10").join("b.bin"), [0; 12]).unwrap();
        fs::write(cache.join("tuning.json"), "{}").unwrap();
        let found = entries(&cache).unwrap();
        let sizes: Vec<_> = found.iter().map(|entry| (entry.name.as_str(), entry.bytes)).collect();
        assert_eq!(sizes, [("cifar10", 42), ("tuning.json", 2)]);
        found[0].remove().unwrap();
        assert_eq!(entries(&cache).unwrap(), found[1..]);
        assert_eq!(found[0].remove().unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[cfg(unix)]
    #[test]
    fn what_a_link_points_to_is_kept() {
        let folder = tempfile::tempdir().unwrap();
        let (cache, outside) = (folder.path().join("wgrad"), folder.path().join("outside"));
        fs::create_dir(&cache).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("file"), [0; 9]).unwrap();
        std::os::unix::fs::symlink(&outside, cache.join("cifar10")).unwrap();
        let found = entries(&cache).unwrap();
        assert_eq!((found.len(), found[0].bytes), (1, 0));
        found[0].remove().unwrap();
        assert!(entries(&cache).unwrap().is_empty() && outside.join("file").exists());
    }
}
