//! Measured choices, kept for the next run.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};
use tempfile::NamedTempFile;

use super::TrainError;
use crate::cache;
use crate::file;
use crate::graph::{Dispatch, Tuning};
use crate::kernel::MicroKernel;
use crate::text::one_line;

/// Largest file that is read: one that wgrad wrote is far smaller.
const MOST_BYTES: u64 = 4 << 20;

/// A file of choices by the device and the shaders that they were measured with.
#[derive(Clone, Debug)]
pub struct TuningCache {
    path: PathBuf,
}

impl TuningCache {
    /// `wgrad/tuning.json` in the user's cache directory; none where the system names no such directory.
    pub fn of_user() -> Option<Self> {
        cache::directory().map(|cache| Self::at(&cache.join("tuning.json")))
    }

    /// The file `path`, which need not exist.
    pub fn at(path: &Path) -> Self {
        Self { path: path.into() }
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What choices hold for: adapter, driver, lanes of a subgroup, and a hash of the shaders of `dispatches`, of all
    /// micro-kernels, and of the manifest, which names the version of wgpu.
    pub fn key(info: &wgpu::AdapterInfo, dispatches: &[Dispatch]) -> String {
        let texts: BTreeSet<String> = dispatches.iter().map(|dispatch| dispatch.kernel().module().text).collect();
        let files = MicroKernel::ALL.into_iter().flat_map(|kernel| kernel.source()).map(|file| file.text());
        let manifest = include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml"));
        let mut hash = Sha256::new();
        let texts = texts.into_iter().map(Cow::from);
        for text in texts.chain(files).chain([manifest.into()]) {
            hash.update(text.len().to_le_bytes());
            hash.update(&*text);
        }
        let shaders: String = hash.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect();
        let wgpu::AdapterInfo { name, backend, driver, driver_info, .. } = info;
        let lanes = format!("{} to {} lanes", info.subgroup_min_size, info.subgroup_max_size);
        format!("{name}, {backend}, {driver} {driver_info}, {lanes}, shaders {shaders}")
    }

    /// The choices for `key`; none where the file or the key is missing.
    ///
    /// # Errors
    /// [`TrainError::TuningCache`] where the file can't be read or understood.
    pub fn load(&self, key: &str) -> Result<Tuning, TrainError> {
        Ok(self.read()?.remove(key).unwrap_or_default())
    }

    /// Sets the choices for `key`, and keeps those of other keys; an unreadable file is replaced.
    ///
    /// # Errors
    /// [`TrainError::Write`]
    pub fn store(&self, key: &str, tuning: &Tuning) -> Result<(), TrainError> {
        let failed = |source| TrainError::Write { path: self.path.clone(), source };
        let mut all = self.read().unwrap_or_default();
        all.entry(key.to_owned()).or_default().extend(tuning.clone());
        let folder = self.path.parent().unwrap_or(Path::new("."));
        fs::create_dir_all(folder).map_err(failed)?;
        let text = serde_json::to_string_pretty(&all).map_err(|error| failed(error.into()))? + "\n";
        let mut file = NamedTempFile::new_in(folder).map_err(failed)?;
        file.write_all(text.as_bytes()).map_err(failed)?;
        file.as_file().sync_all().map_err(failed)?;
        file.persist(&self.path).map_err(|error| failed(error.error))?;
        Ok(())
    }

    fn read(&self) -> Result<BTreeMap<String, Tuning>, TrainError> {
        let broken = |reason: String| TrainError::TuningCache { path: self.path.clone(), reason };
        let text = match file::read_text(&self.path, MOST_BYTES) {
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(BTreeMap::new()),
            text => text.map_err(|error| broken(error.to_string()))?,
        };
        serde_json::from_str(&text).map_err(|error| broken(one_line(&error.to_string())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::graph::ProductChoice;

    fn tuning(key: &str) -> Tuning {
        let mut tuning = Tuning::default();
        tuning.insert(key.into(), ProductChoice::of(MicroKernel::Direct, 3));
        tuning
    }

    #[test]
    fn choices_are_kept_by_key() {
        let folder = tempfile::tempdir().unwrap();
        let cache = TuningCache::at(&folder.path().join("a").join("tuning.json"));
        assert!(cache.load("gpu").unwrap().is_empty());
        cache.store("gpu", &tuning("one")).unwrap();
        cache.store("gpu", &tuning("two")).unwrap();
        cache.store("other", &tuning("three")).unwrap();
        let mut both = tuning("one");
        both.extend(tuning("two"));
        assert_eq!(cache.load("gpu").unwrap(), both);
        assert_eq!(cache.load("other").unwrap(), tuning("three"));
    }

    #[test]
    fn a_broken_file_is_an_error_and_can_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let cache = TuningCache::at(&folder.path().join("tuning.json"));
        for text in ["", "{", "[]", "{\"gpu\": {\"one\": {\"kernel\": \"warp\", \"parts\": 1}}}", "\u{0}"] {
            fs::write(cache.path(), text).unwrap();
            let error = cache.load("gpu").unwrap_err().to_string();
            assert!(error.contains("tuning.json"), "{error}");
        }
        cache.store("gpu", &tuning("one")).unwrap();
        assert_eq!(cache.load("gpu").unwrap(), tuning("one"));
    }
}
