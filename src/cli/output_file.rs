//! A file that is written whole or not at all.

use std::path::Path;

use anyhow::{Context, anyhow};
use wgrad::train::OutputDir;

/// Writes `bytes` to `path`, in place of what stands there.
pub fn write_file(path: &Path, bytes: &[u8]) -> anyhow::Result<()> {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.with_context(|| format!("--out {} names no file", path.display()))?;
    if path.is_dir() {
        return Err(anyhow!("--out {} is a directory; name a file", path.display()));
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    OutputDir::create(folder, 0)?.write(&[(name, bytes)])?;
    Ok(())
}
