//! Reads files that may come from anybody. Only regular files are read, and only up to a length that the caller allows.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use serde::Serializer;

/// Opens a regular file.
///
/// # Errors
/// The file does not open, or it is something else, such as a pipe or a device, which may never end.
pub fn open(path: &Path) -> io::Result<File> {
    // This is checked before opening, because opening a pipe waits for its other end.
    let metadata = fs::metadata(path)?;
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    File::open(path)
}

/// Reads a regular file of at most `most` bytes. Bytes that another program appends meanwhile are left out.
///
/// # Errors
/// The errors of [`open`]; the file is longer than `most` or than the memory that is left; reading fails.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let file = open(path)?;
    let len = file.metadata()?.len();
    if len > most {
        let reason = format!("it has {len} bytes, but such a file may have {most} at most");
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, reason));
    }
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(usize::try_from(len).map_err(io::Error::other)?)?;
    file.take(len).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Reads a text file as [`read`] does.
///
/// # Errors
/// The errors of [`read`], or the file is not UTF-8.
pub fn read_text(path: &Path, most: u64) -> io::Result<String> {
    String::from_utf8(read(path, most)?).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error.utf8_error()))
}

/// Writes a path that is not UTF-8 with replacement characters, so that it does not keep a run from being recorded.
pub(crate) fn serialize_path<S: Serializer>(path: &Option<PathBuf>, serializer: S) -> Result<S::Ok, S::Error> {
    match path {
        Some(path) => serializer.collect_str(&path.display()),
        None => serializer.serialize_none(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn longer_files_are_refused() {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs::write(file.path(), "ab\u{e9}").unwrap();
        assert_eq!(read_text(file.path(), 4).unwrap(), "ab\u{e9}");
        assert_eq!(read(file.path(), 3).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        fs::write(file.path(), [0xff]).unwrap();
        assert_eq!(read_text(file.path(), 4).unwrap_err().kind(), io::ErrorKind::InvalidData);
        assert_eq!(read(Path::new("src"), 4).unwrap_err().kind(), io::ErrorKind::IsADirectory);
        assert_eq!(read(Path::new("no/such/file"), 4).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[cfg(unix)]
    #[test]
    fn files_that_never_end_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        let pipe = folder.path().join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        for path in [pipe.as_path(), Path::new("/dev/zero")] {
            let error = read(path, u64::MAX).unwrap_err().to_string();
            assert!(error.contains("not a regular file"), "{error}");
        }
    }
}
