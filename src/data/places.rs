//! Where a data set may lie on the user's machine.

use std::{
    env,
    path::{Path, PathBuf},
};

use super::{Cifar, DataError, Dataset, download::Archive};

/// Where to look for a data set, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The directory given by `--data-dir`.
    pub data_dir: Option<PathBuf>,
    /// The directory given by the set's environment variable.
    pub env_dir: Option<PathBuf>,
    /// `wgrad/NAME` in the user's cache directory, to which downloads go.
    pub cache_dir: Option<PathBuf>,
    /// What to look for, and to download.
    pub archive: Archive,
}

impl Places {
    /// The user's places, and the official archive of `set`.
    pub fn new(set: &'static Cifar, data_dir: Option<&Path>) -> Self {
        Self {
            data_dir: data_dir.map(Into::into),
            env_dir: env::var_os(set.variable).filter(|dir| !dir.is_empty()).map(Into::into),
            cache_dir: directories::BaseDirs::new().map(|dirs| dirs.cache_dir().join("wgrad").join(set.name)),
            archive: Archive::official(set),
        }
    }

    /// The directory the user named, which is then the only one looked in.
    pub fn named(&self) -> Option<&Path> {
        self.data_dir.as_deref().or(self.env_dir.as_deref())
    }

    /// Reads the set from the named directory, else from the cache, else downloads it there.
    /// An archive in the directory looked at is unpacked there if the files are missing.
    ///
    /// # Errors
    ///
    /// Those of [`Cifar::load`] and [`Archive::unpack`] for a named directory; otherwise
    /// [`DataError::NotFound`] or [`DataError::NoCacheDirectory`].
    pub fn find_or_fetch(&self) -> Result<Dataset, DataError> {
        if let Some(dir) = self.named() {
            return self.load_or_unpack(dir);
        }
        let set = self.archive.set;
        let cache = self.cache_dir.as_deref();
        let cache = cache.ok_or(DataError::NoCacheDirectory { set })?;
        let cached = match self.load_or_unpack(cache) {
            Ok(dataset) => return Ok(dataset),
            Err(DataError::MissingDirectory { .. } | DataError::MissingFile { .. }) => "not there".into(),
            Err(error) => {
                log::warn!("{error}");
                error.to_string()
            }
        };
        let fetched = self.archive.fetch(cache).and_then(|()| set.load(cache));
        fetched.map_err(|reason| DataError::NotFound {
            set,
            looked: format!("--data-dir: not given; {}: not set; {}: {cached}", set.variable, cache.display()),
            reason: Box::new(reason),
        })
    }

    fn load_or_unpack(&self, dir: &Path) -> Result<Dataset, DataError> {
        let set = self.archive.set;
        let archive = dir.join(set.archive);
        match set.load(dir) {
            Err(DataError::MissingFile { .. }) if archive.is_file() => {
                self.archive.unpack(&archive, dir)?;
                set.load(dir)
            }
            loaded => loaded,
        }
    }
}
