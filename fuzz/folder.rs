//! The directory in which a target's files are written.

use std::path::PathBuf;
use std::sync::OnceLock;

use tempfile::TempDir;

#[path = "../tests/attacks/readers.rs"]
mod readers;

/// Reads `bytes` as a file of a kind. The reader must not write anything outside the file's directory.
pub fn read(kind: &str, bytes: &[u8]) {
    static FOLDER: OnceLock<(TempDir, PathBuf)> = OnceLock::new();
    let (outer, inner) = FOLDER.get_or_init(|| {
        let outer = tempfile::tempdir().unwrap();
        let inner = outer.path().join("inner");
        std::fs::create_dir(&inner).unwrap();
        (outer, inner)
    });
    let (_, reader) = readers::READERS.iter().find(|(name, _)| *name == kind).unwrap();
    if let Err(message) = reader(inner, bytes) {
        assert_eq!(message.lines().count(), 1, "{message}");
    }
    assert_eq!(std::fs::read_dir(outer.path()).unwrap().count(), 1);
}
