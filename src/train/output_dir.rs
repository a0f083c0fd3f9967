//! The directory that a run leaves its files in.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use super::TrainError;

/// A directory whose files are replaced whole, and only once all of them are safely on disk.
#[derive(Debug)]
pub struct OutputDir {
    path: PathBuf,
}

impl OutputDir {
    /// Creates `path` if need be, and makes sure that it takes files of `room` bytes in all, by writing as much and
    /// deleting it again: better before training than after.
    ///
    /// # Errors
    /// [`TrainError::Write`]
    pub fn create(path: &Path, room: usize) -> Result<Self, TrainError> {
        let directory = Self { path: path.into() };
        let failed = |source| TrainError::Write { path: path.into(), source };
        fs::create_dir_all(path).map_err(failed)?;
        directory.stage(&vec![0; room]).map_err(failed)?;
        Ok(directory)
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes `files`, given as names and contents; a name may lead into a directory: `plots/loss.svg`. Where one
    /// can't be written, those of before stay as they were.
    ///
    /// # Errors
    /// [`TrainError::Write`]
    pub fn write(&self, files: &[(&str, &[u8])]) -> Result<(), TrainError> {
        let mut staged = Vec::new();
        for (name, bytes) in files {
            let path = self.path.join(name);
            match self.create_folder(&path).and_then(|()| self.stage(bytes)) {
                Ok(file) => staged.push((file, path)),
                Err(source) => return Err(TrainError::Write { path, source }),
            }
        }
        for (file, path) in staged {
            file.persist(&path).map_err(|error| TrainError::Write { path, source: error.error })?;
        }
        Ok(())
    }

    /// Creates the directory of a file, within this one, if need be.
    fn create_folder(&self, file: &Path) -> io::Result<()> {
        match file.parent() {
            Some(folder) if folder != self.path && !folder.is_dir() => fs::create_dir(folder),
            _ => Ok(()),
        }
    }

    fn stage(&self, bytes: &[u8]) -> io::Result<NamedTempFile> {
        let mut builder = Builder::new();
        // Temporary files are private by default, results are not.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(&self.path).map_err(without_path)?;
        file.as_file_mut().write_all(bytes)?;
        file.as_file().sync_all()?;
        Ok(file)
    }
}

/// tempfile adds its own file's name to an error, which nobody needs to know.
fn without_path(error: io::Error) -> io::Error {
    if error.raw_os_error().is_some() { error } else { error.kind().into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_and_nothing_else_is_left() {
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("a/b");
        let directory = OutputDir::create(&path, 100).unwrap();
        for contents in ["one", "two"] {
            directory.write(&[("x", contents.as_bytes()), ("y", b""), ("z/x", contents.as_bytes())]).unwrap();
            assert_eq!(fs::read_to_string(path.join("x")).unwrap(), contents);
            assert_eq!(fs::read_to_string(path.join("z/x")).unwrap(), contents);
        }
        assert_eq!(fs::read_dir(&path).unwrap().count(), 3);
        assert_eq!(fs::read_dir(path.join("z")).unwrap().count(), 1);
    }

    #[test]
    fn a_place_that_takes_no_files_is_an_error() {
        let file = NamedTempFile::new().unwrap();
        let error = OutputDir::create(&file.path().join("below"), 1).unwrap_err();
        assert!(error.to_string().contains("below"), "{error}");
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("gone");
        let directory = OutputDir::create(&path, 1).unwrap();
        fs::remove_dir(&path).unwrap();
        let error = directory.write(&[("x", b"1")]).unwrap_err().to_string();
        assert!(error.contains("x: ") && !error.contains("at path"), "{error}");
        assert!(directory.write(&[("z/x", b"1")]).is_err());
    }
}
