//! Fetching the CIFAR-10 archive and taking its six files out, so that a directory holds only
//! whole, checked files whatever interrupts the work.

use std::{
    fs::{self, File},
    io::{self, Read, Seek, Write},
    path::Path,
    time::Duration,
};

use flate2::read::GzDecoder;
use indicatif::{HumanBytes, ProgressBar, ProgressStyle};
use md5::{Digest, Md5};
use tempfile::NamedTempFile;

use super::{
    DataError,
    cifar10::{DIRECTORY, FILE_BYTES, FILES},
    hex,
};

/// Name under which an archive fetched by hand is recognised.
pub const ARCHIVE_NAME: &str = "cifar-10-binary.tar.gz";

// An offline machine should learn so quickly; a slow line may take its time in total.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const READ_TIMEOUT: Duration = Duration::from_secs(30);

/// Where an archive of CIFAR-10 is and what it must be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Archive {
    /// Address of the gzipped tar file.
    pub url: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its MD5, in lower-case hex.
    pub md5: String,
    /// Length in bytes of each of the six files in it.
    pub member_bytes: u64,
}

impl Archive {
    /// The set's home; address and MD5 are from <https://www.cs.toronto.edu/~kriz/cifar.html>.
    pub fn official() -> Self {
        Self {
            url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz".into(),
            bytes: 170_052_171,
            md5: "c32a1d4ab5d03f1284b67883e8d87530".into(),
            member_bytes: FILE_BYTES,
        }
    }

    /// Downloads the archive, checks it and unpacks it below `dir`, which is created if need be;
    /// the archive itself is not kept.
    ///
    /// # Errors
    ///
    /// [`DataError::Download`] where the server can't be reached or refuses,
    /// [`DataError::Interrupted`] where it stops early, [`DataError::ArchiveLength`],
    /// [`DataError::ArchiveChecksum`] and [`DataError::ArchiveMember`] where what it sends is not
    /// the archive, [`DataError::Write`] where `dir` can't be written.
    pub fn fetch(&self, dir: &Path) -> Result<(), DataError> {
        fs::create_dir_all(dir).map_err(|source| write_error(dir, source))?;
        // Without a name, it is gone whenever and however this process ends.
        let mut file = tempfile::tempfile_in(dir).map_err(|source| write_error(dir, source))?;
        self.download(&mut file, dir)?;
        self.check_and_extract(&mut file, &self.url, dir)
    }

    /// Checks the archive at `path` and unpacks it below `dir`.
    ///
    /// # Errors
    ///
    /// As [`fetch`](Self::fetch), except for those of the network, and [`DataError::Read`].
    pub fn unpack(&self, path: &Path, dir: &Path) -> Result<(), DataError> {
        let mut file = File::open(path).map_err(|source| DataError::Read { path: path.into(), source })?;
        self.check_and_extract(&mut file, &path.display().to_string(), dir)
    }

    fn download(&self, file: &mut File, dir: &Path) -> Result<(), DataError> {
        let agent = ureq::Agent::config_builder()
            .timeout_resolve(Some(RESOLVE_TIMEOUT))
            .timeout_connect(Some(CONNECT_TIMEOUT))
            .timeout_per_read(Some(READ_TIMEOUT))
            .build()
            .new_agent();
        let response = agent.get(&self.url).call();
        let mut body = response
            .map_err(|source| DataError::Download { url: self.url.clone(), source: Box::new(source) })?
            .into_body();
        if let Some(actual) = body.content_length().filter(|&len| len != self.bytes) {
            return Err(self.length_error(&self.url, actual));
        }

        let interrupted =
            |received, source| DataError::Interrupted { url: self.url.clone(), expected: self.bytes, received, source };
        let mut progress = Progress::new(self);
        let mut received = 0;
        let mut reader = body.as_reader();
        let mut chunk = vec![0; 1 << 16];
        loop {
            let len = match reader.read(&mut chunk) {
                Ok(0) => break,
                Ok(len) => len,
                Err(source) if source.kind() == io::ErrorKind::Interrupted => continue,
                Err(source) => return Err(interrupted(received, source)),
            };
            received += len as u64;
            if received > self.bytes {
                return Err(self.length_error(&self.url, received));
            }
            file.write_all(&chunk[..len]).map_err(|source| write_error(dir, source))?;
            progress.at(received);
        }
        if received < self.bytes {
            return Err(interrupted(received, io::ErrorKind::UnexpectedEof.into()));
        }
        Ok(())
    }

