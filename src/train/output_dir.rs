//! The directory that a run leaves its files in.

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind, Write};

use std::path::{Path, PathBuf};

use tempfile::{Builder, NamedTempFile};

use super::TrainError;

/// Prefix of the names of files that are not complete yet.
const PARTIAL: &str = ".partial-";

/// The file that the process that works in a run's directory locks.
const LOCK: &str = ".lock";

/// A directory whose files are replaced whole, and only once all of them are safely on disk.
#[derive(Debug)]
pub struct OutputDir {
    path: PathBuf,
    /// The system releases the lock, however the process ends.
    _lock: Option<File>,
}

impl OutputDir {
    /// Creates `path` if it does not exist, and locks it against other processes. Writes a file of `room` bytes and
    /// deletes it again, so that a full disk is noticed before training and not after. Deletes the incomplete files of
    /// a killed process.
    ///
    /// # Errors
    /// [`TrainError::InUse`], [`TrainError::Write`]
    pub fn create(path: &Path, room: usize) -> Result<Self, TrainError> {
        let mut directory = Self::shared(path)?;
        let failed = |source| TrainError::Write { path: path.into(), source };
        directory._lock = match lock(&path.join(LOCK)) {
            Err(TryLockError::WouldBlock) => return Err(TrainError::InUse { path: path.into() }),
            // Some file systems have no locks.
            Err(TryLockError::Error(error)) if error.kind() == ErrorKind::Unsupported => None,
            lock => Some(lock.map_err(|error| failed(error.into()))?),
        };
        for entry in fs::read_dir(path).map_err(failed)?.flatten() {
            if entry.file_name().to_string_lossy().starts_with(PARTIAL) {
                let _ = fs::remove_file(entry.path());
            }
        }
        directory.stage(&vec![0; room]).map_err(failed)?;
        Ok(directory)
    }

    /// Creates `path` if it does not exist, without a lock: other processes may write there too.
    ///
    /// # Errors
    /// [`TrainError::Write`]
    pub fn shared(path: &Path) -> Result<Self, TrainError> {
        let failed = |source| TrainError::Write { path: path.into(), source };
        fs::create_dir_all(path).map_err(failed)?;
        Ok(Self { path: path.into(), _lock: None })
    }

    /// The path of the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes `files`, given as names and contents. A name may have a directory, as in `plots/loss.svg`. If a file
    /// can't be written, the files that were there before stay as they are.
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
        let mut folders = BTreeSet::new();
        for (file, path) in staged {
            folders.extend(path.parent().map(Path::to_path_buf));
            file.persist(&path).map_err(|error| TrainError::Write { path, source: error.error })?;
        }
        for path in folders {
            sync_folder(&path).map_err(|source| TrainError::Write { path, source })?;
        }
        Ok(())
    }

    /// Creates the directory of a file, within this one, if it does not exist.
    fn create_folder(&self, file: &Path) -> io::Result<()> {
        match file.parent() {
            // A link leads to a directory that is not the run's.
            Some(folder) if folder != self.path && folder.is_symlink() => Err(ErrorKind::NotADirectory.into()),
            Some(folder) if folder != self.path && !folder.is_dir() => fs::create_dir(folder),
            _ => Ok(()),
        }
    }

    fn stage(&self, bytes: &[u8]) -> io::Result<NamedTempFile> {
        let mut builder = Builder::new();
        builder.prefix(PARTIAL);
        // Temporary files are private by default, results are not.
        #[cfg(unix)]
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
        let mut file = builder.tempfile_in(&self.path).map_err(without_path)?;
        file.as_file_mut().write_all(bytes)?;
        file.as_file().sync_all()?;
        Ok(file)
    }
}

fn lock(path: &Path) -> Result<File, TryLockError> {
    if path.is_symlink() {
        return Err(TryLockError::Error(io::Error::other(format!("{LOCK} is a symbolic link"))));
    }
    let file = File::options().create(true).append(true).open(path).map_err(TryLockError::Error)?;
    file.try_lock()?;
    Ok(file)
}

/// Makes renames durable: without it, files could have their old names again after a loss of power.
#[cfg(unix)]
fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Other systems have no such function.
#[cfg(not(unix))]
fn sync_folder(_path: &Path) -> io::Result<()> {
    Ok(())
}

/// Removes the name of the temporary file, which tempfile adds to an error and which means nothing to a user.
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
        assert_eq!(fs::read_dir(&path).unwrap().count(), 4, "x, y, z and the lock");
        assert_eq!(fs::read_dir(path.join("z")).unwrap().count(), 1);
    }

    #[test]
    fn one_process_at_a_time_works_in_it() {
        let temporary = tempfile::tempdir().unwrap();
        let first = OutputDir::create(temporary.path(), 1).unwrap();
        assert!(matches!(OutputDir::create(temporary.path(), 1), Err(TrainError::InUse { .. })));
        drop(first);
        let leftover = temporary.path().join(".partial-x");
        fs::write(&leftover, b"half").unwrap();
        OutputDir::create(temporary.path(), 1).unwrap();
        assert!(!leftover.exists());
    }

    #[cfg(unix)]
    #[test]
    fn nothing_is_written_through_a_link() {
        use std::os::unix::fs::symlink;

        let temporary = tempfile::tempdir().unwrap();
        let [path, outside] = ["run", "outside"].map(|name| temporary.path().join(name));
        let directory = OutputDir::create(&path, 1).unwrap();
        fs::create_dir(&outside).unwrap();
        fs::write(outside.join("weights"), "untouched").unwrap();
        symlink(&outside, path.join("plots")).unwrap();
        symlink(outside.join("weights"), path.join("weights")).unwrap();
        directory.write(&[("plots/loss.svg", b"1")]).unwrap_err();
        directory.write(&[("weights", b"1")]).unwrap();
        drop(directory);
        fs::remove_file(path.join(LOCK)).unwrap();
        symlink(outside.join("lock"), path.join(LOCK)).unwrap();
        OutputDir::create(&path, 1).unwrap_err();
        assert_eq!(fs::read_dir(&outside).unwrap().count(), 1);
        assert_eq!(fs::read_to_string(outside.join("weights")).unwrap(), "untouched");
    }

    #[test]
    fn a_place_that_takes_no_files_is_an_error() {
        let file = NamedTempFile::new().unwrap();
        let error = OutputDir::create(&file.path().join("below"), 1).unwrap_err();
        assert!(error.to_string().contains("below"), "{error}");
        let temporary = tempfile::tempdir().unwrap();
        let path = temporary.path().join("gone");
        let directory = OutputDir::shared(&path).unwrap();
        fs::remove_dir(&path).unwrap();
        let error = directory.write(&[("x", b"1")]).unwrap_err().to_string();
        assert!(error.contains("x: ") && !error.contains("at path"), "{error}");
        assert!(directory.write(&[("z/x", b"1")]).is_err());
    }
}
