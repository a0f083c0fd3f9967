//! Writes a file completely or not at all.

use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use thiserror::Error;
use wgrad::train::{OutputDir, TrainError};

/// A file that the user named can't be written or deleted.
#[derive(Debug, Error)]
#[error("cannot {verb} {}: {source}; check its permissions and the free space", path.display())]
pub struct NotWritten {
    /// `write` or `delete`.
    pub verb: &'static str,
    /// The file.
    pub path: PathBuf,
    /// Why.
    pub source: io::Error,
}

/// Writes `bytes` to `path` and replaces a file that is there.
pub fn write_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    if path.is_dir() {
        bail!("{} is a directory; give the name of a file to write", path.display());
    }
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name
        .with_context(|| format!("{} is not the name of a file; give the name of a file to write", path.display()))?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let written = OutputDir::shared(folder).and_then(|folder| folder.write(&[(name, bytes)]));
    written.map_err(|error| match error {
        TrainError::Write { path, source } => NotWritten { verb: "write", path, source }.into(),
        other => other.into(),
    })
}
