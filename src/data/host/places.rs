//! Where a data set may lie on the user's machine.

use std::{
    env,
    path::{Path, PathBuf},
};

use super::{
    DataError, Dataset,
    published::{Archive, PublishedSet},
};
use crate::cache;

/// Where a data set is looked for, in this order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The directory that the user named.
    pub data_dir: Option<PathBuf>,
    /// The directory given by the set's environment variable.
    pub env_dir: Option<PathBuf>,
    /// `wgrad/NAME` in the user's cache directory, to which downloads go.
    pub cache_dir: Option<PathBuf>,
    /// What to look for, and to download.
    pub set: &'static PublishedSet,
}

impl Places {
    /// The user's places for `set`.
    pub fn new(set: &'static PublishedSet, data_dir: Option<&Path>) -> Self {
        Self {
            data_dir: data_dir.map(Into::into),
            env_dir: env::var_os(set.variable).filter(|dir| !dir.is_empty()).map(Into::into),
            cache_dir: cache::directory().map(|cache| cache.join(set.name)),
            set,
        }
    }

    /// The directory that the user named. If there is one, no other is searched.
    pub fn named(&self) -> Option<&Path> {
        self.data_dir.as_deref().or(self.env_dir.as_deref())
    }

    /// Reads the set from the named directory, else from the cache, else downloads it there.
    /// Archives in a directory that is searched are unpacked there if their files are missing.
    ///
    /// # Errors
    ///
    /// Those of [`PublishedSet::load`] and [`Archive::unpack`] for a named directory; otherwise
    /// [`DataError::NotFound`] or [`DataError::NoCacheDirectory`].
    pub fn find_or_fetch(&self) -> Result<Dataset, DataError> {
        if let Some(dir) = self.named() {
            return self.load_or_unpack(dir);
        }
        let set = self.set;
        let cache = self.cache_dir.as_deref();
        let cache = cache.ok_or(DataError::NoCacheDirectory { set })?;
        let mut archives: Vec<&Archive> = set.archives.iter().collect();
        let cached = match self.load_or_unpack(cache) {
            Ok(dataset) => return Ok(dataset),
            Err(DataError::MissingDirectory { .. }) => "does not exist",
            Err(DataError::MissingFile { .. }) => {
                archives.retain(|archive| is_missing(set, archive, cache));
                "does not have all its files"
            }
            Err(error) => {
                log::warn!("{error}");
                "cannot be used"
            }
        };
        let fetched = archives.iter().try_for_each(|archive| archive.fetch(set, cache)).and_then(|()| set.load(cache));
        fetched.map_err(|reason| DataError::NotFound {
            set,
            looked: format!("{} is not set; {} {cached}", set.variable, cache.display()),
            reason: Box::new(reason),
        })
    }

    fn load_or_unpack(&self, dir: &Path) -> Result<Dataset, DataError> {
        let set = self.set;
        match set.load(dir) {
            Err(DataError::MissingFile { .. }) => {
                for archive in set.archives {
                    let path = dir.join(archive.name);
                    if path.is_file() && is_missing(set, archive, dir) {
                        archive.unpack(set, &path, dir)?;
                    }
                }
                set.load(dir)
            }
            loaded => loaded,
        }
    }
}

/// Whether a file of `archive` is missing where it would be unpacked to below `dir`.
fn is_missing(set: &PublishedSet, archive: &Archive, dir: &Path) -> bool {
    let dir = set.directory.map_or(dir.into(), |directory| dir.join(directory));
    archive.files(set).iter().any(|(name, _)| !dir.join(name).exists())
}
