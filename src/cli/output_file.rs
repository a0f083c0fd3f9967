//! Writes a file completely or not at all.

use std::path::Path;

use anyhow::{Context, anyhow, bail};
use wgrad::train::{OutputDir, TrainError};

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
        TrainError::Write { path, source } => {
            anyhow!("cannot write {}: {source}; check its permissions and the free space", path.display())
        }
        other => other.into(),
    })
}
