//! CIFAR-10 (Krizhevsky, 2009) in its official binary layout, and where to find it.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

use super::{
    DataError, Dataset, Split,
    download::{ARCHIVE_NAME, Archive},
};

/// The directory inside the official archive.
pub const DIRECTORY: &str = "cifar-10-batches-bin";
/// The six files of the set: five of training images, then the test images.
pub const FILES: [&str; 6] = [
    "data_batch_1.bin",
    "data_batch_2.bin",
    "data_batch_3.bin",
    "data_batch_4.bin",
    "data_batch_5.bin",
    "test_batch.bin",
];
/// Length of each file: 10,000 records of a label byte and 32x32 red, green and blue planes.
pub const FILE_BYTES: u64 = 10_000 * RECORD as u64;
/// The ten classes, in label order, as in the archive's `batches.meta.txt`.
pub const CLASS_NAMES: [&str; 10] =
    ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"];

const SIDE: usize = 32;
const PLANE: usize = SIDE * SIDE;
const RECORD: usize = 1 + 3 * PLANE;

/// Reads the six files from `dir`, or from `cifar-10-batches-bin` inside it: 50,000 training and
/// 10,000 test images of `[32, 32, 3]`.
///
/// # Errors
///
/// [`DataError::MissingDirectory`], [`DataError::MissingFile`], [`DataError::Truncated`],
/// [`DataError::WrongSize`], [`DataError::BadLabel`] or [`DataError::Read`], each naming the path.
pub fn load(dir: &Path) -> Result<Dataset, DataError> {
    if !dir.is_dir() {
        return Err(DataError::MissingDirectory { path: dir.into() });
    }
    let inner = dir.join(DIRECTORY);
    let root = if inner.is_dir() && !dir.join(FILES[0]).exists() { &inner } else { dir };
    let (test, train) = (&FILES[5..], &FILES[..5]);
    let (train, test) = (read_split(root, train)?, read_split(root, test)?);
    let origin = root.display().to_string();
    Ok(Dataset::new("cifar10", &origin, &CLASS_NAMES, train, test))
}

fn read_split(dir: &Path, files: &[&str]) -> Result<Split, DataError> {
    let images = files.len() * 10_000;
    let mut pixels = Vec::with_capacity(images * 3 * PLANE);
    let mut labels = Vec::with_capacity(images);
    for file in files {
        let path = dir.join(file);
        for (record, bytes) in read_file(&path)?.chunks_exact(RECORD).enumerate() {
            let (value, planes) = (bytes[0], &bytes[1..]);
            if value > 9 {
                return Err(DataError::BadLabel { path, record, value });
            }
            labels.push(value);
            let (red, rest) = planes.split_at(PLANE);
            let (green, blue) = rest.split_at(PLANE);
            for ((&r, &g), &b) in red.iter().zip(green).zip(blue) {
                pixels.extend_from_slice(&[r, g, b]);
            }
        }
    }
    Ok(Split::new([SIDE, SIDE, 3], pixels, labels))
}

fn read_file(path: &Path) -> Result<Vec<u8>, DataError> {
    let read_error = |source: io::Error| match source.kind() {
        io::ErrorKind::NotFound => DataError::MissingFile { path: path.into() },
        _ => DataError::Read { path: path.into(), source },
    };
    let (path_buf, expected) = (path.to_path_buf(), FILE_BYTES);
    // Asked for before reading, so that a huge file of another kind is not read.
    match fs::metadata(path).map_err(read_error)?.len() {
        actual if actual < expected => Err(DataError::Truncated { path: path_buf, expected, actual }),
        actual if actual > expected => Err(DataError::WrongSize { path: path_buf, expected, actual }),
        _ => fs::read(path).map_err(read_error),
    }
}

/// Finds CIFAR-10 in the usual places, or downloads it; see [`Places::find_or_fetch`].
///
/// # Errors
///
/// As [`Places::find_or_fetch`].
pub fn find_or_fetch(data_dir: Option<&Path>) -> Result<Dataset, DataError> {
    Places::new(data_dir).find_or_fetch()
}

/// Where to look for CIFAR-10, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The directory given by `--data-dir`.
    pub data_dir: Option<PathBuf>,
    /// The directory given by the environment variable `CIFAR10_DIR`.
    pub env_dir: Option<PathBuf>,
    /// `wgrad/cifar10` in the user's cache directory, to which downloads go.
    pub cache_dir: Option<PathBuf>,
    /// What to download.
    pub archive: Archive,
}

impl Places {
    /// The user's places and the official archive.
    pub fn new(data_dir: Option<&Path>) -> Self {
        Self {
            data_dir: data_dir.map(Into::into),
            env_dir: env::var_os("CIFAR10_DIR").filter(|dir| !dir.is_empty()).map(Into::into),
            cache_dir: directories::BaseDirs::new().map(|dirs| dirs.cache_dir().join("wgrad").join("cifar10")),
            archive: Archive::official(),
        }
    }

    /// The directory the user named, which is then the only one looked in.
    pub fn named(&self) -> Option<&Path> {
        self.data_dir.as_deref().or(self.env_dir.as_deref())
    }

    /// Reads the set from the named directory, else from the cache, else downloads it there.
    /// A `cifar-10-binary.tar.gz` in the directory looked at is unpacked there if the files are
    /// missing.
    ///
    /// # Errors
    ///
    /// Those of [`load`] and [`Archive::unpack`] for a named directory; otherwise
    /// [`DataError::NotFound`] or [`DataError::NoCacheDirectory`].
    pub fn find_or_fetch(&self) -> Result<Dataset, DataError> {
        if let Some(dir) = self.named() {
            return self.load_or_unpack(dir);
        }
        let cache = self.cache_dir.as_deref();
        let cache = cache.ok_or(DataError::NoCacheDirectory)?;
        let cached = match self.load_or_unpack(cache) {
            Ok(dataset) => return Ok(dataset),
            Err(DataError::MissingDirectory { .. } | DataError::MissingFile { .. }) => "not there".into(),
            Err(error) => {
                log::warn!("{error}");
                error.to_string()
            }
        };
        let fetched = self.archive.fetch(cache).and_then(|()| load(cache));
        fetched.map_err(|reason| DataError::NotFound {
            looked: format!("--data-dir: not given; CIFAR10_DIR: not set; {}: {cached}", cache.display()),
            reason: Box::new(reason),
        })
    }

    fn load_or_unpack(&self, dir: &Path) -> Result<Dataset, DataError> {
        let archive = dir.join(ARCHIVE_NAME);
        match load(dir) {
            Err(DataError::MissingFile { .. }) if archive.is_file() => {
                self.archive.unpack(&archive, dir)?;
                load(dir)
            }
            loaded => loaded,
        }
    }
}
