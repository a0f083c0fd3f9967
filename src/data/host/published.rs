//! Published data sets: which files they have, where those are fetched from, and how they are read.

use std::{
    borrow::Cow,
    fs::File,
    io::{self, BufReader},
    path::Path,
};

use super::{
    DataError, Dataset, Split,
    cifar::{CIFAR10, CIFAR100, CifarFiles},
    idx::{FASHION_MNIST, IdxFiles, MNIST},
};
use crate::file;

/// All sets that wgrad knows.
pub const PUBLISHED: [&PublishedSet; 4] = [&CIFAR10, &CIFAR100, &MNIST, &FASHION_MNIST];

/// A set of images that somebody published, in files of a fixed length.
#[derive(Debug, PartialEq, Eq)]
pub struct PublishedSet {
    /// Its name for programs.
    pub name: &'static str,
    /// Its name in print.
    pub title: &'static str,
    /// The environment variable that may name its directory.
    pub variable: &'static str,
    /// The classes, in label order.
    pub class_names: &'static [&'static str],
    /// The directory inside its archive, if the files come in one.
    pub directory: Option<&'static str>,
    /// The archives that its files are published in.
    pub archives: &'static [Archive],
    /// Its files.
    pub format: Format,
}

/// A compressed file with some or all files of a set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// Its name: `NAME.tar.gz` holds all files of the set in the set's directory, `NAME.gz` the file `NAME`.
    pub name: &'static str,
    /// Where it is published.
    pub url: Cow<'static, str>,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its MD5, in lower-case hex.
    pub md5: Cow<'static, str>,
}

/// The layout of a set's files.
#[derive(Debug, PartialEq, Eq)]
pub enum Format {
    /// Records of labels and an image, as CIFAR has them.
    Cifar(CifarFiles),
    /// Images and labels in files of their own, as MNIST has them.
    Idx(IdxFiles),
}

impl PublishedSet {
    /// The files, those of training images first, and the length of each in bytes.
    pub fn files(&self) -> Vec<(&'static str, u64)> {
        match &self.format {
            Format::Cifar(files) => files.lengths(),
            Format::Idx(files) => files.lengths(),
        }
    }

    /// The names of the archives, for people.
    pub fn archive_names(&self) -> String {
        self.archives.iter().map(|archive| archive.name).collect::<Vec<_>>().join(", ")
    }

    /// Reads the files from `dir`, or from the archive's directory inside it.
    ///
    /// # Errors
    ///
    /// [`DataError::MissingDirectory`], [`DataError::MissingFile`], [`DataError::Truncated`],
    /// [`DataError::WrongSize`], [`DataError::WrongHeader`], [`DataError::BadLabel`] or [`DataError::Read`], each naming
    /// the path.
    pub fn load(&'static self, dir: &Path) -> Result<Dataset, DataError> {
        if !dir.is_dir() {
            return Err(DataError::MissingDirectory { path: dir.into(), set: self });
        }
        let inner = self.directory.map(|directory| dir.join(directory));
        let has_files = self.files().first().is_some_and(|(name, _)| dir.join(name).exists());
        let root = inner.as_deref().filter(|inner| inner.is_dir() && !has_files).unwrap_or(dir);
        let [train, test] = self.read(root)?;
        Ok(Dataset::new(self.name, &root.display().to_string(), self.class_names.iter().copied(), train, test))
    }

    fn read(&'static self, root: &Path) -> Result<[Split; 2], DataError> {
        match &self.format {
            Format::Cifar(files) => files.read(self, root),
            Format::Idx(files) => files.read(self, root),
        }
    }

    /// Opens a file that must have `expected` bytes.
    pub(super) fn open(&'static self, path: &Path, expected: u64) -> Result<BufReader<File>, DataError> {
        let read_error = |source: io::Error| match source.kind() {
            io::ErrorKind::NotFound => DataError::MissingFile { path: path.into(), set: self },
            _ => DataError::Read { path: path.into(), source },
        };
        let file = file::open(path).map_err(read_error)?;
        match file.metadata().map_err(read_error)?.len() {
            actual if actual < expected => Err(DataError::Truncated { path: path.into(), expected, actual }),
            actual if actual > expected => Err(DataError::WrongSize { path: path.into(), expected, actual, set: self }),
            _ => Ok(BufReader::with_capacity(1 << 16, file)),
        }
    }
}

/// The error of a file that had `expected` bytes when it was opened, and could not be read to its end.
pub(super) fn read_error(path: &Path, file: &BufReader<File>, expected: u64, source: io::Error) -> DataError {
    match (source.kind(), file.get_ref().metadata()) {
        // It was cut since it was opened.
        (io::ErrorKind::UnexpectedEof, Ok(now)) => {
            DataError::Truncated { path: path.into(), expected, actual: now.len() }
        }
        _ => DataError::Read { path: path.into(), source },
    }
}
