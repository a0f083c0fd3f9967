//! Files made to harm whoever reads them, damaged files, and what else a directory may hold: no panic, no allocation
//! of more than 64 MiB and four times the file (for a picture: no more memory than pictures may take), and nothing outside
//! the directory.

#[path = "../allocation/mod.rs"]
mod allocation;
mod cifar_files;
mod corpus;
mod idx_files;
mod keras_files;
mod model_files;
mod npz_files;
mod picture_files;
mod readers;
mod run_files;
mod safetensors_files;
mod state_dict_files;

use std::collections::BTreeSet;
use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tempfile::TempDir;

use allocation::measured;
use readers::{READERS, Reader, TINY};
use wgrad::data::picture;

/// Largest allocation for a file of `len` bytes, and most memory in all.
fn most(name: &str, len: usize) -> [usize; 2] {
    if name.starts_with("picture/") {
        return [picture::MOST_MEMORY as usize; 2];
    }
    [(64 << 20) + 4 * len, 2 * ((64 << 20) + 4 * len)]
}

/// Longest that any file of the corpus may take.
const MOST_TIME: Duration = Duration::from_secs(30);

/// A directory for files, in one that must stay as it is.
struct Folder {
    outer: TempDir,
    inner: PathBuf,
}

impl Folder {
    fn new() -> Self {
        let outer = tempfile::tempdir().unwrap();
        let inner = outer.path().join("inner");
        fs::create_dir(&inner).unwrap();
        fs::write(outer.path().join("neighbour"), "untouched").unwrap();
        Self { outer, inner }
    }

    /// Reads `bytes`, and looks at what that did.
    fn read(&self, name: &str, reader: Reader, bytes: &[u8]) -> Result<(), String> {
        let start = Instant::now();
        let (read, peak, largest) = measured(|| catch_unwind(AssertUnwindSafe(|| reader(&self.inner, bytes))));
        let Ok(read) = read else { panic!("{name} panics") };
        let [most_at_once, most] = most(name, bytes.len());
        assert!(largest <= most_at_once, "{name}: an allocation of {largest} bytes for a file of {}", bytes.len());
        assert!(peak <= most, "{name}: {peak} bytes in all for a file of {}", bytes.len());
        assert!(start.elapsed() < MOST_TIME, "{name} takes {:?}", start.elapsed());
        if let Err(message) = &read {
            assert_eq!(message.lines().count(), 1, "{name}: {message}");
        }
        self.check(name);
        read
    }

    /// Makes sure that nothing was written outside.
    fn check(&self, name: &str) {
        let mut entries = names(self.outer.path());
        assert_eq!((entries.pop_first().as_deref(), entries.len()), (Some("inner"), 1), "{name}");
        assert_eq!(fs::read_to_string(self.outer.path().join("neighbour")).unwrap(), "untouched", "{name}");
    }
}

fn names(folder: &Path) -> BTreeSet<String> {
    fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect()
}

/// The committed files of a kind.
fn committed(kind: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/attacks/corpus").join(kind)
}

/// Writes the corpus anew: `cargo test --release --test attacks -- --ignored`.
#[test]
#[ignore = "writes files"]
fn write_the_corpus() {
    for (kind, _) in READERS {
        fs::remove_dir_all(committed(kind)).unwrap_or_default();
        fs::create_dir_all(committed(kind)).unwrap();
    }
    for (kind, name, bytes) in corpus::files() {
        fs::write(committed(kind).join(name), bytes).unwrap();
    }
}