    fn check_and_extract(&self, file: &mut File, origin: &str, dir: &Path) -> Result<(), DataError> {
        let read_error = |source| DataError::Read { path: origin.into(), source };
        let actual = file.metadata().map_err(read_error)?.len();
        if actual != self.bytes {
            return Err(self.length_error(origin, actual));
        }
        let actual = file.rewind().and_then(|()| md5_of(file)).map_err(read_error)?;
        if actual != self.md5 {
            return Err(DataError::ArchiveChecksum { origin: origin.into(), expected: self.md5.clone(), actual });
        }
        file.rewind().map_err(read_error)?;
        self.extract(file, origin, &dir.join(DIRECTORY))
    }

    /// Copies the six files to `dir`, by name: no path in the archive is ever followed.
    fn extract(&self, file: &mut File, origin: &str, dir: &Path) -> Result<(), DataError> {
        let member_error = |member: &str, problem: String| DataError::ArchiveMember {
            origin: origin.into(),
            member: member.into(),
            problem,
        };
        let unreadable = |source: io::Error| member_error("contents", format!("unreadable: {source}"));
        fs::create_dir_all(dir).map_err(|source| write_error(dir, source))?;
        let mut missing = FILES.to_vec();
        // Room for the six files, their headers and the two small texts beside them.
        let plain = GzDecoder::new(file).take(FILES.len() as u64 * self.member_bytes + (1 << 20));
        let mut tar = tar::Archive::new(plain);
        for entry in tar.entries().map_err(unreadable)? {
            let mut entry = entry.map_err(unreadable)?;
            let path = entry.path().map_err(unreadable)?;
            let Some(at) = missing.iter().position(|name| path == Path::new(DIRECTORY).join(name)) else {
                continue;
            };
            let name = missing.swap_remove(at);
            if entry.size() != self.member_bytes {
                let problem = format!("has {} bytes instead of {}", entry.size(), self.member_bytes);
                return Err(member_error(name, problem));
            }
            let target = dir.join(name);
            let mut whole = NamedTempFile::new_in(dir).map_err(|source| write_error(dir, source))?;
            let copied = io::copy(&mut entry, &mut whole).map_err(|source| write_error(&target, source))?;
            if copied != self.member_bytes {
                return Err(member_error(name, format!("ends after {copied} bytes")));
            }
            whole.persist(&target).map_err(|error| write_error(&target, error.error))?;
            if missing.is_empty() {
                return Ok(());
            }
        }
        Err(member_error(&missing.join(", "), "missing".into()))
    }

    fn length_error(&self, origin: &str, actual: u64) -> DataError {
        DataError::ArchiveLength { origin: origin.into(), expected: self.bytes, actual }
    }
}

fn write_error(path: &Path, source: io::Error) -> DataError {
    DataError::Write { path: path.into(), source }
}

fn md5_of(file: &mut File) -> io::Result<String> {
    let mut md5 = Md5::new();
    let mut chunk = vec![0; 1 << 16];
    loop {
        match file.read(&mut chunk)? {
            0 => return Ok(hex(&md5.finalize())),
            len => md5.update(&chunk[..len]),
        }
    }
}

/// A bar where standard error is a terminal, a line for each tenth elsewhere.
struct Progress {
    bar: ProgressBar,
    total: u64,
    tenths: u64,
}

impl Progress {
    fn new(archive: &Archive) -> Self {
        let bar = ProgressBar::new(archive.bytes);
        if let Ok(style) = ProgressStyle::with_template("{msg} {wide_bar} {bytes}/{total_bytes} {eta}") {
            bar.set_style(style);
        }
        bar.set_message("CIFAR-10");
        eprintln!("downloading {} ({})", archive.url, HumanBytes(archive.bytes));
        Self { bar, total: archive.bytes, tenths: 0 }
    }

    fn at(&mut self, received: u64) {
        self.bar.set_position(received);
        let tenths = received * 10 / self.total.max(1);
        if self.bar.is_hidden() && tenths > self.tenths {
            eprintln!("downloaded {} %", tenths * 10);
        }
        self.tenths = tenths;
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}