#[test]
fn attacks_do_no_harm() {
    let (mut total, mut wrong) = (0, Vec::new());
    for (kind, reader) in READERS {
        let made: BTreeSet<String> =
            corpus::files().into_iter().filter(|file| file.0 == kind).map(|file| file.1).collect();
        assert_eq!(names(&committed(kind)), made, "{kind}: write the corpus anew");
        let folder = Folder::new();
        for name in made {
            let bytes = fs::read(committed(kind).join(&name)).unwrap();
            assert!(bytes.len() < 1 << 16, "{kind}/{name} has {} bytes", bytes.len());
            total += bytes.len();
            let read = folder.read(&format!("{kind}/{name}"), reader, &bytes);
            // What is no error by itself is called harmless; `either` where the CPU decides.
            let accepted = name.starts_with("valid") || name.starts_with("harmless");
            if read.is_ok() != accepted && !name.starts_with("either") {
                wrong.push(format!("{kind}/{name}: {read:?}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(total < 2 << 20, "{total} bytes");
}

#[test]
fn damaged_files_do_no_harm() {
    for (kind, reader) in READERS {
        let folder = Folder::new();
        for (_, name, whole) in corpus::files().into_iter().filter(|file| file.0 == kind && file.1.starts_with("valid"))
        {
            let step = whole.len().div_ceil(200).max(1);
            let mut refused = 0;
            for len in (0..whole.len()).step_by(step) {
                let cut = folder.read(&format!("{kind}/{name} cut to {len}"), reader, &whole[..len]);
                refused += usize::from(cut.is_err());
            }
            assert!(refused > 0, "{kind}/{name}: every cut is read");
            for flip in 0..1000 {
                let bit = flip * whole.len() * 8 / 1000;
                let mut bytes = whole.clone();
                bytes[bit / 8] ^= 1 << (bit % 8);
                let _ = folder.read(&format!("{kind}/{name} with bit {bit} flipped"), reader, &bytes);
            }
        }
    }
}

/// Long files, too long to commit: each as long as a limit lets it be, or longer.
#[test]
fn long_files_take_no_more_memory() {
    let folder = Folder::new();
    for (kind, name, bytes) in corpus::long_files() {
        let (_, reader) = READERS.iter().find(|(other, _)| *other == kind).unwrap();
        let read = folder.read(&format!("{kind}/{name}"), *reader, &bytes);
        let within = name.ends_with(" 1 MiB") || name.ends_with(" 2 MiB") || name.ends_with(" 4 MiB");
        assert!(read.is_err() || within, "{kind}/{name}");
    }
}

/// Files that are no files.
#[cfg(unix)]
#[test]
fn pipes_devices_and_links() {
    use std::os::unix::fs::symlink;
    use std::process::Command;

    use wgrad::data::{DataError, left_out::Reason, listing::Listing};
    use wgrad::exchange::{Imported, Weights};
    use wgrad::train::TuningCache;

    let folder = Folder::new();
    let path = |name: &str| folder.inner.join(name);
    assert!(Command::new("mkfifo").arg(path("pipe.png")).status().unwrap().success());
    symlink("/dev/zero", path("endless.png")).unwrap();
    symlink("../neighbour", path("outside.png")).unwrap();
    symlink(&folder.inner, path("loop")).unwrap();
    let listing = Listing::below(&folder.inner).unwrap();
    assert_eq!(listing.pictures, [path("outside.png")]);
    assert_eq!([Reason::NotFile, Reason::Loop].map(|reason| listing.left_out.count(reason)), [2, 1]);
    assert!(matches!(picture::read(&path("outside.png"), [8, 8, 3]), Err(DataError::Picture { .. })));
    for name in ["pipe.png", "endless.png"] {
        assert!(matches!(picture::read(&path(name), [8, 8, 3]), Err(DataError::Read { .. })), "{name}");
        assert!(Imported::read(&path(name)).is_err() && Weights::read(&path(name)).is_err(), "{name}");
        assert!(TuningCache::at(&path(name)).load("gpu").is_err(), "{name}");
        for (file, _) in TINY.files() {
            let _ = fs::remove_file(path(file));
            symlink(path(name), path(file)).unwrap();
        }
        assert!(matches!(TINY.load(&folder.inner), Err(DataError::Read { .. })), "{name}");
    }
    folder.check("pipes, devices and links");
}

/// A directory that the archive's files should go to leads elsewhere.
#[cfg(unix)]
#[test]
fn an_archive_is_not_unpacked_through_a_link() {
    let folder = Folder::new();
    let outside = folder.outer.path().join("neighbours");
    fs::create_dir(&outside).unwrap();
    std::os::unix::fs::symlink(&outside, folder.inner.join(TINY.directory.unwrap())).unwrap();
    let (_, _, archive) = corpus::files().into_iter().find(|file| file.1 == "valid.tar.gz").unwrap();
    let error = readers::cifar_archive(&folder.inner, &archive).unwrap_err();
    assert!(error.contains("symbolic link"), "{error}");
    assert_eq!(names(&outside), BTreeSet::new());
}

/// A file that changes while it is read.
#[test]
fn a_file_that_shrinks_and_grows() {
    let folder = Folder::new();
    let path = folder.inner.join("train.bin");
    let whole = TINY.files()[0].1 as usize;
    fs::write(folder.inner.join("test.bin"), vec![0; whole]).unwrap();
    fs::write(&path, vec![0; whole]).unwrap();
    std::thread::scope(|scope| {
        let writer = scope.spawn(|| {
            for len in (0..=2 * whole).cycle().step_by(97).take(20_000) {
                fs::OpenOptions::new().write(true).open(&path).unwrap().set_len(len as u64).unwrap();
            }
        });
        let mut reads = 0;
        while !writer.is_finished() {
            let _ = TINY.load(&folder.inner);
            reads += 1;
        }
        assert!(reads > 10);
    });
}
